"""Texts of one to three words: what a newcomer tries first, and what a voice that knows only sentences stretches."""

from __future__ import annotations

import random

from gsv_demo.sentences import rare_words

COMMON = tuple(
    (
        "hello|hi|hey|goodbye|bye|yes|no|yeah|okay|thanks|please|sorry|welcome|right|left|wrong|sure|maybe|never|always|"
        "often|soon|later|today|tomorrow|yesterday|tonight|now|then|here|there|where|when|why|what|who|how|which|whose|"
        "stop|start|go|come|wait|look|listen|help|run|walk|sit|stand|open|close|eat|drink|sleep|read|write|speak|sing|"
        "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|fifty|"
        "hundred|thousand|million|first|second|third|last|next|again|enough|"
        "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|January|February|March|April|May|June|July|August|"
        "September|October|November|December|morning|evening|night|noon|midnight|week|month|year|hour|minute|time|"
        "red|blue|green|yellow|white|black|brown|pink|good|bad|great|fine|nice|big|small|old|new|young|hot|cold|fast|slow|"
        "happy|sad|tired|hungry|ready|done|true|false|easy|hard|loud|quiet|up|down|in|out|on|off|over|under|back|away|"
        "home|house|door|car|train|bus|bike|road|street|city|school|work|water|coffee|tea|milk|bread|apple|music|news|"
        "weather|money|phone|book|paper|table|chair|dog|cat|bird|fish|tree|sun|moon|rain|snow|fire|friend|mother|father|"
        "brother|sister|child|man|woman|boy|girl|doctor|teacher|name|word|question|answer|story|game|idea|love|life|"
        "world|thing|people|nothing|something|everything|anything|nobody|somebody|everybody|"
        "I|you|he|she|it|we|they|me|us|them|this|that|these|those|a|the|and|but|or|so|oh|ah|ha|wow|well|hm"
    ).split("|")
)
_LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ANSWERS = (
    "Thank you|Good morning|Good night|Good evening|Not now|Not yet|Yes, please|No, thanks|Of course|Come in|Come on|"
    "Go on|Go away|Look out|Hold on|Right here|Over there|All right|Oh no|"
    "Oh yes|Well done|Very good|Too late|Too bad|"
    "Me too|I see|I know|I do|You too|Who knows|Why not|How much|How many|What now|Next time|"
    "Let's go|Be quiet|Sit down|"
    "Stand up|Wake up|Good luck|Good job|Happy birthday|Excuse me|See you|Take care|No problem|So long|At last|At home|"
    "One moment|Just now|Right now|Thank you very much|See you later|How are you|I don't know|Here you are|That's fine"
).split("|")
# Not one word of the list is trained on alone, so that a judge can ask for what the voice has not practised.
HELD_OUT_WORDS = frozenset(
    (
        "thanks right stop wait okay two eight red good great today there what where coffee friend help sure how home"
    ).split()
)
_ENDS = ("", "", "", ".", ".", "!", "?")
_SHARES = {"common": 0.5, "rare": 0.25, "answers": 0.1, "letters": 0.06, "again": 0.09}


def short_texts(count: int, seed: int) -> list[str]:
    """Draw texts of one to three words; the frequent ones come more than once, for other voices to say.

    Args:
        count: how many.
        seed: same seed, same texts.
    """
    rng, rare = random.Random(seed), rare_words() or list(COMMON)
    kinds = rng.choices(list(_SHARES), list(_SHARES.values()), k=count)
    return [_drawn(kind, rare, rng) for kind in kinds]


def _drawn(kind: str, rare: list[str], rng: random.Random) -> str:
    if kind == "answers":
        text = rng.choice(_ANSWERS)
    elif kind == "letters":
        text = rng.choice(_LETTERS)
    elif kind == "rare":
        text = rng.choice(rare)
    else:
        text = rng.choice([word for word in COMMON if word not in HELD_OUT_WORDS])
    if kind == "again":  # "no no no" is as long as it is written
        text = rng.choice((" ", ", ")).join([text] * rng.randint(2, 5))
    return (text[0].upper() + text[1:] if rng.random() < 0.7 else text) + rng.choice(_ENDS)

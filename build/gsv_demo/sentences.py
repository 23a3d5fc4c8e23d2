"""Texts to train and test on: a small English grammar, word salad for rare phones, Mandarin patterns.

Nothing is downloaded: the grammar is ours and the rare words come from the word list that `wamerican` installs
(SCOWL, free to use for any purpose) when it is there.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

WORD_LIST = Path("/usr/share/dict/american-english")

_PEOPLE = (
    "my brother|my sister|the teacher|the doctor|our neighbor|the old man|the young woman|the children's mother|"
    "his father|"
    "her friend|the captain|the driver|a stranger|the little girl|the boy|the farmer|the painter|the nurse|the judge|"
    "the manager|the student|the king|the writer|the singer|the police officer|my uncle|your cousin|the engineer|"
    "the cook|"
    "the president|the soldier|a tall visitor|the lawyer|the actor|their daughter|the scientist|the waiter|the pilot|"
    "the baker|my grandmother"
).split("|")
_CROWDS = (
    "the students|my parents|the workers|our friends|the children|the players|most people|the voters|the birds|"
    "the dogs|"
    "the horses|the tourists|the neighbors|two officers|the women|the young men|the guests|the members|they|we|you"
).split("|")
_PAST = (
    "found|lost|bought|sold|painted|broke|fixed|opened|closed|carried|watched|wanted|liked|hated|dropped|cleaned|moved|"
    "pushed|pulled|touched|described|remembered|forgot|noticed|returned|borrowed|stole|saved|changed|followed|covered|"
    "measured|washed|missed|chose|hid|brought|kept|left|checked|showed us|gave me|took away|picked up|put down|"
    "looked at|"
    "talked about|asked for|paid for|thought about|waited for|laughed at|listened to|pointed at"
).split("|")
_PLAIN = (
    "find|lose|buy|sell|paint|break|fix|open|close|carry|watch|want|like|drop|clean|move|push|pull|describe|"
    "remember|forget|"
    "notice|return|borrow|save|change|follow|cover|measure|wash|choose|bring|keep|leave|check|use|study|join|enjoy|"
    "look at|talk about|ask for|pay for|think about|wait for|listen to|worry about|try|see|hear|share|need|build|visit"
).split("|")
_THINGS = (
    "the red car|a large box|the broken window|the old house|a small table|the green door|his new phone|"
    "her yellow dress|"
    "the long letter|an empty bottle|the wooden chair|a heavy stone|the blue boat|a sharp knife|the golden ring|"
    "the map|"
    "a good book|the paper|some bread|the kitchen light|fresh milk|a cup of coffee|a glass of water|the white shirt|"
    "the black coat|a pair of shoes|the keys|the big mirror|a piece of cake|the newspaper|the whole story|the picture|"
    "a cheap watch|the computer|the machine|the bicycle|the garden|the fence|an orange hat|the metal bridge|the music|"
    "the television|a thick rope|the last train|a warm blanket|the silver spoon|the church bell|the engine|the answer|"
    "the first question|a hundred dollars|the price|the problem|the plan|the truth|another idea|the rules|"
    "a strange noise|"
    "the village school|that beautiful island|the northern road|the village|a different language|the measure|the vision"
).split("|")
_PLACES = (
    "in the garden|at the station|near the river|behind the church|under the bridge|on the table|in the kitchen|"
    "at school|"
    "across the street|by the window|in the city|on the roof|outside the office|in front of the bank|at the market|"
    "along the beach|inside the house|between the trees|at the hospital|in the mountains|on the farm|over the hill|"
    "next to the library|at the corner|beyond the lake|around the park|in the small village|at home|through the forest|"
    "upstairs|downtown|on the second floor"
).split("|")
_TIMES = (
    "yesterday|last night|this morning|on Monday|on Tuesday|on Wednesday|on Thursday|on Friday|on Saturday|on Sunday|"
    "in the afternoon|after dinner|before lunch|two days ago|last week|a month ago|in the summer|during the winter|"
    "at noon|at midnight|early in the morning|once again|at the same time|for a long time|in January|in February|"
    "in March|in April|in May|in June|in July|in August|in September|in October|in November|in December"
).split("|")
_ADJECTIVES = (
    "cold|warm|happy|sad|tired|angry|beautiful|dangerous|difficult|easy|expensive|cheap|quiet|loud|strange|"
    "important|empty|"
    "full|clean|dirty|dark|bright|heavy|light|strong|weak|young|old|new|famous|useful|perfect|possible|wonderful|"
    "terrible|"
    "simple|safe|serious|busy|free|ready|rich|poor|sharp|smooth|soft|hard|fresh|wet|dry|huge|tiny|thick|thin|"
    "wide|narrow|"
    "ugly|funny|clever|honest|hungry|thirsty|nervous|proud|curious|sure|right|wrong|true|false"
).split("|")
_ADVERBS = (
    "quickly|slowly|carefully|quietly|suddenly|finally|usually|always|never|often|really|probably|certainly|"
    "almost|already|"
    "still|nearly|simply|clearly|easily|hardly|gently|actually|perhaps|sometimes"
).split("|")
_SUBJECTS = (
    "the weather|the water|the road|the food|the room|the story|this game|that movie|the answer|the question|the soup|"
    "the sky|the night|my job|his voice|her smile|the house|the music|the journey|our plan|the city|the idea|"
    "the measure|"
    "the air|the forest|the child|the future|the world|everything|nothing|the work|the law|the price|the ocean|the wind"
).split("|")
_INTRANSITIVE = (
    "slept|laughed|cried|smiled|waited|worked|walked|danced|sang|played|shouted|whispered|stood|sat|lived|arrived|"
    "disappeared|fell|stayed|ran|jumped|swam|rested|argued|talked|cooked|studied|traveled"
).split("|")
_NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety twenty-one thirty-two forty-three fifty-four "
    "sixty-five seventy-six eighty-seven ninety-eight"
).split()
_COUNTABLE = (
    "apples books cars days dogs dollars friends hours houses letters miles minutes months people pictures "
    "pounds rooms "
    "seconds stones students tables tickets trees weeks windows years ships wishes voices boys things fathers"
).split()
_AUXILIARIES = ("can", "will", "should", "must", "could", "would")
_SHORT = (
    "hello|good morning|good evening|good night|thank you|yes please|no thanks|see you later|how are you|"
    "nice to meet you|"
    "come in|sit down|be careful|I am sorry|excuse me|you are welcome|good luck|of course|never mind|I agree|stop it|"
    "wait a minute|what a surprise|happy birthday|well done|I do not know|help me|who is there|where are you|let us go"
).split("|")
_ASIDES = (
    "I think|I hope|they said|of course|as you know|in fact|for example|to be honest|it seems|he told me|she believes|"
    "we all know|I am afraid|you see"
).split("|")


def _clause(rng: random.Random) -> str:
    """One finite clause, without capital and full stop."""
    pick = rng.choice
    form = rng.randrange(12)
    if form == 0:
        return f"{pick(_PEOPLE)} {pick(_PAST)} {pick(_THINGS)} {pick(_PLACES)}"
    if form == 1:
        return f"{pick(_PEOPLE)} {pick(_PAST)} {pick(_THINGS)}"
    if form == 2:
        return f"{pick(_SUBJECTS)} was {pick(('very ', 'so ', 'too ', 'quite ', 'not ', ''))}{pick(_ADJECTIVES)}"
    if form == 3:
        return f"{pick(_CROWDS)} {pick(_INTRANSITIVE)} {pick(_PLACES)}"
    if form == 4:
        return f"{pick(_CROWDS)} {pick(_AUXILIARIES)} {pick(_PLAIN)} {pick(_THINGS)}"
    if form == 5:
        return f"there are {pick(_NUMBERS)} {pick(_COUNTABLE)} {pick(_PLACES)}"
    if form == 6:
        return f"{pick(('he', 'she', 'it', 'I'))} {pick(_ADVERBS)} {pick(_PAST)} {pick(_THINGS)}"
    if form == 7:
        return f"{pick(_PEOPLE)} {pick(_ADVERBS)} {pick(_INTRANSITIVE)} {pick(_PLACES)}"
    if form == 8:
        return f"{pick(_CROWDS)} want to {pick(_PLAIN)} {pick(_THINGS)}"
    if form == 9:
        return f"{pick(_PEOPLE)} spent {pick(_NUMBERS)} {pick(_COUNTABLE)} {pick(_PLACES)}"
    if form == 10:
        return f"{pick(_THINGS)} is {pick(_PLACES)}"
    return f"{pick(_SUBJECTS)} is more {pick(_ADJECTIVES)} than {pick(_SUBJECTS)}"


def _question(rng: random.Random) -> str:
    """One question, without capital and question mark."""
    pick = rng.choice
    form = rng.randrange(6)
    if form == 0:
        return f"did {pick(_PEOPLE)} {pick(_PLAIN)} {pick(_THINGS)}"
    if form == 1:
        return f"where did {pick(_CROWDS)} {pick(_PLAIN)} {pick(_THINGS)}"
    if form == 2:
        return f"why is {pick(_SUBJECTS)} so {pick(_ADJECTIVES)}"
    if form == 3:
        return f"how many {pick(_COUNTABLE)} are {pick(_PLACES)}"
    if form == 4:
        return f"do {pick(_CROWDS)} {pick(_PLAIN)} {pick(_THINGS)}"
    return f"who {pick(_PAST)} {pick(_THINGS)} {pick(_TIMES)}"


def grammar_sentence(rng: random.Random) -> str:
    """Draw one English sentence of the grammar, 1 to about 25 words."""
    pick = rng.choice
    kind = rng.random()
    if kind < 0.05:
        text, end = pick(_SHORT), "."
    elif kind < 0.17:
        text, end = _question(rng), "?"
    elif kind < 0.52:
        text, end = _clause(rng), "."
    elif kind < 0.68:
        text, end = f"{_clause(rng)} {pick(_TIMES)}", "."
    elif kind < 0.75:
        text, end = f"{pick(_ASIDES)}, {_clause(rng)}", "."
    elif kind < 0.80:
        text, end = f"{pick(_TIMES)}, {_clause(rng)}", "."
    elif kind < 0.94:
        joint = pick((" because ", ", and ", ", but ", " when ", " while ", ", so ", " before ", " although "))
        text, end = f"{_clause(rng)}{joint}{_clause(rng)}", "."
    else:
        text, end = f"{pick(_SHORT)}, {_clause(rng)}", "!"
    return text[0].upper() + text[1:] + end


def long_sentence(rng: random.Random) -> str:
    """Draw one sentence of three clauses, about 15 to 30 words: what a voice must hold out to the end of."""
    joints = (
        " because ",
        ", and ",
        " and ",
        ", but ",
        " when ",
        " while ",
        ", so ",
        " before ",
        " after ",
        " although ",
    )
    first, second = rng.sample(joints, 2)
    text = f"{_clause(rng)}{first}{_clause(rng)}{second}{_clause(rng)}"
    return text[0].upper() + text[1:] + "."


def rare_words() -> list[str]:
    """Plain lower-case words of the installed word list; empty when none is installed."""
    if not WORD_LIST.exists():
        return []
    words = WORD_LIST.read_text(encoding="utf-8").split()
    return [word for word in words if word.isascii() and word.isalpha() and word.islower() and 3 <= len(word) <= 11]


def salad_sentence(rng: random.Random, words: list[str]) -> str:
    """Words without sense, so that rare phone sequences are heard too."""
    chosen = rng.sample(words, rng.randint(2, 7))
    if len(chosen) > 3 and rng.random() < 0.4:
        chosen[len(chosen) // 2] += ","
    text = " ".join(chosen)
    return text[0].upper() + text[1:] + rng.choice(("?", ".", ".", "."))


_ZH = {
    "人": "我|你|他|她|我们|他们|老师|学生|医生|妈妈|爸爸|朋友|孩子|司机|同学|先生|小姐|经理|奶奶|弟弟".split("|"),
    "时": "今天|昨天|明天|早上|晚上|下午|中午|星期一|星期五|去年|现在|上个月|春天|冬天".split("|"),
    "地": "公园|学校|北京|上海|医院|商店|图书馆|家里|车站|机场|饭店|海边|山上|办公室".split("|"),
    "物": "苹果|水|书|手机|咖啡|面包|衣服|电脑|自行车|地图|钱包|报纸|牛奶|米饭|礼物|照片".split("|"),
    "形": "高兴|漂亮|便宜|贵|远|近|冷|热|忙|累|好|快|安静|重要|简单|困难|干净|有趣".split("|"),
    "数": "一|两|三|四|五|六|七|八|九|十|二十|三百|一千".split("|"),
    "动": "买|看|喜欢|找|用|带|卖|画|想要|忘了|拿".split("|"),
}
_ZH_PATTERNS = (
    "人时去地。|人在地动物。|人时很形。|这个物很形。|人想动物吗？|时的天气很形。|人有数个物。|地离这里很形。|人和人一起去地，买数个物。|"
    "人觉得地太形了。|时，人在地看书。|请问，地怎么走？|人为什么不动物？|人已经动了数个物。|如果时下雨，人就不去地。|"
    "人的物在地。|那个人动物的时候很形。|人没有动物，因为很形。"
).split("|")


def mandarin_sentence(rng: random.Random) -> str:
    """Draw one Mandarin sentence of the patterns."""
    pattern = rng.choice(_ZH_PATTERNS)
    return "".join(rng.choice(_ZH[letter]) if letter in _ZH else letter for letter in pattern)


def english_texts(count: int, seed: int, rare_share: float = 0.25) -> list[str]:
    """Distinct English sentences.

    Args:
        count: how many.
        seed: same seed, same sentences.
        rare_share: share of word salad; 0 where no word list is installed.
    """
    rng = random.Random(seed)
    words = rare_words()
    texts: dict[str, None] = {}
    while len(texts) < count:
        if words and rng.random() < rare_share:
            texts[salad_sentence(rng, words)] = None
        else:
            texts[grammar_sentence(rng)] = None
    return list(texts)


def training_texts(parts: Iterable[tuple[int, int]]) -> list[str]:
    """The sentences of several draws, one after the other; those of each are distinct.

    Args:
        parts: how many sentences, and the seed of the draw: data can be added without changing what there is.
    """
    return [text for count, seed in parts for text in english_texts(count, seed)]


def held_out_texts(count: int, train: set[str], seed: int = 20_000) -> list[str]:
    """Grammar sentences of 4 to 14 words that are not among the training texts."""
    rng = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        text = grammar_sentence(rng)
        if text not in train and 4 <= len(text.split()) <= 14:
            texts[text] = None
    return list(texts)


def mandarin_texts(count: int, seed: int) -> list[str]:
    """Distinct Mandarin sentences."""
    rng = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[mandarin_sentence(rng)] = None
    return list(texts)

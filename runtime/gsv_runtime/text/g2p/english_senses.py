"""Words of one spelling whose sense, not part of speech, says how they sound: the bow of a ship, a bass that is caught.

The clue that stands nearest decides, on either side and in the same clause; without one the tag does.
"""

from __future__ import annotations

from collections.abc import Sequence

from gsv_runtime.text.symbols import PUNCTUATION

Phones = tuple[str, ...]
_REACH_WORDS = 5


def _senses(*rows: tuple[str, str]) -> tuple[tuple[Phones, frozenset[str]], ...]:
    return tuple((tuple(said.split()), frozenset(clues.split())) for said, clues in rows)


_SHIP = "ship ship's ships boat boat's boats stern deck vessel starboard hull yacht prow anchor ferry mast aft"
_SENSES = {
    "bow": _senses(
        ("B AW1", f"{_SHIP} took takes take taking curtain deep final graceful polite audience head heads"),
        ("B OW1", "arrow arrows violin cello fiddle string strings tie ties ribbon hair tied archer archery quiver "
                  "shot gift wrapped dress tied crossbow wooden"),
    ),
    "bows": _senses(("B AW1 Z", f"{_SHIP} took takes audience head heads"),
                    ("B OW1 Z", "arrow arrows ribbon ribbons hair tied archers gift gifts")),
    "bass": _senses(
        ("B AE1 S", "fish fishing fished caught catch lake lakes river sea largemouth smallmouth striped fried grilled "
                    "fillet fillets hook trout pond"),
        ("B EY1 S", "player players guitar guitarist drum drums clef line band music sound speaker amp singer tuba "
                    "voice boost treble deep jazz"),
    ),
    "lead": _senses(
        ("L EH1 D", "metal zinc copper mercury arsenic cadmium toxic contaminated poisoning gasoline petrol exposure "
                    "tin ore solder plumbing paint paints pipe pipes pencil pencils bullet bullets glazed "
                    "molten"),
    ),
    "tear": _senses(
        ("T EH1 R", "dress fabric shirt paper jeans muscle ligament acl meniscus cloth seam rotator cuff hole wear "
                    "tendon page sleeve trousers skirt tent apart sail"),
        ("T IH1 R", "eye eyes cheek cheeks cried cry shed sad wiped gas single weeping joy"),
    ),
    "dove": _senses(("D OW1 V", "into headfirst underwater deeper"), ("D AH1 V", "white peace turtle mourning nest")),
    "wound": _senses(
        ("W AW1 N D", "around up tightly clock thread yarn coil through uphill watch spool string bandage upward"),
        ("W UW1 N D", "bullet gunshot knife bleeding healed heal flesh infected stab deep head chest leg arm stitched "
                      "open surgical"),
    ),
    "row": _senses(("R AW1", "quarrel argument blazing erupted furious diplomatic bitter neighbours angry about")),
    "sow": _senses(("S AW1", "piglets pig pigs boar farrowed sty litter")),
}  # fmt: skip
_DEFAULTS: dict[str, Phones] = {"bass": ("B", "EY1", "S"), "basses": ("B", "EY1", "S", "IH0", "Z")}
_METAL: Phones = ("L", "EH1", "D")
WORDS = frozenset((*_SENSES, *_DEFAULTS, "polish"))  # that `sense` may know, in small letters
_FROM_POLAND: Phones = ("P", "OW1", "L", "IH0", "SH")
_POLISHED = frozenset("the your my his her our their it this that these those up off with and until to".split())
_AMOUNTS = frozenset(
    "made traces levels full amount amounts piece pieces sheet sheets chunk pounds kilos ton tons".split()
)
_DETERMINERS = frozenset("a an the his her my your their its this that".split())
_OF_NOUNS: dict[str, Phones] = {"dove": ("D", "AH1", "V"), "wound": ("W", "UW1", "N", "D")}
_UNLESS_VERBS = frozenset(("bow", "bows", "tear", "sow", "row", "lead"))


def sense(tokens: Sequence[str], index: int, tag: str) -> Phones | None:
    """Phones of a word by what stands around it; None where its tag or a dictionary knows.

    Args:
        tokens: words and marks of a sentence.
        index: of the word.
        tag: its Penn tag, empty where nobody asked.
    """
    token = tokens[index]
    word = token.lower()
    if word == "polish":
        return _nationality(tokens, index)
    if word in _UNLESS_VERBS and tag.startswith("V"):
        return None
    if word == "lead" and index > 1 and tokens[index - 1] == "of" and tokens[index - 2].lower() in _AMOUNTS:
        return _METAL
    if word in _OF_NOUNS and index and tokens[index - 1].lower() in _DETERMINERS:
        return _OF_NOUNS[word]
    return _nearest(tokens, index, _SENSES.get(word, ())) or _DEFAULTS.get(word)


def _nationality(tokens: Sequence[str], index: int) -> Phones | None:
    after = tokens[index + 1].lower() if index + 1 < len(tokens) else ""
    opens = index == 0 or tokens[index - 1] in PUNCTUATION
    if not tokens[index].istitle() or (opens and after in _POLISHED):
        return None
    return _FROM_POLAND


def _nearest(tokens: Sequence[str], index: int, senses: tuple[tuple[Phones, frozenset[str]], ...]) -> Phones | None:
    found: tuple[int, Phones] | None = None
    for step in (1, -1):
        for distance in range(1, _REACH_WORDS + 1):
            at = index + step * distance
            if not 0 <= at < len(tokens) or tokens[at] in PUNCTUATION or (found and distance >= found[0]):
                break
            clue = tokens[at].lower()
            said = next((phones for phones, clues in senses if clue in clues), None)
            if said:
                found = (distance, said)
                break
    return found[1] if found else None

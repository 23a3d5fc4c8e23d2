"""Sounds that are written but in no dictionary: interjections, drawn-out words and stutters."""

from __future__ import annotations

import functools
import itertools
import re

from gsv_runtime.text.g2p import english_lexicon as lexicon

Phones = tuple[str, ...]

_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_INTERJECTIONS = {
    word: tuple(said.split())
    for word, said in {
        "ah": "AA1", "ahh": "AA1", "aah": "AA1", "argh": "AA1 R G", "aargh": "AA1 R G", "aw": "AO1", "aww": "AO1",
        "ahem": "AH0 HH EH1 M", "brr": "B ER1", "bzz": "B Z", "eek": "IY1 K", "eh": "EH1", "ew": "IY1 UW0",
        "eww": "IY1 UW0", "gah": "G AA1", "gr": "G ER1", "grr": "G ER1", "hah": "HH AA1", "haha": "HH AA1 HH AA1",
        "heh": "HH EH1", "hehe": "HH IY1 HH IY1", "hm": "HH AH1 M", "hmm": "HH AH1 M", "hmph": "HH AH1 M F",
        "hoho": "HH OW1 HH OW1", "hihi": "HH IY1 HH IY1", "meh": "M EH1", "mhm": "M HH AH1 M", "mm": "M",
        "mwah": "M W AA1", "nah": "N AA1", "oh": "OW1", "ohh": "OW1", "oi": "OY1", "oof": "UW1 F", "ooh": "UW1",
        "oops": "UW1 P S", "ow": "AW1", "oww": "AW1", "pff": "P F", "pfft": "P F T", "phew": "F Y UW1",
        "psst": "P S T", "pst": "P S T", "sh": "SH", "shh": "SH", "tch": "CH", "tsk": "T IH1 S K", "ugh": "AH1 G",
        "uh": "AH1", "uhh": "AH1", "um": "AH1 M", "umm": "AH1 M", "vroom": "V R UW1 M", "whew": "HH W UW1",
        "whoa": "W OW1", "wow": "W AW1", "yay": "Y EY1", "yikes": "Y AY1 K S", "yuck": "Y AH1 K", "zz": "Z",
    }.items()
}  # fmt: skip
_DIGRAPHS = frozenset(("th", "sh", "ch", "wh", "ph", "kn", "wr", "qu"))
# Before a word that begins so these are prefixes and names: re-read, t-test, S-series.
_PREFIXES = frozenset("re co de un in ex be pre pro bi di no so go do ha he ho mm oh uh".split())
_NAMED_BY_LETTER = frozenset(
    "test tests series class section value shell ball beam train plan grade score type".split()
)


def interjection(word: str) -> Phones | None:
    """Phones of an interjection in lower case: ``hmm``, ``shhhh``, ``aaargh``."""
    known = _INTERJECTIONS.get(word)
    if known is not None or len(word) < 3:
        return known
    return next((_INTERJECTIONS[form] for form in _shorter_forms(word) if form in _INTERJECTIONS), None)


def is_interjection(word: str) -> bool:
    """Whether a word in lower case is an interjection."""
    return interjection(word) is not None


@functools.lru_cache(maxsize=4096)
def shortened(word: str) -> str | None:
    """The word of the dictionary that a drawn-out word stands for, the commonest: ``whaaat`` → what, ``coool`` → cool.

    None where no letter stands three times in a row. Where no dictionary has any form: each letter once.
    """
    forms = _shorter_forms(word)
    if not forms:
        return None
    known = [form for form in forms if form in lexicon.pronunciations() or form in lexicon.names()]
    return max(known, key=lexicon.frequency) if known else forms[0]


def _shorter_forms(word: str) -> list[str]:
    """Write each run of three or more letters once or twice."""
    runs = list(_DRAWN_OUT.finditer(word))
    if not runs or len(runs) > 4:
        return [_DRAWN_OUT.sub(r"\1", word)] if runs else []
    forms = []
    for times in itertools.product((1, 2), repeat=len(runs)):
        form, end = "", 0
        for run, count in zip(runs, times, strict=True):
            form += word[end : run.start()] + run[1] * count
            end = run.end()
        forms.append(form + word[end:])
    return forms


def stutter(beginning: str, word: str, said: Phones) -> Phones | None:
    """Phones of a letter or two before a word that begins so; None where it is no stutter.

    Args:
        beginning: ``W`` of ``W-what``, any case.
        word: that word.
        said: its phones.
    """
    start, word = beginning.lower(), word.lower()
    if len(start) > 2 or not word.startswith(start) or (start == word and len(start) > 1):
        return None
    if (len(start) == 2 and start in _PREFIXES) or word in _NAMED_BY_LETTER:
        return None
    return said if start == word else said[: 1 if start in _DIGRAPHS else len(start)]

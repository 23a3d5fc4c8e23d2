"""Pinyin syllables to the two phones of GPT-SoVITS: an initial, and a final with its tone.

The mapping follows rules, there is no table. Source: RVC-Boss/GPT-SoVITS 48b1a01 `text/opencpop-strict.txt`.
"""

from __future__ import annotations

import functools
import re

Phones = tuple[str, ...]

_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)([a-zê]+)([1-5])")
_AFTER_Y = {"e": "E", "an": "En", "u": "v", "uan": "van", "ue": "ve", "un": "vn"}
_INTERJECTIONS = {"m": "mu", "hm": "heng", "n": "en", "ng": "en", "hng": "heng", "ê": "ei"}


@functools.cache
def syllable_phones(pinyin: str) -> Phones:
    """``zhang3`` → (zh, ang3); ``yuan4`` → (y, van4); ``er2`` → (EE, er2); neutral tone is 5.

    Raises:
        ValueError: not a syllable with a tone figure.
    """
    plain, tone = pinyin[:-1], pinyin[-1]
    match = _SYLLABLE.fullmatch(_INTERJECTIONS.get(plain, plain) + tone)
    if match is None:
        raise ValueError(f"{pinyin!r} is no pinyin syllable with a tone figure")
    initial, final, tone = match.groups()
    return _initial_final(initial, final, tone)


def _initial_final(initial: str, final: str, tone: str) -> Phones:
    if not initial:
        return (final[0].upper() * 2, final + tone)
    if initial == "y":
        final = _AFTER_Y.get(final, final)
    elif initial in ("j", "q", "x") and final[0] == "u":
        final = "v" + final[1:]
    elif final == "i":
        final = {"zh": "ir", "ch": "ir", "sh": "ir", "r": "ir", "z": "i0", "c": "i0", "s": "i0"}.get(initial, "i")
    elif initial in ("n", "l") and final == "ue":
        final = "ve"
    return (initial, final + tone)

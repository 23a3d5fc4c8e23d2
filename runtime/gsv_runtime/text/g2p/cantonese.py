"""Cantonese characters to phones: jyutping by ToJyutping's dictionary of characters and words, then initial and rime.

Source: RVC-Boss/GPT-SoVITS 48b1a01 `text/cantonese.py`, whose division of a syllable the checkpoints learnt: the first
initial of its list that the syllable begins with, and the rest; 五 (ng5) is Yng Yg5. Deliberately different: a
character without reading has no phones instead of raising `ValueError`.
"""

from __future__ import annotations

import functools
import re

import ToJyutping

from gsv_runtime.text.symbols import PUNCTUATION

Phones = tuple[str, ...]

# In this order: a syllable takes the first that it begins with.
_INITIALS = re.compile(
    "aa|ai|au|ap|at|ak|a|p|b|e|ts|t|dz|d|kw|k|gw|g|f|h|l|m|ng|n|s|y|w|c|z|j|ong|on|ou|oi|ok|o|uk|ung"
)
_JYUTPING = re.compile("[a-z]+[1-6]")


@functools.lru_cache(maxsize=16_384)
def syllable_phones(jyutping: str) -> Phones:
    """``hoeng1`` → (Yh, Yoeng1); ``ng5`` → (Yng, Yg5); nothing for what is no syllable."""
    initial = _INITIALS.match(jyutping)
    if not _JYUTPING.fullmatch(jyutping) or initial is None:
        return ()
    rime = jyutping[initial.end() : -1] or initial[0][-1]
    return (f"Y{initial[0]}", f"Y{rime}{jyutping[-1]}")


@functools.lru_cache(maxsize=16_384)
def is_readable(char: str) -> bool:
    """Whether a character has a reading of its own."""
    return all(said and syllable_phones(said) for _, said in ToJyutping.get_jyutping_list(char))


def phones(text: str) -> list[tuple[str, Phones]]:
    """Characters and marks of normalised Cantonese, each with its phones: two, and one for a mark.

    Args:
        text: what a normaliser of `normalize.cantonese` returns.
    """
    said = ToJyutping.get_jyutping_list(text)
    return [(char, (char,) if char in PUNCTUATION else syllable_phones(syllable or "")) for char, syllable in said]


def warm_up() -> None:
    """Load the dictionary."""
    phones("今日天氣好好,我哋去飲茶.")

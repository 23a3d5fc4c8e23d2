"""Readings of Chinese characters that belong to no listed phrase, from the text around them."""

from __future__ import annotations

import functools
import re
from importlib import resources

Rule = tuple[re.Pattern[str], re.Pattern[str], str]


@functools.cache
def _rules() -> dict[str, list[Rule]]:
    rules: dict[str, list[Rule]] = {}
    table = resources.files("gsv_runtime.text").joinpath("data/mandarin_context.tsv").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            char, before, after, reading = line.split("\t")
            rules.setdefault(char, []).append((re.compile(before), re.compile(after), reading))
    return rules


def reading_in_context(char: str, before: str, after: str) -> str | None:
    """Syllable of a character with several readings that belongs to no listed phrase.

    Args:
        char: the character.
        before: text of its clause up to it.
        after: text of its clause behind it.

    Returns:
        The syllable, or None for a character without rules.
    """
    for pattern_before, pattern_after, reading in _rules().get(char, ()):
        if pattern_before.search(before) and pattern_after.search(after):
            return reading
    return None

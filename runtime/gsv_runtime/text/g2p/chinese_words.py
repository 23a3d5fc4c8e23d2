"""Word lists of Mandarin reading: neutral tones, 儿, and readings that phrase tables lack. Data in `text/data`."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import opencc


def _lines(name: str) -> list[str]:
    stored = resources.files("gsv_runtime.text").joinpath("data", name).read_bytes()
    text = (gzip.decompress(stored) if name.endswith(".gz") else stored).decode()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _sections(name: str) -> dict[str, frozenset[str]]:
    sections: dict[str, list[str]] = {}
    for line in _lines(name):
        if line.startswith("["):
            words = sections.setdefault(line.strip("[]"), [])
        else:
            words += line.split()
    return {section: frozenset(listed) for section, listed in sections.items()}


_WORDS = _sections("mandarin_words.txt")

NEUTRAL_LAST = _WORDS["neutral_last"]
NOT_NEUTRAL_LAST = _WORDS["not_neutral_last"]
DOUBLED_WITHOUT_NEUTRAL = _WORDS["doubled_without_neutral"]
ALWAYS_ERHUA = _WORDS["always_erhua"]
NEVER_ERHUA = _WORDS["never_erhua"]
AMBIGUOUS = _WORDS["ambiguous"]
ACROSS_WORDS = {word: said.split(",") for word, said in (entry.split("=") for entry in _WORDS["across_words"])}

PHRASES = {word: tuple(said) for word, *said in (line.split() for line in _lines("mandarin_phrases.txt"))}

# First characters of names that are read otherwise elsewhere.
SURNAMES = dict(
    pair.split("=")
    for pair in (
        "曾=zeng1 单=shan4 任=ren2 仇=qiu2 解=xie4 查=zha1 朴=piao2 区=ou1 华=hua4 翟=zhai2 覃=qin2 缪=miao4 "
        "乐=yue4 宁=ning4 葛=ge3 卜=bu3"
    ).split()
)


@dataclass(frozen=True)
class UpstreamWords:
    """What ``frontend=upstream`` knows where it differs from opencc, pypinyin and the lists above.

    Attributes:
        simplified: character as written → as read.
        readings: word → its syllables.
        neutral_last: words whose last syllable is neutral.
        not_neutral_last: words that keep the tone that their ending or doubling would lose.
        always_erhua: words whose 儿 takes the tone before it.
        never_erhua: words whose 儿 keeps its own.
    """

    simplified: Mapping[str, str]
    readings: Mapping[str, tuple[str, ...]]
    neutral_last: frozenset[str]
    not_neutral_last: frozenset[str]
    always_erhua: frozenset[str]
    never_erhua: frozenset[str]


@functools.cache
def upstream_words() -> UpstreamWords:
    """Read `data/mandarin_upstream.txt.gz`."""
    words = _sections("mandarin_upstream.txt.gz")
    return UpstreamWords(
        simplified={pair[0]: pair[1] for pair in words["simplified"]},
        readings={word: tuple(said.split(",")) for word, said in (entry.split("=") for entry in words["readings"])},
        neutral_last=words["neutral_last"],
        not_neutral_last=words["not_neutral_last"],
        always_erhua=words["always_erhua"],
        never_erhua=words["never_erhua"],
    )


@functools.lru_cache(maxsize=16_384)
def _simplified(char: str) -> str:
    return upstream_words().simplified.get(char) or _to_simplified().convert(char)


@functools.cache
def _to_simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def simplified(text: str) -> str:
    """Text in simplified characters, one by one, by upstream's table."""
    return "".join(map(_simplified, text))

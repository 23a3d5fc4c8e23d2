"""Japanese: the normaliser and the reader of stretches between marks behind `languages.Reader`."""

from __future__ import annotations

import re

from gsv_runtime.text.g2p import japanese
from gsv_runtime.text.languages import Reader, Reading, Unit
from gsv_runtime.text.normalize import japanese as japanese_text

_STRETCH = re.compile(
    r"[A-Za-z\d\u3005\u3040-\u30ff\u4e00-\u9fff\uff11-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d]+"
)
_IMPROVED_STRETCH = re.compile(r"[^ ,.!?、。]+")  # the normaliser leaves nothing else between
_REPEATED_MARKS = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_MARKS = {"：": ",", "；": ",", "，": ",", "。": ".", "！": "!", "？": "?", "\n": ".", "·": ",", "、": ","}


def _units(text: str, labels: japanese.Labels, stretch: re.Pattern[str]) -> list[Unit]:
    """Stretches of Japanese and the marks between them; a mark that no table has keeps its name, which is UNK."""
    units: list[Unit] = []
    start = 0
    for match in (*stretch.finditer(text), None):
        end = match.start() if match else len(text)
        units += [(mark, () if mark == " " else (_MARKS.get(mark, mark),)) for mark in text[start:end]]
        if match:
            units.append((match[0], japanese.stretch_phones(match[0], labels)))
            start = match.end()
    return units


def _read_as_upstream(text: str) -> Reading:
    normalized = _REPEATED_MARKS.sub(r"\1", text)
    said = normalized.replace("％", "パーセント").lower()
    return Reading(normalized, tuple(_units(said, japanese.upstream_labels(), _STRETCH)))


def _read(text: str) -> Reading:
    normalized = japanese_text.normalize(text)
    return Reading(normalized, tuple(_units(normalized.lower(), japanese.improved_labels, _IMPROVED_STRETCH)))


def _missing_for_upstream() -> tuple[str, ...]:
    if japanese.upstream_dictionary() is not None:
        return ()
    return (
        "Japanese: the dictionary that upstream reads with is not installed, so some words are read otherwise; "
        f"apt-get install open-jtalk-mecab-naist-jdic, or name its folder in {japanese.DICTIONARY_VARIABLE}",
    )


def reader(frontend: str, symbols: str) -> Reader:
    """How Japanese is read."""
    read, missing = (_read_as_upstream, _missing_for_upstream) if frontend == "upstream" else (_read, _nothing)

    def warm_up() -> None:
        read("東京へ行く。儿。")  # the second a character of no dictionary: loads Sudachi

    return Reader(read, warm_up, missing)


def _nothing() -> tuple[str, ...]:
    return ()

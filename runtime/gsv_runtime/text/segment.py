"""Which language each part of a sentence is in, decided by its script.

Letters are English, kana Japanese, hangul Korean. Han characters are Mandarin or Japanese: Japanese in a text that is
mostly Japanese, in words with kana and in forms that only Japan writes (経済); Mandarin elsewhere, in forms that Japan
does not write (们, 吗), and clause by clause where Mandarin's words stand among kana (`han_and_kana`). Figures, with
unit and sign, are in the language of the sentence; other marks go with a neighbour.
Source: what upstream's `LangSegmenter` decides. Deliberately different: no model guesses at a lone word; no figure is
English in a Chinese, Japanese or Korean sentence; a mode's language leaves what it cannot read to its own (kana in
Chinese). With frontend=upstream `segment_upstream` decides.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import groupby

from gsv_runtime.language_modes import Mode
from gsv_runtime.text import segment_upstream
from gsv_runtime.text.figures import ADDRESS, FIGURE, in_english_clause, may_have_figures
from gsv_runtime.text.han_and_kana import HAN, HAN_OR_KANA, HANGUL, KANA, stretch_languages

_KANA_CHARACTER = re.compile(f"[{KANA}]")
_HANGUL_CHARACTER = re.compile(f"[{HANGUL}]")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_EVERY_FIGURE = re.compile(r"\d(?:[\d.,:]*\d)?")
_GREEK_SIGN = re.compile("(?<![Α-ω])[Α-ω](?![Α-ω])")
_WORD = re.compile(r"[^\W\d_]+")
_QUOTED = re.compile(r"「[^「」\n]*」|『[^『』\n]*』|“[^“”\n]*”")
_NOT_ALPHABETIC = re.compile(f"[{HAN}{KANA}{HANGUL}]")


@dataclass(frozen=True)
class Run:
    """Part of a sentence that one language reads."""

    language: str
    text: str


@functools.lru_cache(maxsize=65_536)
def _script(char: str) -> str:
    if _HAN_CHARACTER.match(char):
        return "zh"
    if _KANA_CHARACTER.match(char):
        return "ja"
    if _HANGUL_CHARACTER.match(char):
        return "ko"
    if unicodedata.category(char)[0] == "L" and not "\u3100" <= char <= "\u312f" and char not in "ⁿⁱˣ":
        return "en"
    return ""


def _scripts(sentence: str, otherwise: str = "") -> list[str]:
    """Language of each character, empty for figures and marks; `otherwise` as `stretch_languages` has it."""
    scripts = [_script(char) for char in sentence]
    for stretch in HAN_OR_KANA.finditer(sentence):
        scripts[stretch.start() : stretch.end()] = stretch_languages(stretch[0], otherwise)
    if "zh" in scripts:
        for sign in _GREEK_SIGN.finditer(sentence):
            scripts[sign.start()] = ""  # α in Mandarin is a word of Mandarin
    return scripts


def dominant_language(text: str, mode: Mode) -> str:
    """Language of what has no script of its own, such as a sentence of figures.

    The one asked for; else the one of most of the text, where a word counts as much as a Han character.
    """
    if mode.fixed:
        return mode.fixed
    if "「" in text or "“" in text or "『" in text:  # who tells names the language, not what is quoted
        told = _QUOTED.sub(" ", text)
        text = told if _WORD.search(told) else text
    counts = Counter(_scripts(text))
    counts["en"] = _english_words(text)
    del counts[""]
    language, number = max(counts.items(), key=lambda item: item[1])
    return mode.han if language == "zh" or not number else language


def _english_words(text: str) -> int:
    return len(_WORD.findall(_NOT_ALPHABETIC.sub(" ", text)))


def _in_mode(sentence: str, mode: Mode, default: str) -> list[str]:
    """Language of each character in a request's mode; what the mode's language cannot read keeps its own."""
    fixed = "" if mode.fixed == "en" else mode.fixed
    otherwise = "zh" if fixed in ("zh", "yue") else default if default in ("ja", "ko") else ""
    scripts = _scripts(sentence, otherwise)
    if fixed in ("ja", "ko"):
        return [fixed if script == "zh" else script for script in scripts]
    return [fixed or mode.han if script == "zh" else script for script in scripts]


def segment(sentence: str, mode: Mode, default: str, frontend: str = "improved") -> list[Run]:
    """Cut a sentence into runs of one language each; joined together they are the sentence.

    Figures, with the unit, sign or currency that they are written with, are in the language of the sentence, whatever
    letters they are written against; in a clause of English they are English.

    Args:
        sentence: any text.
        mode: the request's language.
        default: language of most of the text: of a sentence without any script (figures and marks only), and of Han
            characters that may be Mandarin or Japanese.
        frontend: ``improved``, or ``upstream``, whose runs joined need not be the sentence.
    """
    if frontend == "upstream":
        return [Run(language, text) for language, text in segment_upstream.parts(sentence, mode)]
    if default == "en" and sentence.isascii():
        return [Run("en", sentence)] if sentence else []
    scripts = _in_mode(sentence, mode, default)
    _give_figures(sentence, scripts, mode, default)
    _give_marks(sentence, scripts, default)
    runs: list[Run] = []
    start = 0
    for language, alike in groupby(scripts):
        end = start + sum(1 for _ in alike)
        runs.append(Run(language, sentence[start:end]))
        start = end
    return runs


def _give_figures(sentence: str, scripts: list[str], mode: Mode, default: str) -> None:
    """Name the language of every figure, in place."""
    if mode.name.startswith("all_"):
        for figure in _EVERY_FIGURE.finditer(sentence):
            scripts[figure.start() : figure.end()] = [mode.fixed] * len(figure[0])
        return
    figures = list(FIGURE.finditer(sentence)) if may_have_figures(sentence) else []
    if not figures:
        return
    eastern = sum(script not in ("", "en") for script in scripts)
    in_english = default == "en" if not eastern else eastern < _english_words(sentence)
    for address in ADDRESS.finditer(sentence) if eastern and ("." in sentence or "_" in sentence) else ():
        for index in range(*address.span()):
            scripts[index] = "" if sentence[index].isdecimal() else "en"
    for figure in figures:
        start, end = figure.span()
        if figure["english"]:
            scripts[start:end] = ["en"] * (end - start)
            continue
        before, beside_before = _neighbour(sentence, scripts, range(start - 1, -1, -1))
        after, beside_after = _neighbour(sentence, scripts, range(end, len(scripts)))
        written_against = scripts[end] if end < len(scripts) else ""
        needed = 1 if not eastern or ((in_english or default == "en") and written_against in ("", "en")) else 2
        if "en" in (before, after) and in_english_clause(sentence, start, end, needed):
            scripts[start:end] = ["en"] * (end - start)
            continue
        language = mode.fixed if mode.fixed in scripts or not eastern else ""
        if language in ("", "en"):
            eastern_before, eastern_after = (side if side != "en" else "" for side in (before, after))
            nearest = eastern_after if beside_after and not beside_before else eastern_before or eastern_after
            language = nearest or next((script for script in scripts if script not in ("", "en")), default)
        scripts[start:end] = [language] * (end - start)


def _neighbour(sentence: str, scripts: list[str], indices: range) -> tuple[str, bool]:
    """The nearest script, and whether only blanks lie between."""
    beside = True
    for index in indices:
        if scripts[index]:
            return scripts[index], beside
        beside = beside and sentence[index] == " "
    return "", False


def _give_marks(sentence: str, scripts: list[str], default: str) -> None:
    """Give marks to what stands before them, opening brackets and quotes to what follows, in place."""
    index = _next_mark(scripts, 0)
    while index < len(scripts):
        end = index
        while end < len(scripts) and not scripts[end]:
            end += 1
        before = scripts[index - 1] if index else ""
        after = scripts[end] if end < len(scripts) else ""
        cut = _mark_cut(sentence[index:end], before, after)
        scripts[index : index + cut] = [before or after or default] * cut
        scripts[index + cut : end] = [after or before or default] * (end - index - cut)
        index = _next_mark(scripts, end)


def _next_mark(scripts: list[str], start: int) -> int:
    """Where the next character without a language is, from `start` on; how many there are where none is."""
    try:
        return scripts.index("", start)
    except ValueError:
        return len(scripts)


def _mark_cut(marks: str, before: str, after: str) -> int:
    """How many characters of a stretch of marks go with the language before it."""
    if not before or not after or before == after:
        return len(marks) if before else 0
    return len(re.match(r"[^(（“‘《【「『〈〔［$@]*", marks)[0])  # type: ignore[index]

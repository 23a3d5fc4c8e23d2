"""Which language each part of a sentence is in, decided by its script.

Letters are English, kana Japanese, hangul Korean. Han characters are Mandarin or Japanese: Japanese in a text that is
mostly Japanese, in words with kana (which split-lang finds) and in forms that only Japan writes (経済); Mandarin
elsewhere, and in forms that Japan does not write (们, 吗). Figures and marks have no script; they go with a neighbour.
Source: what upstream's `LangSegmenter` decides. Deliberately different: a word of Han characters alone is not given to
a model that guesses its language; figures go with the side that they are written against; a unit after a figure in
Chinese (``10kg``) stays Chinese. With frontend=upstream `segment_upstream` decides.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from gsv_runtime.language_modes import Mode
from gsv_runtime.text import segment_upstream

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
_KANA_CHARACTER = re.compile(f"[{_KANA}]")
_HANGUL_CHARACTER = re.compile(f"[{_HANGUL}]")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_HAN_OR_KANA = re.compile(f"[{HAN}{_KANA}]+")
_HAN_RUN = re.compile(f"[{HAN}]+")
# Written in Japan too, but rarely; and everyday words of Mandarin.
_MANDARIN_WORDS = frozenset("很你这那哪呢吧她它给吃喝没")
_FIGURES = re.compile(r"\d(?:[\d.,:]*\d)?")
_GREEK_SIGN = re.compile("(?<![Α-ω])[Α-ω](?![Α-ω])")
_CHINESE_UNIT = re.compile(
    r"\d\s*(?:km/h|m/s|[kcmdnµμ]?m[²³23]?|[kmµμ]?g|[mM]?[lL]|[kMG]?Hz|[KMGT]B|kWh?|mAh|°?C|℃|min|h|s)(?![A-Za-z\d])"
)


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
    if unicodedata.category(char)[0] == "L" and not "\u3100" <= char <= "\u312f":
        return "en"
    return ""


@functools.lru_cache(maxsize=65_536)
def _encodable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _only_in_chinese(char: str) -> bool:
    return char in _MANDARIN_WORDS or not _encodable(char, "cp932")


def _only_in_japanese(char: str) -> bool:
    return _encodable(char, "cp932") and not _encodable(char, "gb2312") and not _encodable(char, "big5")


def _han_language(han: str, in_japanese: bool) -> str:
    """Language of Han characters that stand next to no kana."""
    if any(map(_only_in_chinese, han)):
        return "zh"
    return "ja" if in_japanese or any(map(_only_in_japanese, han)) else "zh"


@functools.lru_cache(maxsize=4096)
def _stretch_languages(stretch: str, in_japanese: bool) -> tuple[str, ...]:
    """Language of each character of a stretch of Han characters and kana."""
    kana = set(_KANA_CHARACTER.findall(stretch))
    if not kana or (kana == {"の"} and any(map(_only_in_chinese, _HAN_CHARACTER.findall(stretch)))):
        return (_han_language(stretch, in_japanese),) * len(stretch)
    languages: list[str] = []
    for language, text in segment_upstream.han_and_kana(stretch):
        here = ["ja" if language == "ja" or in_japanese else "zh"] * len(text)
        for han in _HAN_RUN.finditer(text):
            if any(map(_only_in_chinese, han[0])):
                here[han.start() : han.end()] = ["zh"] * len(han[0])
        languages += here
    return tuple(languages)


def _scripts(sentence: str, in_japanese: bool = False) -> list[str]:
    """Language of each character, empty for figures and marks."""
    scripts = [_script(char) for char in sentence]
    for stretch in _HAN_OR_KANA.finditer(sentence):
        scripts[stretch.start() : stretch.end()] = _stretch_languages(stretch[0], in_japanese)
    if "zh" in scripts:
        for sign in _GREEK_SIGN.finditer(sentence):
            scripts[sign.start()] = ""  # α in Mandarin is a word of Mandarin
        for unit in _CHINESE_UNIT.finditer(sentence):
            before = next((script for script in reversed(scripts[: unit.start()]) if script), "zh")
            after = next((script for script in scripts[unit.end() :] if script), "zh")
            if before == "zh" or after == "zh":
                scripts[unit.start() : unit.end()] = [before if before == "zh" else after] * len(unit[0])
    return scripts


def dominant_language(text: str, mode: Mode) -> str:
    """Language of what has no script of its own, such as a sentence of figures.

    The one asked for; else the one of most of the text, where a word counts as much as a Han character.
    """
    if mode.fixed:
        return mode.fixed
    counts = Counter(_scripts(text))
    counts["en"] = len(re.findall(r"[^\W\d_]+", re.sub(f"[{HAN}{_KANA}{_HANGUL}]", " ", text)))
    del counts[""]
    language, number = max(counts.items(), key=lambda item: item[1])
    return mode.han if language == "zh" or not number else language


def _in_mode(scripts: list[str], mode: Mode) -> list[str]:
    """Languages of a request's mode: what is not English is in the language asked for, if one is."""
    fixed = "" if mode.fixed == "en" else mode.fixed
    return [script if script in ("", "en") else fixed or (mode.han if script == "zh" else script) for script in scripts]


def segment(sentence: str, mode: Mode, default: str, frontend: str = "improved") -> list[Run]:
    """Cut a sentence into runs of one language each; joined together they are the sentence.

    Args:
        sentence: any text.
        mode: the request's language.
        default: language of most of the text: of a sentence without any script (figures and marks only), and of Han
            characters that may be Mandarin or Japanese.
        frontend: ``improved``, or ``upstream``, whose runs joined need not be the sentence.
    """
    if frontend == "upstream":
        return [Run(language, text) for language, text in segment_upstream.parts(sentence, mode)]
    scripts = _in_mode(_scripts(sentence, default == "ja"), mode)
    if mode.name.startswith("all_"):
        for figures in _FIGURES.finditer(sentence):
            scripts[figures.start() : figures.end()] = [mode.fixed] * len(figures[0])
    index = 0
    while index < len(scripts):
        end = index
        while end < len(scripts) and not scripts[end]:
            end += 1
        if end > index:
            before = scripts[index - 1] if index else ""
            after = scripts[end] if end < len(scripts) else ""
            cut = _neutral_cut(sentence[index:end], before, after)
            scripts[index : index + cut] = [before or after or default] * cut
            scripts[index + cut : end] = [after or before or default] * (end - index - cut)
        index = max(end, index + 1)
    runs: list[Run] = []
    for char, language in zip(sentence, scripts, strict=True):
        if runs and runs[-1].language == language:
            runs[-1] = Run(language, runs[-1].text + char)
        else:
            runs.append(Run(language, char))
    return runs


def _neutral_cut(neutral: str, before: str, after: str) -> int:
    """How many characters of a stretch without script go with the language before it."""
    if not before or not after or before == after:
        return len(neutral) if before else 0
    figures = re.search(r"\d(?:.*\d)?", neutral)
    if figures is None:
        return len(re.match(r"[^(（“‘《【$]*", neutral)[0])  # type: ignore[index]
    attached = len(neutral.rstrip("-")) if after == "en" else len(neutral)  # 7-Eleven
    if figures.start() == 0 and (before == "en" or figures.end() < attached):
        return len(neutral)
    if figures.end() == attached:
        return len(re.match(r"[^\d$￥¥£€(（“+.-]*", neutral)[0])  # type: ignore[index]
    return len(neutral)

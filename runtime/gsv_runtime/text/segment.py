"""Which language each part of a sentence is in: Chinese where Han characters are, English where letters are.

Figures and marks have no script; they go with a neighbour. Source: what upstream's `LangSegmenter` decides for
Chinese and English. Deliberately different: by script alone, without a language model of 126 MB, and
figures go with the side that they are written against; a unit after a figure in Chinese (``10kg``) stays Chinese.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass

from gsv_runtime.errors import InvalidRequest

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
_HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
_KANA_CHARACTER = re.compile(f"[{_KANA}]")
_HANGUL_CHARACTER = re.compile(f"[{_HANGUL}]")
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_NO_BETWEEN_HAN = re.compile(f"(?<=[{HAN}])の(?=[{HAN}])")
_CHINESE_UNIT = re.compile(
    r"\d\s*(?:km/h|m/s|[kcmdnµμ]?m[²³23]?|[kmµμ]?g|[mM]?[lL]|[kMG]?Hz|[KMGT]B|kWh?|mAh|°?C|℃|min|h|s)(?![A-Za-z\d])"
)


@dataclass(frozen=True)
class Run:
    """Part of a sentence that one language reads."""

    language: str
    text: str


def check_scripts(text: str) -> str:
    """Text without scripts that nothing built can read.

    Raises:
        InvalidRequest: kana or hangul, which would otherwise be dropped in silence.
    """
    text = _NO_BETWEEN_HAN.sub("的", text)
    for pattern, script, language in ((_KANA_CHARACTER, "kana", "ja"), (_HANGUL_CHARACTER, "hangul", "ko")):
        found = pattern.search(text)
        if found:
            raise InvalidRequest(
                f"text has Japanese or Korean script ({script} {found[0]!r} at character {found.start()}); "
                f"not built yet: {language}; have zh, en, auto; leave it out or write it in zh or en"
            )
    return text


def dominant_language(text: str) -> str:
    """``en`` when a text has letters and fewer Han characters than words, ``zh`` otherwise."""
    words = len(re.findall(r"[^\W\d_]+", _HAN_CHARACTER.sub(" ", text)))
    return "en" if words > len(_HAN_CHARACTER.findall(text)) else "zh"


@functools.lru_cache(maxsize=65_536)
def _script(char: str) -> str:
    if _HAN_CHARACTER.match(char):
        return "zh"
    if unicodedata.category(char)[0] == "L" and not "\u3100" <= char <= "\u312f":
        return "en"
    return ""


def _scripts(sentence: str) -> list[str]:
    """Language of each character, empty for figures and marks."""
    scripts = [_script(char) for char in sentence]
    if "zh" in scripts:
        for unit in _CHINESE_UNIT.finditer(sentence):
            before = next((script for script in reversed(scripts[: unit.start()]) if script), "zh")
            after = next((script for script in scripts[unit.end() :] if script), "zh")
            if before == "zh" or after == "zh":
                scripts[unit.start() : unit.end()] = [before if before == "zh" else after] * len(unit[0])
    return scripts


def segment(sentence: str, default: str) -> list[Run]:
    """Cut a sentence into runs of one language each; joined together they are the sentence.

    Args:
        sentence: any text that passed `check_scripts`.
        default: language of a sentence with neither letters nor Han characters.
    """
    scripts = _scripts(sentence)
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
    if figures.start() == 0 and (before == "en" or figures.end() < len(neutral)):
        return len(neutral)
    if figures.end() == len(neutral):
        return len(re.match(r"[^\d$￥¥£€(（“+.-]*", neutral)[0])  # type: ignore[index]
    return len(neutral)

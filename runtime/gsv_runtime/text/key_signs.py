"""The keys # and * of telephones in words, before the same signs are taken for Markdown: press #, 按*键, *123#.

A sign is a key beside a word for keys or for pressing, and in a code of a telephone. All else stays as it is.
"""

from __future__ import annotations

import re

from gsv_runtime.text.han_and_kana import HAN, HANGUL, KANA

_SIGN = "[#＃*＊]"
_ALONE = rf"(?<![\w#＃*＊]){_SIGN}(?![\w#＃*＊])"
_CODE = re.compile(
    r"(?<![A-Za-z0-9_#＃*＊])[*＊][#＃*＊]?\d{1,12}(?:[*＊]\d{1,20})*[#＃](?![A-Za-z0-9_#＃*＊])|(?<=输入)[*＊]\d+[#＃]"
)
# Behind a figure: 按2# is a key, 3#楼 a number; Press 2#.
_BEHIND_FIGURES = re.compile(r"(?<=\d)[#＃](?![A-Za-z0-9#＃]|[^#＃\s\d，。、；,.;]{1,20}[#＃])")
_KEYED_IN = re.compile(r"(?:[按拨撥]|输入|輸入|(?i:\b(?:press|dial|push|hit|enter)\b[^.!?]{0,12}))\s?\d{0,12}$")
_NEXT_KEY = re.compile(rf"(?<=[#*] or ){_ALONE}|(?<=pound or ){_ALONE}|(?<=\bor press ){_ALONE}")
_KEYS = {
    "zh": re.compile(rf"{_SIGN}(?=\s?[字号號]?[键鍵])|(?<=[按拨撥]){_SIGN}(?![\w#＃*＊])"),
    "ja": re.compile(rf"{_SIGN}(?=\s?(?:キー|ボタン|印|を(?:押|プッシュ|入力)|で(?:確定|終了)))"),
    "ko": re.compile(rf"{_SIGN}(?=\s?(?:버튼|키|표|자)|[을를](?:\s|$)|\s?[을를] 누)"),
    "en": re.compile(
        rf"(?i){_ALONE}(?=\s(?:key|button|sign)s?\b)|(?<=\bpress ){_ALONE}|(?<=\bdial ){_ALONE}|(?<=\bhit ){_ALONE}"
        rf"|(?<=\bpush ){_ALONE}|(?<=\bpress {_SIGN} or ){_ALONE}|(?<=\bpush {_SIGN} or ){_ALONE}"
    ),
}
_NAMES = {"zh": ("井号", "星号"), "ja": ("シャープ", "米印"), "ko": ("우물 정자 ", "별표 "), "en": ("pound", "star")}
_FIGURES = {
    "zh": "零一二三四五六七八九",
    "ja": "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split(),
    "ko": "공일이삼사오육칠팔구",
}
_WHOLE = {  # the sign with the word that it is written before
    "井号号": "井号", "井号號": "井号", "井号字": "井字", "星号号": "星号", "星号號": "星号", "星号字": "星字",
    "米印印": "米印", "シャープ印": "シャープ", "별표 표": "별표", "우물 정자 자": "우물 정자",
    "별표 를": "별표를", "별표 을": "별표를", "우물 정자 을": "우물 정자를", "우물 정자 를": "우물 정자를",
}  # fmt: skip


def keys_said(text: str) -> str:
    """A text with the names of keys in the language that it is written in."""
    if not re.search(_SIGN, text):
        return text
    language = _language(text)
    hash_name, star = _NAMES[language]

    def code(match: re.Match[str]) -> str:
        parts = re.findall(rf"{_SIGN}|\d+", match[0])
        named = [
            hash_name if part in "#＃" else star if part in "*＊" else _one_by_one(part, language) for part in parts
        ]
        return " ".join(named) if language == "en" else "".join(named)

    text = _CODE.sub(code, text)
    if language in ("zh", "en"):
        text = _BEHIND_FIGURES.sub(lambda match: _behind_figures(match, language), text)
    if language == "en":
        text = _NEXT_KEY.sub(lambda match: hash_name if match[0] in "#＃" else star, text)
    text = _KEYS[language].sub(lambda match: hash_name if match[0] in "#＃" else star, text)
    for doubled, whole in _WHOLE.items():
        text = text.replace(doubled, whole)
    return text


def _one_by_one(figures: str, language: str) -> str:
    if language == "zh" and not figures.endswith("00"):  # what is no round number the normaliser says so
        return figures
    return " ".join(figures) if language == "en" else "".join(_FIGURES[language][int(figure)] for figure in figures)


def _behind_figures(match: re.Match[str], language: str) -> str:
    if _KEYED_IN.search(match.string[max(0, match.start() - 24) : match.start()]):
        return _NAMES[language][0] if language == "zh" else " pound"
    return "号" if language == "zh" else match[0]


def _language(text: str) -> str:
    if re.search(f"[{KANA}]", text):
        return "ja"
    if re.search(f"[{HANGUL}]", text):
        return "ko"
    return "zh" if re.search(f"[{HAN}]", text) else "en"

"""Signs at figures that Chinese, Japanese and Korean share: decades (90s), hyphens of names (はやぶさ-2), 3月-5月.

Written out here, in figures and characters, for the normaliser of each language.
"""

from __future__ import annotations

import re

from gsv_runtime.text.normalize.english_words import BEFORE_FIGURES

_STOP_OF_NAME = re.compile(r"(?<![A-Za-z0-9.@/_-])([A-Za-z]+)\.(?=\d)(?!\d+\.[A-Za-z])")
_VERSION = re.compile(r"(?<![A-Za-z0-9])[Vv](?:er|ER)(?:\.\s?|\s)?(?=\d)")
_VERSION_WORDS = {"ja": "バージョン", "ko": "버전 "}
_PRODUCTS = (
    "windows|win|mac ?os|os x|ios|ipad ?os|watch ?os|android|ubuntu|debian|fedora|centos|rhel|linux|kernel|chrome|"
    "firefox|safari|edge|office|excel|word|python|java|jdk|php|node|ruby|rust|perl|postgres(?:ql)?|mysql|cuda|directx|opengl|"
    "unity|unreal|blender|photoshop|iphone|ipad|galaxy|pixel|mate|xperia|playstation|xbox|switch|ps|gta|fifa|"
    "core|ryzen|geforce|rtx|gtx|wi-?fi|bluetooth|usb|hdmi|ddr|pcie|gen|html|css|es|v|ver|version|versions|model|models|"
    "series|generation|generations|rooms?|exits?|gates?|lines?|platforms?|routes?|rows?|seats?|nos?"
)
_VERSIONS = re.compile(rf"(?i)(?<![A-Za-z0-9])(?:{_PRODUCTS})[.\s]?\s?\d+(?:\.\d+)*(?:/\d+(?:\.\d+)*)+(?![\d/])")
_DECADE = re.compile(r"(?<![A-Za-z0-9.])'?((?:1[5-9]|20)\d0|[2-9]0)'?s(?![A-Za-z0-9])")
_TIMED_BEFORE = re.compile(
    "(?:等|计时|計時|时长|時長|过|過|用时|用時|持续|持續|仅|僅|约|約|每|前|再|还有|还剩|剩|限时|限時|延迟|播放|暂停|大约|秒数|お?よそ|約|あと|まで|약|단|총)"
    r"[了是为:：\s]*$"
)
_TIMED_AFTER = re.compile(
    r"\s?(?:后|後|内|內|钟|鐘|以|之|倒|左右|的(?:倒计时|时间|時間|视频|影片|广告|时长|等待|休息|冷却)|の(?:間|動画|待|休)|間|以内|"
    "で|かか|経|동안|간|후|이내|만에|의 시간)|\\s?$|\\s?[，。,.!！?？、]"
)
_DECADES = {"zh": "年代", "yue": "年代", "ja": "年代", "ko": "년대"}
# A hyphen with a blank before it alone is a minus: 10일 -3도.
_BETWEEN_DATES = re.compile(r"(?<=\d[年月日号號时時分点點년월일시분])(?:\s?[~～〜]\s?|[-–−]\s?|\s[-–−]\s)(?=\d)")
_TO = {"zh": "到", "yue": "到", "ja": "から", "ko": "에서 "}
_HYPHEN_OF_NAME = re.compile(r"([ぁ-んァ-ヺー一-鿿々])[-−‐‑](\d+(?:\.\d+)?)(\s?(?:度|℃|°|%|％|点|円|歩|ポイント))?")
# Minutes and seconds, of a match or a recording: 第87′, 90+2′, 3′20″; of degrees they are the language's own.
_PRIMES = re.compile(
    r"(?<![\d°′″.:+])(\d{1,3})(?:\+(\d{1,2}))?(?:′|(?<=\+\d)'|(?<=第\d\d)')(?:(\d{1,2}(?:\.\d+)?)[″\"])?(?![A-Za-z0-9'′])"
    r"|(?<![\d°′″.:])(\d{1,3}(?:\.\d+)?)″(?![A-Za-z0-9])"
)
_INCHES_AFTER = re.compile(
    r"\s?(?:的?(?:电视|電視|屏|显示器|顯示器|平板|轮|輪|披萨|比萨|蛋糕|螢幕)|"
    r"モニター|テレビ|ディスプレイ|ホイール|모니터|티비|TV|텔레비전|화면|피자)"
)
_TIME_WORDS = {"zh": ("分钟", "分", "秒", "英寸"), "yue": ("分鐘", "分", "秒", "吋"),
               "ja": ("分", "分", "秒", "インチ"), "ko": ("분", "분 ", "초", "인치")}  # fmt: skip
_SIGNS = re.compile("[s–−~～〜‐‑′″'-]")
_PARTICLES = frozenset("はがをにでともへの")


def versions_apart(sentence: str) -> str:
    """A sentence with pauses between versions of one thing, no fraction and no date: ``Windows 10/11``."""
    return _VERSIONS.sub(lambda match: match[0].replace("/", ", "), sentence) if "/" in sentence else sentence


def without_stops_of_names(sentence: str, language: str = "") -> str:
    """A sentence of several scripts without the stop between a name and its figures: ``No.5``, ``H.264``.

    Args:
        sentence: any text.
        language: of most of the text; what Japanese and Korean have a word for (``Ver.``) is said in them.
    """
    if sentence.isascii():
        return sentence
    if language in _VERSION_WORDS:
        sentence = _VERSION.sub(_VERSION_WORDS[language], sentence)
    return _STOP_OF_NAME.sub(_name, sentence) if "." in sentence else sentence


def _name(match: re.Match[str]) -> str:
    word = match[1].lower()
    return f"{BEFORE_FIGURES[word]} " if word in BEFORE_FIGURES else f"{match[1]} " if len(word) == 1 else match[0]


def plain(text: str, language: str) -> str:
    """A run of one language with these signs written out; English is worded by its own rules."""
    if language not in _TO or not _SIGNS.search(text):
        return text
    if "′" in text or "″" in text or "'" in text:
        text = _PRIMES.sub(lambda match: _timed(match, _TIME_WORDS[language]), text)
    text = _DECADE.sub(lambda match: _decade(match, language), text)
    text = _BETWEEN_DATES.sub(_TO[language], text)
    return _HYPHEN_OF_NAME.sub(_without_hyphen, text) if language == "ja" else text


def _decade(match: re.Match[str], language: str) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    timed = len(match[1]) == 2 and (_TIMED_BEFORE.search(before) or _TIMED_AFTER.match(after))
    return match[0] if timed else f"{match[1]}{_DECADES[language]}"


def _timed(match: re.Match[str], words: tuple[str, str, str, str]) -> str:
    minutes, minute, second, inch = words
    if match[4]:
        return match[4] + (inch if _INCHES_AFTER.match(match.string[match.end() :]) else second)
    added = f"+{match[2]}" if match[2] else ""
    return f"{match[1]}{added}{f'{minute}{match[3]}{second}' if match[3] else minutes}"


def _without_hyphen(match: re.Match[str]) -> str:
    before, figures, unit = match[1], match[2], match[3] or ""
    return match[0] if before in _PARTICLES or unit else f"{before}{figures}"

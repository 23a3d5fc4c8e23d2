"""Korean text to Hangul, Latin letters and marks: figures, units, money, dates and times in words.

Deliberately different from upstream, which says all figures but those before a counter one by one (2024 이공이사),
turns quotes and emoji into a sound of their own (停) and spells units: figures are numbers, native before the counters
that take them, telephone numbers one by one; what is not said leaves no sound.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from gsv_runtime.text.g2p.korean import number

Rule = tuple[re.Pattern[str], "Callable[[re.Match[str]], str] | str"]

_DIGITS = str.maketrans("0123456789", "공일이삼사오육칠팔구")
_NATIVE = (
    "시간|시(?!간)|개월?(?=월)|개|명|살|마리|권|병|잔|대|장|번째|번|달(?!러)|가지|군데|그루|켤레|송이|채|척|통|벌|곳|자루|접시|그릇|사람|판|줄|쌍"
    "|방울|모금|숟가락|조각|걸음|바퀴|차례|배(?=\\s|$)"
)
_MAX_NATIVE = 99
_MAX_NAMED_FIGURES = 16
_UNITS = {
    "km/h": "킬로미터 퍼 아워",
    "km": "킬로미터",
    "cm": "센티미터",
    "mm": "밀리미터",
    "m": "미터",
    "kg": "킬로그램",
    "mg": "밀리그램",
    "g": "그램",
    "ml": "밀리리터",
    "mL": "밀리리터",
    "L": "리터",
    "l": "리터",
    "GB": "기가바이트",
    "MB": "메가바이트",
    "TB": "테라바이트",
    "KB": "킬로바이트",
    "Hz": "헤르츠",
    "kHz": "킬로헤르츠",
    "MHz": "메가헤르츠",
    "GHz": "기가헤르츠",
    "°C": "도",
    "℃": "도",
    "㎞": "킬로미터",
    "㎏": "킬로그램",
    "㎝": "센티미터",
    "㎡": "제곱미터",
    "%": "퍼센트",
    "％": "퍼센트",
    "kW": "킬로와트",
    "W": "와트",
    "V": "볼트",
}
_MONEY = {"₩": "원", "￦": "원", "$": "달러", "€": "유로", "£": "파운드", "¥": "엔"}
_SYMBOLS = {"&": " 앤드 ", "@": " 골뱅이 ", "+": " 더하기 ", "=": " 이퀄 ", "×": " 곱하기 ", "÷": " 나누기 ", "→": ", "}
_MONTHS = {"6": "유", "06": "유", "10": "시"}


def figures_said(figures: str, native: bool = False) -> str:
    """A number in words: 12,800 → 만이천팔백; 3.14 → 삼 점 일사; a leading zero or over 16 figures: one by one."""
    whole, _, fraction = figures.replace(",", "").partition(".")
    if len(whole) > _MAX_NAMED_FIGURES or (len(whole) > 1 and whole[0] == "0"):
        said = whole.translate(_DIGITS)
    else:
        said = number(whole or "0", native and int(whole or 0) <= _MAX_NATIVE)
    return f"{said} 점 {fraction.translate(_DIGITS)}" if fraction else said


def _counted(match: re.Match[str]) -> str:
    if match[1] == "1" and match[2] == "번째":
        return "첫 번째"
    by_the_clock = match[2] == "시" and int(match[1]) > 12
    return f"{figures_said(match[1], native=not by_the_clock)} {match[2]}"


def _clock(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2])
    hour = number(str(hours), native=True) if 0 < hours <= 12 else number(str(hours))
    return f"{hour}시" + (f" {number(str(minutes))}분" if minutes else "")


def _date(match: re.Match[str]) -> str:
    month = _MONTHS.get(match[2]) or number(str(int(match[2])))
    return f"{number(match[1])}년 {month}월 {number(str(int(match[3])))}일"


def _telephone(match: re.Match[str]) -> str:
    return " ".join(group.translate(_DIGITS) for group in re.findall("[0-9]+", match[0]))


_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"(?<![0-9])0[0-9]{1,2}[- ][0-9]{3,4}[- ][0-9]{4}(?![0-9])|(?<![0-9])1[0-9]{3}-[0-9]{4}(?![0-9])", _telephone),
        (r"(?<![0-9])([12][0-9]{3})[-./] ?(0?[1-9]|1[0-2])[-./] ?(0?[1-9]|[12][0-9]|3[01])(?![0-9])\.?", _date),
        (r"6·25", "유기오"),
        (r"3·1", "삼일"),
        (r"(?<![0-9:])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![0-9:])", _clock),
        (r"(?<![0-9])(0?6|10)월", lambda m: f"{_MONTHS[m[1]]}월"),
        (rf"([₩￦$€£¥])\s?({_NUMBER})((?:\s?[만억조천])?)", lambda m: f"{figures_said(m[2])}{m[3]} {_MONEY[m[1]]}"),
        (rf"({_NUMBER})\s?[~～]\s?(?=[0-9])", lambda m: f"{figures_said(m[1])}에서 "),
        (rf"(?<![0-9A-Za-z가-힣])[-−](?={_NUMBER})", "마이너스 "),
        (rf"({_NUMBER})\s?({_UNIT})(?![A-Za-z])", lambda m: f"{figures_said(m[1])} {_UNITS[m[2]]}"),
        (r"([0-9]+)/([0-9]+)", lambda m: f"{figures_said(m[2])}분의 {figures_said(m[1])}"),
        (r"([0-9]+):([0-9]+)", lambda m: f"{figures_said(m[1])} 대 {figures_said(m[2])}"),
        (rf"(?<![0-9.,])([0-9]{{1,2}})\s?({_NATIVE})", _counted),
        (r"([0-9])\s?-\s?(?=[0-9])", r"\1 다시 "),
        (_NUMBER, lambda m: figures_said(m[0])),
    )
)  # fmt: skip
_QUOTES = re.compile("[\"'“”‘’`´《》〈〉「」『』<>*_#^|\\\\]")
_BRACKETS = re.compile(r"\s*[()\[\]{}（）【】:：;；/]+\s*|\s+[-–—―]+\s+|[–—―]+")
_REPEATED_MARKS = re.compile(r"([!?…,.\-~])[!?…,.\-~\s]*(?=[!?…,.\-~])")
_SAID = re.compile("[A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ!?…,.]")


def normalize(text: str) -> str:
    """Korean text in words: Hangul, Latin letters, single spaces and ``! ? … , .``."""
    text = re.sub("[\uff01-\uff5e]+", lambda m: unicodedata.normalize("NFKC", m[0]), unicodedata.normalize("NFC", text))
    text = text.translate({ord("。"): ".", ord("、"): ",", ord("，"): ",", ord("·"): "·"})
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    for sign, said_sign in _SYMBOLS.items():
        text = text.replace(sign, said_sign)
    text = _BRACKETS.sub(", ", _QUOTES.sub("", text.replace("·", " ").replace("\n", ", ")))
    text = "".join(char if _SAID.match(char) else " " if char.isspace() else _fallback(char) for char in text)
    text = re.sub(r"\s+(?=[!?…,.])", "", re.sub(r"\s+", " ", text))
    return _REPEATED_MARKS.sub("", text.replace("！", "!").replace("？", "?")).strip(" ").lstrip(",. ")


def _fallback(char: str) -> str:
    """What cannot be said: full-width forms as their own, other letters (Han, Greek) and emoji without a sound."""
    folded = unicodedata.normalize("NFKC", char)
    return folded if folded != char and all(map(_SAID.match, folded)) else ""

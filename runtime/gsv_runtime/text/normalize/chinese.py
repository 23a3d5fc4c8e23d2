"""Chinese text to characters that can be read: figures, dates, money and units in characters, marks reduced.

Source: what PaddleSpeech's `zh_normalization` (Apache-2.0) reads, as upstream changed it. Deliberately
different where that is wrong: ``010-12345678`` has no 减 in it, 10000000元 is 一千万元, 工作10年 is 十年,
14:30:05 has no 半, 3-2 after 比分 is 三比二 (docs/decisions/0007-text-libraries.md).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

import opencc

from gsv_runtime.text.g2p.chinese import is_readable
from gsv_runtime.text.normalize import chinese_numbers as numbers
from gsv_runtime.text.normalize.chinese_ranges import CURRENCY, NUMBER, RANGE, range_said
from gsv_runtime.text.normalize.chinese_words import (
    CODES,
    CURRENCIES,
    MARKS,
    MEASURES,
    NOT_LIANG,
    OPERATORS,
    SAID_SYMBOLS,
)
from gsv_runtime.text.normalize.units import SIGNS as UNIT_SIGNS
from gsv_runtime.text.normalize.units import UNIT, unit_said

Say = Callable[[re.Match[str]], str]

_SAID_SYMBOLS, _MARKS = str.maketrans(SAID_SYMBOLS), str.maketrans(MARKS)
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def _date(match: re.Match[str]) -> str:
    year, month, day = match[1], match[2], match[3]
    return f"{numbers.digits(year)}年{numbers.month_or_day(month)}月{numbers.month_or_day(day)}日"


def _year(match: re.Match[str]) -> str:
    after = match[2] or ""
    if after and match[1].endswith("000"):
        return f"{numbers.cardinal(match[1])}年{after}"
    return f"{numbers.digits(match[1])}年{after}"


def _money(match: re.Match[str]) -> str:
    scale = match[3] or ""
    figures = re.sub(r"\.0+$", "", match[2])
    amount = numbers.counted(figures) if scale else numbers.decimal(figures)
    return amount + scale + (match[4] or CURRENCIES[match[1]])


def _signed_unit(match: re.Match[str]) -> str:
    unit = match[3]
    if unit.lower() in _PARTS:
        return f"{'负' if match[1] else ''}{_PARTS[unit.lower()]}分之{numbers.decimal(match[2])}"
    said = numbers.counted(match[2]) + unit_said(unit, "zh")
    return ("零下" if "°" in unit or unit == "℉" else "负") + said if match[1] else said


_PARTS = {"ppm": "百万", "ppb": "十亿"}
_AFTERNOON_ENDS, _MORNING_BEGINS = 6, 5


def _half_day(match: re.Match[str]) -> str:
    """``3:30 pm`` → 下午三点半."""
    named = re.search("[早上中下晚夜][午上里]?$|凌晨$", match.string[: match.start()])
    return ("" if named else _half(int(match[1]) % 12, match[3].lower())) + numbers.clock(match[1], match[2] or "0")


def _half(hour: int, letter: str) -> str:
    """Nobody says 下午九点: from six on it is evening."""
    if letter == "p":
        return "中午" if hour == 0 else "下午" if hour < _AFTERNOON_ENDS else "晚上"
    return "凌晨" if hour < _MORNING_BEGINS else "上午"


def _version_part(figures: str) -> str:
    return numbers.cardinal(figures) if len(figures) < 3 else numbers.telephone_digits(figures)


def _bare_number(match: re.Match[str]) -> str:
    figures = match[0]
    before = match.string[max(0, match.start() - 8) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    if len(figures) < 3 or figures[0] == "0":
        coded = figures[0] == "0" and len(figures) > 1 and re.search(rf"(?:{CODES})", before)
        return numbers.telephone_digits(figures) if coded else numbers.cardinal(figures)
    is_round = figures.endswith("00") and (len(figures) < 8 or figures.endswith("0000"))
    is_code = re.search(rf"(?:{CODES})(?:号码?|码)?[是为係系：:，,\s]*$|[A-Za-z-]$", before) or after in (
        "房",
        "室",
        "航",
    )
    if is_code or (after in ("路", "号") and not is_round):
        return numbers.telephone_digits(figures)
    if re.search("(?:第|等于|大于|小于|[加减乘约共达]|除以|超过)$", before) or is_round:
        return numbers.cardinal(figures)
    return numbers.telephone_digits(figures)


Rule = tuple[re.Pattern[str], Say | str, re.Pattern[str] | None]

# Patterns with units and currencies are long: they are tried only where the text has a character that they need.
_GUARDS = (
    (RANGE.pattern, re.compile("[-~～〜—–至到]")),
    (UNIT, re.compile(f"[A-Za-z{UNIT_SIGNS}]")),
    ("[aApP]", re.compile("[aApP]")),
    ("[:：]", re.compile("[:：]")),
    ("[+×÷", re.compile("[-+×÷=>≥≤≈≠±*<−]")),
    ("[%‰]", re.compile("[%‰]")),
    ("[$€£]", re.compile("[$€£]")),
)


def _rules(*pairs: tuple[str, Say | str]) -> tuple[Rule, ...]:
    def guard(pattern: str) -> re.Pattern[str] | None:
        return next((needed for part, needed in _GUARDS if part in pattern), None)

    return tuple((re.compile(pattern), say, guard(pattern)) for pattern, say in pairs)


_FIGURELESS = ("周一-周五", "元/㎡", "一+一")  # what the rules that need no figure are for

_DAY = r"(0?[1-9]|[12]\d|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_TIME = r"(?<!\d)([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]([0-5]\d))?(?![\d:：])"

_RULES = _rules(
    (r"\.{3,}|。{3,}|…+", "…"),
    (r"(?<![\d)\]）A-Za-z])[−－﹣–‒‑](?=\s?\d)|(?<=[-~～—–至到])[−－﹣–](?=\d)", "-"),
    (r"[％﹪]", "%"),
    (r"(?<=\d)\s?[．](?=\d)", "."),
    (r"(?<=满)(\d+)-(?=\d)", r"\1减"),
    (r"(?<!\d)([12]\d{3})\s?[-–—~/]\s?(\d{2})(?=赛季|学年|年度|财年)",
     lambda m: f"{numbers.digits(m[1])}到{numbers.digits(m[2])}"),
    (r"(\d+/\d+|零下\d+(?:\.\d+)?)\s?[-~～—–]\s?(?=\d+/\d|零下\d)", r"\1到"),
    (rf"({NUMBER})°({NUMBER})[′'’]?(?:({NUMBER})[″\"”])?(?=[^\d]|$)",
     lambda m: f"{numbers.decimal(m[1])}度{numbers.decimal(m[2])}分" + (f"{numbers.decimal(m[3])}秒" if m[3] else "")),
    (rf"(?<=[元块角万亿])\s?/\s?({UNIT})", lambda m: f"每{unit_said(m[1], 'zh')}"),
    (rf"(?<!\d)([12]\d{{3}})[-/.]{_MONTH}[-/.]{_DAY}(?![\d.])(?:日|号)?", _date),
    (rf"(?<!\d)(\d{{2}}|[12]\d{{3}})年\s?{_MONTH}月",
     lambda m: f"{numbers.digits(m[1])}年{numbers.month_or_day(m[2])}月"),
    (r"(?<!\d)([12]\d{3})\s?[-~—～至到]+\s?([12]\d{3})年",
     lambda m: f"{numbers.digits(m[1])}到{numbers.digits(m[2])}年"),
    (r"(?<!\d)([123]\d{3}|5000)年([前后来多]|的?历史)?", _year),
    (r"(?<!\d)(0\d)年", lambda m: f"{numbers.digits(m[1])}年"),
    (rf"(?<!\d){_MONTH}\s?[-~—～至到]\s?{_MONTH}(?=月)",
     lambda m: f"{numbers.month_or_day(m[1])}到{numbers.month_or_day(m[2])}"),
    (rf"(?<!\d){_MONTH}月{_DAY}\s?[-~—～至到]\s?{_DAY}([日号])",
     lambda m: f"{numbers.month_or_day(m[1])}月{numbers.month_or_day(m[2])}到{numbers.month_or_day(m[3])}{m[4]}"),
    (rf"(?<!\d){_MONTH}月{_DAY}(?!\d)", lambda m: f"{numbers.month_or_day(m[1])}月{numbers.month_or_day(m[2])}"),
    (rf"(?<!\d){_MONTH}月(?!\d)", lambda m: f"{numbers.month_or_day(m[1])}月"),
    (rf"{_TIME}\s?[-~—～至到]+\s?{_TIME[7:]}",
     lambda m: f"{numbers.clock(m[1], m[2], m[3])}至{numbers.clock(m[4], m[5], m[6])}"),
    (r"(周[一二三四五六日]|星期[一二三四五六日天])\s?[-–~～—]\s?(?=周|星期)|(?<=[\d一二三四五六七八九十零][日号月年])"
     r"(?:\s?[~～—]\s?|[-–]\s?|\s[-–]\s)(?=\d)",
     lambda m: f"{m[1] or ''}到"),
    (r"(?<!\d)([5-9]0|0[05])后(?![面来卫的天续果退勤])", lambda m: f"{numbers.digits(m[1])}后"),
    (r"[>＞](?=\s?\d)(?<!\d>)(?<!\d＞)", "大于"),
    (r"((?:比分[^\d，。,]{0,8}|(?<![可所])以|[战打扳追]成了?))(\d+)[:：](\d+)(?![\d:：])",
     lambda m: f"{m[1]}{numbers.cardinal(m[2])}比{numbers.cardinal(m[3])}"),
    (r"(?<![\d.])(\d+)比(\d+)(?![\d.])", lambda m: f"{numbers.cardinal(m[1])}比{numbers.cardinal(m[2])}"),
    (r"(?<![\d.])([12])m(\d{1,2})(?![\dA-Za-z])", lambda m: f"{numbers.counted(m[1])}米{numbers.digits(m[2])}"),
    (rf"(?<![\d.])(\d+)([米块])(\d{{2}})(?![\dA-Za-z%]|\.\d|\s?(?:{MEASURES}))",
     lambda m: f"{numbers.counted(m[1])}{m[2]}{numbers.digits(m[3])}"),
    (r"(?<![\d:])(1?\d)(?:[:：]([0-5]\d))?\s?([aApP])\.?[mM](?![A-Za-z])\.?", _half_day),
    (_TIME, lambda m: numbers.clock(m[1], m[2], m[3])),
    (r"(?<!\d)([01]?\d|2[0-4])点([0-5]?\d)(?!刻)分?",
     lambda m: f"{'两' if m[1] == '2' else numbers.month_or_day(m[1])}点{numbers.cardinal(m[2])}分"),
    (r"(?<![\d.第])2点(?!\d)", "两点"),
    (r"(?<![\d.])(\d+(?:\.\d+)?)[:：](\d+(?:\.\d+)?)(?![\d:：])",
     lambda m: f"{numbers.decimal(m[1])}比{numbers.decimal(m[2])}"),
    (r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)",
     lambda m: numbers.telephone_digits(m[0].removeprefix("+86"))),
    (r"(?<!\d)0\d{2,3}[ -]\d{7,8}(?!\d)|(?<!\d)[48]00[ -]?\d{3,4}[ -]?\d{3,4}(?!\d)",
     lambda m: numbers.telephone_digits(m[0])),
    (r"(?<!\d)\d{4}(?:[ -]\d{4}){2,}(?:[ -]\d{1,4})?(?!\d)", lambda m: numbers.telephone_digits(m[0])),
    (r"(?<![\d.])(\d{2,3})/(\d{2,3})(?=\s?(?:mmHg|毫米汞柱))", lambda m: f"{numbers.cardinal(m[1])},{m[2]}"),
    (r"(?<=血压)([是为：:约]?)(\d{2,3})/(\d{2,3})",
     lambda m: f"{m[1]}{numbers.cardinal(m[2])},{numbers.cardinal(m[3])}"),
    (r"(?<![\d-])\d+(?:-\d+){2,}(?![\d-])", lambda m: numbers.telephone_digits(m[0])),
    (rf"({NUMBER})\s?[×*xX]\s?({NUMBER})(?![\d.])", lambda m: f"{numbers.decimal(m[1])}乘{numbers.decimal(m[2])}"),
    (rf"(?<![\dA-Za-z])[-−](?=\s?(?:{CURRENCY})\s?\d)", "负"),
    (RANGE.pattern, range_said),
    (rf"(-?)({NUMBER})\s?(?:°C|℃|°(?!\s?F))", lambda m: f"{numbers.signed(m[1], m[2], '零下')}度"),
    (rf"(?<![\d])-({NUMBER})\s?(摄氏度|华氏度|度)", lambda m: f"零下{numbers.decimal(m[1])}{m[2]}"),
    (rf"({CURRENCY})\s?({NUMBER})(千万|百万|亿|万|千|百)?([美欧日港韩]?元|英镑|块)?", _money),
    (rf"({NUMBER})\s?([$€£])", lambda m: numbers.decimal(m[1]) + CURRENCIES[m[2]]),
    (r"(?<!\d)(\d+)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)",
     lambda m: f"{numbers.cardinal(m[1])}的{numbers.cardinal(m[2].translate(_POWERS))}次方"),
    (rf"(-?)({NUMBER})\s?({UNIT})", _signed_unit),
    (rf"(?<=次方)\s?({UNIT})", lambda m: unit_said(m[1], "zh")),
    (rf"(?<=\d)((?:千|百|十)?[万亿兆])\s?({UNIT})", lambda m: m[1] + unit_said(m[2], "zh")),
    (r"(?<![\d.])(\d+)/(\d+)(?![\d/])", lambda m: f"{numbers.cardinal(m[2])}分之{numbers.cardinal(m[1])}"),
    (rf"(?<!\d)([-−]?)({NUMBER})\s?([%‰])",
     lambda m: f"{'负' if m[1] else ''}{'百' if m[3] == '%' else '千'}分之{numbers.decimal(m[2])}"),
    (r"(?<![\d.])\d+(?:\.\d+){2,}", lambda m: "点".join(map(_version_part, m[0].split(".")))),
    (rf"({NUMBER})\s?([+×÷=>≥≤≈≠±*]|<(?=\s?\d))\s?(?=[-−\d一-龥])", lambda m: f"{m[1]}{OPERATORS[m[2]]}"),
    (rf"({NUMBER})\s?[-−]\s?(?={NUMBER}\s?(?:[=+×÷]|等于|加|乘|除))", lambda m: f"{m[1]}减"),
    (r"(?<=\d)[-–](?=\d)", ""),
    (r"(?:(?<=[一-龥])\s?|(?:^|(?<=[，。、；：,;:]))\s*)\+(?=[\d零两一二三四五六七八九十百千])", "加"),
    (r"(?<=[一-龥])-(?=\d+\.\d)", "负"),
    (rf"(?<![\dA-Za-z])-(?={NUMBER}\s?(?:[美欧日港韩]?元|块|度|分(?!之)|个百分点|万|亿))"
     rf"|(?<![\d一-龥A-Za-z])[-−](?={NUMBER})|(?<=[为是于到至约达温])[-−](?={NUMBER})", "负"),
    (r"(?<=[一-龥])-(?=\d)", ""),  # 歼-20
    (rf"(?<![\d.第])(2)\s?(?=(?:{MEASURES}))(?!(?:{NOT_LIANG}))", "两"),
    (rf"({NUMBER})(?=\s?(?:[多余几来]?(?:{MEASURES}|日)))", lambda m: numbers.decimal(m[1])),
    (r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d*\.\d+", lambda m: numbers.decimal(m[0])),
    (r"\d+", _bare_number),
)  # fmt: skip


_FIGURE = re.compile(r"\d")
# Most texts have none, and most rules need one.
_RULES_WITHOUT_FIGURES = tuple(rule for rule in _RULES if rule[0].search("…") or any(map(rule[0].search, _FIGURELESS)))
_FIRST_HAN = 0x3400
_DASHES = re.compile(r"[—―]{2,}|\s-+\s|--+")
_PER = re.compile(r"(?<=[元块角分克升米秒次瓦斤字节兆个人焦卡帕伏安时尔特])/(?=[一-龥])")
_NO_BETWEEN_HAN = re.compile("(?<=[一-龥])の(?=[一-龥])")
_REPEATS = re.compile("([㐀-鿿])[々〻]")
_BRACKETED = re.compile(r"([^（(【［\[〔]?)[（(【［\[〔]([^（()）【】\[\]［］〔〕\n]*)[）)】］\]〕](?=(.?))")
_HALF_BRACKETED = re.compile(
    "(?<=[一-龥])\\s?[（(【［\\[〔]|[）)】］\\]〕]\\s?(?=[一-龥])"
)  # the other half is elsewhere
_NUMBERED = re.compile(r"\s*(?:\d{1,2}|[一二三四五六七八九十]{1,2}|.?)\s*")
_NO_PAUSE_BESIDE = re.compile(r"[，。、；：！？,.;:!?…\s]|$")
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")


@functools.cache
def _to_simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def _with_pauses(match: re.Match[str]) -> str:
    """他（小王）来了 has a pause at both brackets; 三（2）班 has none."""
    before, inside, behind = match[1], match[2], match[3]
    if _NUMBERED.fullmatch(inside):
        return before + inside + ("，" if _NO_PAUSE_BESIDE.match(before) and behind else "")
    opened = "" if _NO_PAUSE_BESIDE.match(before) else "，"
    return before + opened + inside + ("" if _NO_PAUSE_BESIDE.match(behind) else "，")


def say(text: str) -> str:
    """Simplified text with its figures and symbols in words; all marks are among ``! ? … , . -``.

    What has no reading is still in it.
    """
    while _REPEATS.search(text):
        text = _REPEATS.sub(r"\1\1", text)
    for pattern, wording, needed in _RULES if _FIGURE.search(text) else _RULES_WITHOUT_FIGURES:
        if needed is None or needed.search(text):
            text = pattern.sub(wording, text)
    text = _HALF_BRACKETED.sub("，", _BRACKETED.sub(_with_pauses, text))
    text = _DASHES.sub(",", _PER.sub("每", text)).replace("—", "-").translate(_SAID_SYMBOLS).translate(_MARKS)
    text = "".join(unicodedata.normalize("NFKC", char) if "\u2e80" <= char <= "\u33ff" else char for char in text)
    return "".join(char for char in text if char in "!?…,.-" or ord(char) >= _FIRST_HAN)


def normalize(text: str) -> str:
    """Chinese text as it is said: simplified characters that have a reading, and the marks ``! ? … , . -``.

    Letters are dropped: `segment` gave them to English.
    """
    text = say(_to_simplified().convert(_NO_BETWEEN_HAN.sub("的", text)))
    return _REPEATED.sub(r"\1", "".join(char for char in text if char in "!?…,.-" or is_readable(char)))

"""Chinese text as upstream says it, its slips included: what ``frontend=upstream`` reads.

An ordered table of patterns, as `normalize.chinese` is, for the same steps in the same order. The slips are kept
because a checkpoint may have learnt them: ``010-12345678`` has a 减 in it, 14:30:05 a 半, every bare number
of three figures or more is read figure by figure.
Source: RVC-Boss/GPT-SoVITS 48b1a01 `text/zh_normalization` (after PaddleSpeech, Apache-2.0), `chinese2.text_normalize`
and `cantonese.text_normalize`. Deliberately different: figures that are not ASCII are left out instead of raising
`KeyError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.g2p.chinese_words import simplified
from gsv_runtime.text.normalize.chinese_words import SAID_SYMBOLS

Say = Callable[[re.Match[str]], str]

_DIGITS = "零一二三四五六七八九"
_PLACES = ((8, "亿"), (4, "万"), (3, "千"), (2, "百"), (1, "十"))


def _by_figure(figures: str) -> str:
    return "".join(_DIGITS[int(figure)] for figure in figures)


def _by_phone_figure(figures: str) -> str:
    return _by_figure(figures).replace("一", "幺")


def _cardinal(figures: str) -> str:
    """``1010`` → 一千零一十, ``012`` → 十二, no figure → nothing."""
    if not figures:
        return ""
    said = _places(figures.lstrip("0")) or "零"
    return said[1:] if said.startswith("一十") else said


def _places(figures: str) -> str:
    """Figures cut at their largest place; a figure behind zeros is led by one 零."""
    plain = figures.lstrip("0")
    if len(plain) < 2:
        return ("零" if plain and plain != figures else "") + _by_figure(plain)
    place, name = next((place, name) for place, name in _PLACES if place < len(plain))
    return _places(figures[:-place]) + name + _places(figures[-place:])


def _number(figures: str) -> str:
    """A figure with or without a point; of the zeros that end it one is said."""
    whole, _, fraction = figures.partition(".")
    if fraction.endswith("0"):
        fraction = fraction.rstrip("0") + "0"
    said = _cardinal(whole)
    return f"{said or '零'}点{_by_figure(fraction)}" if fraction else said


def _signed(match: re.Match[str]) -> str:
    return ("负" if match[1] else "") + _number(match[2] or match[0])


def _minutes(figures: str) -> str:
    return ("零" if figures[0] == "0" else "") + _cardinal(figures.lstrip("0"))


def _clock(hour: str, minute: str, second: str | None, half_of: str) -> str:
    """A time; 半 is decided by the minutes of `half_of`, which in a range are those of its beginning."""
    said = _cardinal(hour) + "点"
    if minute != "00":
        said += "半" if half_of == "30" else _minutes(minute) + "分"
    return said + (_minutes(second) + "秒" if second and second != "00" else "")


def _date(match: re.Match[str]) -> str:
    year, month, day, name = match.groups()
    return _by_figure(year) + "年" + (_cardinal(month) + "月" if month else "") + (_cardinal(day) + name if day else "")


def _measured(match: re.Match[str]) -> str:
    number = _number(match[1])
    return ("两" if number == "二" else number) + ("多" if match[2] == "+" else match[2] or "") + match[3]


def _telephone(match: re.Match[str]) -> str:
    return "，".join(map(_by_phone_figure, match[0].split("-")))


def _range(match: re.Match[str]) -> str:
    return "到".join(
        ("负" if sign else "") + _number(figures) for sign, figures in (match.groups()[:2], match.groups()[2:])
    )


_HOUR, _MINUTE = "([01]?[0-9]|2[0-3])", "([0-5][0-9])"
_TIME = f"{_HOUR}:{_MINUTE}(?::{_MINUTE})?"
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ"
_POWERS = str.maketrans(_SUPERSCRIPTS, "0123456789xyn")
_TERM = rf"-?[0-9]+(?:\.[0-9]+)?[{_SUPERSCRIPTS}]*|\.[0-9]+[{_SUPERSCRIPTS}]*|[A-Za-z][{_SUPERSCRIPTS}]*"
_OPERATORS = {"+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等于"}
# In this order, and everywhere: m before mm, and the s of any Latin letters.
_UNITS = (
    ("cm2", "平方厘米"), ("cm²", "平方厘米"), ("cm3", "立方厘米"), ("cm³", "立方厘米"), ("cm", "厘米"), ("db", "分贝"),
    ("ds", "毫秒"), ("kg", "千克"), ("km", "千米"), ("m2", "平方米"), ("m²", "平方米"), ("m³", "立方米"),
    ("m3", "立方米"), ("ml", "毫升"), ("m", "米"), ("mm", "毫米"), ("s", "秒"),
)  # fmt: skip
_DEGREE = "°C|℃|度|摄氏度"
_RANGED_UNIT = f"(?:%|{_DEGREE}|" + "|".join(sorted((unit for unit, _ in _UNITS), key=len, reverse=True)) + ")"
_SIGNED_NUMBER = r"(?:-?[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
# What may begin a measure word; what follows it does not matter.
_MEASURES = (
    "[处台架枚趟幅平方堵间床株批项例列篇栋注亩封艘把目套段人所朵匹张座回场尾条个首阙阵网炮顶丘棵只支袭辆挑担颗壳窠曲墙群腔砣客贯扎捆刀令"
    "打手罗坡山岭江溪钟队单双对出口头脚板跳枝件贴针线管名位身堂课本页家户层丝毫厘分钱两斤铢石钧锱忽寸尺丈里寻常铺程米撮勺合升斗盘碗碟叠桶"
    "笼盆盒杯斛锅簋篮罐瓶壶卮盏箩箱煲啖袋钵年月日季刻时周天秒旬纪岁世更夜春夏秋冬代伏辈丸泡粒幢堆根道面片块元亿万千百吨角毛]"
    "|微克|微米|公分|小时|美元|十吨"
)


def _rules(*pairs: tuple[str, Say | str]) -> tuple[tuple[re.Pattern[str], Say | str], ...]:
    return tuple((re.compile(pattern), say) for pattern, say in pairs)


_BEFORE_SUMS = _rules(
    (r"([0-9]{4}|[0-9]{2})年(?:(0?[1-9]|1[0-2])月)?(?:(0?[1-9]|[12][0-9]|30|31)([日号]))?", _date),
    (r"([0-9]{4})([- /.])(0[1-9]|1[012])\2(0[1-9]|[12][0-9]|3[01])",
     lambda m: f"{_by_figure(m[1])}年{_cardinal(m[3])}月{_cardinal(m[4])}日"),
    (f"{_TIME}[~-]{_TIME}",
     lambda m: f"{_clock(m[1], m[2], m[3], m[2])}至{_clock(m[4], m[5], m[6], m[2])}"),
    (_TIME, lambda m: _clock(m[1], m[2], m[3], m[2])),
    (f"{_SIGNED_NUMBER}{_RANGED_UNIT}~{_SIGNED_NUMBER}{_RANGED_UNIT}", lambda m: m[0].replace("~", "至")),
    (rf"(-?)([0-9]+(?:\.[0-9]+)?)({_DEGREE})",
     lambda m: f"{'零下' if m[1] else ''}{_number(m[2])}{'摄氏度' if m[3] == '摄氏度' else '度'}"),
)  # fmt: skip
_SUM = re.compile(rf"({_TERM})([+\-×÷=])({_TERM})")
_AFTER_SUMS = _rules(
    (f"[{_SUPERSCRIPTS}]+", lambda m: f"的{m[0].translate(_POWERS)}次方"),
    (r"(-?)([0-9]+)/([0-9]+)", lambda m: f"{'负' if m[1] else ''}{_cardinal(m[3])}分之{_cardinal(m[2])}"),
    (r"(-?)([0-9]+(?:\.[0-9]+)?)%", lambda m: f"{'负' if m[1] else ''}百分之{_number(m[2])}"),
    (r"(?<!\d)(?:\+?86)?1(?:[38][0-9]|5[0-35-9]|7[678]|9[89])[0-9]{8}(?!\d)",
     lambda m: _by_phone_figure(m[0].removeprefix("+"))),
    (r"(?<!\d)(?:0(?:10|2[1-3]|[3-9][0-9]{2})-?)?[1-9][0-9]{6,7}(?!\d)", _telephone),
    (r"400-?[0-9]{3}-?[0-9]{4}", _telephone),
    (r"(?<![\d+\-×÷=])(-?)([0-9]+(?:\.[0-9]+)?)[-~](-?)([0-9]+(?:\.[0-9]+)?)(?![\d+\-×÷=])", _range),
    (r"(-)([0-9]+)", _signed),
    (r"[0-9]+(?:\.[0-9]+){2,}", lambda m: "".join("点" if char == "." else _by_figure(char) for char in m[0])),
    (r"(-?)([0-9]+\.[0-9]+)|\.[0-9]+", _signed),
    (rf"([0-9]+)([多余几+])?({_MEASURES})", _measured),
    (r"[0-9]{3,}", lambda m: _by_phone_figure(m[0])),
    (r"(-?)([0-9]+(?:\.[0-9]+)?)|\.[0-9]+", _signed),
)  # fmt: skip

_HALF_WIDTH = {code + 0xFEE0: code for code in range(0x30, 0x7B) if chr(code).isalnum()}
_DROPPED = re.compile("[—《》【】<>{}()（）#&@“”^_|\\\\ ]")
_PIECE_END = re.compile("([：、，；。？！,;?!][”’]?)")
_SAID = {
    "/": "每", "+": "加", "-": "减", "×": "乘", "÷": "除", "=": "等",
    **{sign: SAID_SYMBOLS[sign] for sign in "①②③④⑤⑥⑦⑧⑨⑩αβγΓδΔεζηθΘικλΛμνξΞοπΠρςΣστυφΦχψΨωΩ"},
}  # fmt: skip
_SYMBOLS = str.maketrans(_SAID)
_SHARED_MARKS = {
    "：": ",", "；": ",", "，": ",", "、": ",", "·": ",", "。": ".", "$": ".", "！": "!", "？": "?",
}  # fmt: skip
_MANDARIN_MARKS = str.maketrans({**_SHARED_MARKS, "嗯": "恩", "呣": "母", "~": "…", "～": "…", "/": ","})
_CANTONESE_MARKS = str.maketrans({**_SHARED_MARKS, "~": "-", "～": "-"})
_UNREADABLE = re.compile("[^\u4e00-\u9fa5!?…,.\\-]+")
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")


def _say_piece(piece: str) -> str:
    piece = simplified(piece).translate(_HALF_WIDTH)
    for pattern, say in _BEFORE_SUMS:
        piece = pattern.sub(say, piece)
    for unit, said in _UNITS:
        piece = piece.replace(unit, said)
    while _SUM.search(piece):
        piece = _SUM.sub(lambda m: m[1] + _OPERATORS[m[2]] + m[3], piece)
    for pattern, say in _AFTER_SUMS:
        piece = pattern.sub(say, piece)
    return piece.translate(_SYMBOLS)


def _pieces(text: str) -> list[str]:
    text = _PIECE_END.sub("\\1\n", _DROPPED.sub("", text)).strip()
    return [_say_piece(piece.strip()) for piece in re.split("\n+", text)]


def normalize(text: str) -> str:
    """Mandarin as upstream says it: characters U+4E00 to U+9FA5 and the marks ``! ? … , . -``, none of them twice."""
    said = "".join(_with_marks(piece, _MANDARIN_MARKS) for piece in _pieces(text))
    return _REPEATED.sub(r"\1", said)


def normalize_cantonese(text: str) -> str:
    """Cantonese as upstream says it: the same wording; marks may follow each other."""
    return "".join(_with_marks(piece, _CANTONESE_MARKS) for piece in _pieces(text))


def _with_marks(piece: str, marks: dict[int, str]) -> str:
    return _UNREADABLE.sub("", piece.replace("...", "…").translate(marks))

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

Say = Callable[[re.Match[str]], str]

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_MEASURES = (
    "个|位|名|人|只|支|枝|条|张|座|把|件|套|本|页|册|卷|辆|艘|架|台|部|间|层|家|户|所|朵|棵|株|根|颗|粒|块|片|面|道|扇|幅|首|篇|段|句|"
    "场|次|回|遍|趟|顿|番|阵|声|双|对|副|组|批|群|队|排|行|列|串|束|捆|包|袋|盒|箱|瓶|杯|碗|盘|壶|桶|罐|锅|勺|滴|斤|两|吨|克|升|米|寸|尺|丈|里|亩|"
    "元|块钱|毛|角|分钱|分|美元|欧元|英镑|日元|港元|港币|人民币|卢布|韩元|万|亿|千|百|倍|成|种|类|样|项|门|届|代|季|周|天|夜|年|岁|秒|分钟|小时|"
    "个月|星期|公里|公斤|公顷|公升|千米|千克|毫米|厘米|分米|微米|纳米|毫升|毫克|平方|立方|平米|光年|海里|英里|英尺|英寸|度|瓦|千瓦|伏|安|赫兹|兆|字|"
    "封|通|份|笔|票|颗星|步|圈|关|级|集|期|章|节|课|题|题目|点|格|枚|匹|头|口|尾|发|轮|款|例|起|桩|宗|处|堂|节课|单|站|楼|多|余|来"
)
_NOT_LIANG = "级|楼|届|期|集|章|站|点|度|课|年级|班|路|单|百|十|季|分之|号|月|日"
_UNITS = {
    "km/h": "千米每小时", "m/s": "米每秒", "km²": "平方千米", "m²": "平方米", "㎡": "平方米", "cm²": "平方厘米", "m³": "立方米", "cm³": "立方厘米",
    "km2": "平方千米", "m2": "平方米", "cm2": "平方厘米", "m3": "立方米", "km": "千米", "㎞": "千米", "dm": "分米", "cm": "厘米", "㎝": "厘米",
    "mm": "毫米", "㎜": "毫米", "μm": "微米", "µm": "微米", "nm": "纳米", "m": "米", "kg": "千克", "㎏": "千克", "mg": "毫克", "μg": "微克",
    "µg": "微克", "g": "克", "ml": "毫升", "mL": "毫升", "l": "升", "L": "升", "Hz": "赫兹", "kHz": "千赫兹", "MHz": "兆赫兹", "GHz": "吉赫兹",
    "KB": "千字节", "MB": "兆字节", "GB": "吉字节", "TB": "太字节", "kW": "千瓦", "kWh": "千瓦时", "mAh": "毫安时", "min": "分钟", "h": "小时", "s": "秒",
}  # fmt: skip
_CURRENCIES = {"￥": "元", "¥": "元", "$": "美元", "€": "欧元", "£": "英镑", "₩": "韩元", "₹": "卢比", "₽": "卢布"}
_OPERATORS = {"+": "加", "-": "减", "−": "减", "×": "乘", "*": "乘", "÷": "除以", "=": "等于", "＝": "等于", "＋": "加", ">": "大于",
              "<": "小于", "≥": "大于等于", "≤": "小于等于", "≈": "约等于", "≠": "不等于", "±": "正负"}  # fmt: skip
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_CODES = "号码|电话|热线|手机|编号|代码|密码|验证码|尾号|邮编|房间|航班|车牌|账号|卡号|学号|工号|口令|群号|拨打|拨"


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
    return amount + scale + (match[4] or _CURRENCIES[match[1]])


def _range_end(match: re.Match[str]) -> str:
    link = "比" if re.search(r"比分|[胜负平赢输]$", match.string[max(0, match.start() - 6) : match.start()]) else "到"
    return f"{match[1]}{link}"


def _bare_number(match: re.Match[str]) -> str:
    figures = match[0]
    before = match.string[max(0, match.start() - 8) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    if len(figures) < 3 or figures[0] == "0":
        coded = figures[0] == "0" and len(figures) > 1 and re.search(rf"(?:{_CODES})", before)
        return numbers.telephone_digits(figures) if coded else numbers.cardinal(figures)
    if re.search(rf"(?:{_CODES})[是为：:，,]*$|[A-Za-z-]$", before) or after in ("房", "室", "航", "路", "号"):
        return numbers.telephone_digits(figures)
    if before.endswith("第") or figures.endswith("00"):
        return numbers.cardinal(figures)
    return numbers.telephone_digits(figures)


def _rules(*pairs: tuple[str, Say | str]) -> tuple[tuple[re.Pattern[str], Say | str], ...]:
    return tuple((re.compile(pattern), say) for pattern, say in pairs)


_DAY = r"(0?[1-9]|[12]\d|3[01])"
_MONTH = r"(0?[1-9]|1[0-2])"
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
_TIME = r"(?<!\d)([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]([0-5]\d))?(?![\d:：])"

_RULES = _rules(
    (r"\.{3,}|。{3,}|…+", "…"),
    (rf"(?<!\d)([12]\d{{3}})[-/.]{_MONTH}[-/.]{_DAY}(?![\d.])(?:日|号)?", _date),
    (rf"(?<!\d)(\d{{2}}|[12]\d{{3}})年\s?{_MONTH}月", lambda m: f"{numbers.digits(m[1])}年{numbers.month_or_day(m[2])}月"),
    (r"(?<!\d)([12]\d{3})\s?[-~—～至到]+\s?([12]\d{3})年", lambda m: f"{numbers.digits(m[1])}到{numbers.digits(m[2])}年"),
    (r"(?<!\d)([123]\d{3}|5000)年([前后来多]|的?历史)?", _year),
    (r"(?<!\d)(0\d)年", lambda m: f"{numbers.digits(m[1])}年"),
    (rf"(?<!\d){_MONTH}月{_DAY}\s?[-~—～至到]\s?{_DAY}([日号])",
     lambda m: f"{numbers.month_or_day(m[1])}月{numbers.month_or_day(m[2])}到{numbers.month_or_day(m[3])}{m[4]}"),
    (rf"(?<!\d){_MONTH}月{_DAY}(?!\d)", lambda m: f"{numbers.month_or_day(m[1])}月{numbers.month_or_day(m[2])}"),
    (rf"(?<!\d){_MONTH}月(?!\d)", lambda m: f"{numbers.month_or_day(m[1])}月"),
    (rf"{_TIME}\s?[-~—～至到]+\s?{_TIME[7:]}", lambda m: f"{numbers.clock(m[1], m[2], m[3])}至{numbers.clock(m[4], m[5], m[6])}"),
    (r"(周[一二三四五六日]|星期[一二三四五六日天])\s?[-–~～—]\s?(?=周|星期)|(?<=[日号月年])\s?[-–~～]\s?(?=\d)",
     lambda m: f"{m[1] or ''}到"),
    (r"(?<!\d)([5-9]0|0[05])后(?![面来卫的天续果退勤])", lambda m: f"{numbers.digits(m[1])}后"),
    (r"[>＞](?=\s?\d)(?<!\d>)(?<!\d＞)", "大于"),
    (_TIME, lambda m: numbers.clock(m[1], m[2], m[3])),
    (r"(?<!\d)([01]?\d|2[0-4])点([0-5]?\d)分?", lambda m: f"{'两' if m[1] == '2' else numbers.month_or_day(m[1])}点{numbers.cardinal(m[2])}分"),
    (r"(?<![\d.第])2点(?!\d)", "两点"),
    (r"(?<!\d)(\d+)[:：](\d+)(?![\d:：])", lambda m: f"{numbers.cardinal(m[1])}比{numbers.cardinal(m[2])}"),
    (r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)", lambda m: numbers.telephone_digits(m[0].removeprefix("+86"))),
    (r"(?<!\d)0\d{2,3}[ -]\d{7,8}(?!\d)|(?<!\d)[48]00[ -]?\d{3,4}[ -]?\d{3,4}(?!\d)", lambda m: numbers.telephone_digits(m[0])),
    (rf"(-?)({_NUMBER})\s?(?:°C|℃|°)", lambda m: f"{numbers.signed(m[1], m[2], '零下')}度"),
    (rf"(?<![\d])-({_NUMBER})\s?(摄氏度|华氏度|度)", lambda m: f"零下{numbers.decimal(m[1])}{m[2]}"),
    (rf"([{''.join(_CURRENCIES)}])\s?({_NUMBER})(千万|百万|亿|万|千|百)?([美欧日港韩]?元|英镑|块)?", _money),
    (rf"({_NUMBER})\s?([$€£])", lambda m: numbers.decimal(m[1]) + _CURRENCIES[m[2]]),
    (r"(?<!\d)(\d+)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: f"{numbers.cardinal(m[1])}的{numbers.cardinal(m[2].translate(_POWERS))}次方"),
    (rf"({_NUMBER}(?:{_UNIT})?)\s?[~～—-]\s?(?={_NUMBER}\s?(?:%|{_UNIT})(?![A-Za-z]))", lambda m: f"{m[1]}到"),
    (rf"({_NUMBER})\s?({_UNIT})(?![A-Za-z])", lambda m: numbers.counted(m[1]) + _UNITS[m[2]]),
    (r"(?<![\d.])(\d+)/(\d+)(?![\d/])", lambda m: f"{numbers.cardinal(m[2])}分之{numbers.cardinal(m[1])}"),
    (rf"(-?)({_NUMBER})\s?%\s?[~～—-]\s?(-?)({_NUMBER})\s?%", lambda m: f"百分之{numbers.signed(m[1], m[2])}到百分之{numbers.signed(m[3], m[4])}"),
    (rf"(?<!\d)([-−]?)({_NUMBER})\s?([%‰])", lambda m: f"{'负' if m[1] else ''}{'百' if m[3] == '%' else '千'}分之{numbers.decimal(m[2])}"),
    (r"(?<![\d.])\d+(?:\.\d+){2,}", lambda m: "点".join(map(numbers.cardinal, m[0].split(".")))),
    (rf"({_NUMBER})\s?([+×÷=>≥≤≈≠±*]|<(?=\s?\d))\s?(?=[-−\d一-龥])", lambda m: f"{m[1]}{_OPERATORS[m[2]]}"),
    (rf"({_NUMBER})\s?[-−]\s?(?={_NUMBER}\s?(?:[=+×÷]|等于|加|乘|除))", lambda m: f"{m[1]}减"),
    (rf"(?<![\d.-])({_NUMBER}[百千万亿]?)\s?[-–—~～]+\s?(?={_NUMBER}(?!\s?[-–]))", _range_end),
    (r"(?<=\d)[-–](?=\d)", ""),
    (rf"(?<![\d一-龥A-Za-z])[-−](?={_NUMBER})|(?<=[为是于到至约达温])[-−](?={_NUMBER})", "负"),
    (rf"(?<![\d.第])(2)\s?(?=(?:{_MEASURES}))(?!(?:{_NOT_LIANG}))", "两"),
    (rf"({_NUMBER})(?=\s?(?:[多余几来]?(?:{_MEASURES})))", lambda m: numbers.decimal(m[1])),
    (r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d*\.\d+", lambda m: numbers.decimal(m[0])),
    (r"\d+", _bare_number),
)  # fmt: skip


_SAID_SYMBOLS = str.maketrans({
    "①": "一", "②": "二", "③": "三", "④": "四", "⑤": "五", "⑥": "六", "⑦": "七", "⑧": "八", "⑨": "九", "⑩": "十", "×": "乘", "÷": "除以",
    "=": "等于", "≥": "大于等于", "≤": "小于等于", "≈": "约等于", "≠": "不等于", "＋": "加", "±": "正负", "&": "和", "℃": "度", "〇": "零",
})  # fmt: skip
_MARKS = str.maketrans({
    "：": ",", "；": ",", "，": ",", "、": ",", "·": ",", ":": ",", ";": ",", "/": ",", "。": ".", "！": "!", "？": "?", "\n": ".", "．": ".",
    "~": "…", "～": "…", "嗯": "恩", "呣": "母", "–": "-",
})  # fmt: skip
_DASHES = re.compile(r"[—―]{2,}|\s-+\s|--+")
_PER = re.compile(r"(?<=[元块角分克升米秒次瓦斤字节兆个人])/(?=[一-龥])")
_REPEATED = re.compile(r"([!?…,.\-])[!?…,.\-]+")


@functools.cache
def _to_simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def normalize(text: str) -> str:
    """Chinese text as it is said: simplified characters that have a reading, and the marks ``! ? … , . -``.

    Letters are dropped: `segment` gave them to English.
    """
    text = _to_simplified().convert(text)
    for pattern, say in _RULES:
        text = pattern.sub(say, text)
    text = _DASHES.sub(",", _PER.sub("每", text)).replace("—", "-").translate(_SAID_SYMBOLS).translate(_MARKS)
    text = "".join(unicodedata.normalize("NFKC", char) if "\u2e80" <= char <= "\u33ff" else char for char in text)
    text = "".join(char for char in text if char in "!?…,.-" or ("\u3400" <= char and is_readable(char)))
    return _REPEATED.sub(r"\1", text)

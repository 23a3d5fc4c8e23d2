"""Signs at figures that every language writes, in the words of one, before a text is cut.

Stars of ratings (``★★★★☆``, ``5★``), arrows of prices (``↑3%``), charges of ions (``Fe³⁺``), signs of geometry
and logic (``∠A``, ``∵``), ``4/29～5/6`` as dates, ``AM 9时``, ``10⁹/L``, ``10万+``, ``TEL:03-…``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.han_and_kana import HAN, KANA
from gsv_runtime.text.normalize.units import UNIT, unit_said

Say = Callable[[re.Match[str]], str]

_STARS = re.compile("([★⭐]️?(?:[★⭐]️?){0,5})([☆✩✰]{0,5})")
_NUMBER_OF_STARS = re.compile(r"(?<![\d.])(\d(?:\.\d)?)\s?[★⭐]️?(?![★⭐☆])")
_STARS_BEFORE = re.compile(
    rf"[★⭐☆]️?(\d(?:\.\d)?)(?![\d.,:/%月日時年個つ円名人回ヶか周]|[{HAN}]|[년월일시개명원])(?=[\s、。,.)）!！]|$|[A-Za-z{KANA}])"
)
_ARROW_BEFORE = re.compile(r"([↑↓▲▼⬆⬇])️?\s?(?=[$€£¥￥]?\d)")
_ARROW_BEHIND = re.compile(r"(?<=[\d%％])\s?([↑↓▲▼⬆⬇])️?")
_UP = "↑▲⬆"
_CHARGE = re.compile(r"(?<=[A-Za-z0-9₀-₉)])([⁰¹²³⁴⁵⁶⁷⁸⁹]?)([⁺⁻])(?![⁰¹²³⁴⁵⁶⁷⁸⁹\d])")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_CHARGES = {
    "en": (" plus ", " minus "),
    "zh": ("正", "负"),
    "ja": ("プラス", "マイナス"),
    "ko": (" 플러스 ", " 마이너스 "),
}

_LOGIC = "∠△⊙∵∴∫∑∏∂∇∈∉⊂⊆∪∩∅∀∃∥⊥∞≌∽∝±"
_LOGIC_IN_WORDS = {
    "zh": "角 三角形 圆 因为 所以 积分 求和 求积 偏 梯度 属于 不属于 包含于 包含于 并 交 空集 任意 存在 平行于 "
    "垂直于 无穷大 "
    "全等于 相似于 正比于 正负",
    "ja": "角 三角形 円 なぜならば ゆえに 積分 シグマ 総乗 ラウンド ナブラ は属する は属さない は含まれる は含まれる "
    "カップ キャップ "
    "空集合 すべての 存在する 平行 垂直 無限大 合同 相似 比例 プラスマイナス",
    "ko": "각 삼각형 원 왜냐하면 따라서 적분 시그마 총곱 라운드 나블라 속한다 속하지않는다 부분집합 부분집합 합집합 "
    "교집합 "
    "공집합 모든 존재한다 평행 수직 무한대 합동 닮음 비례 플러스마이너스",
}
_LOGIC_WORDS = {
    language: {
        sign: f" {said} " if language == "ko" else said for sign, said in zip(_LOGIC, names.split(), strict=True)
    }
    for language, names in _LOGIC_IN_WORDS.items()
}
_OF_LOGIC = re.compile(f"(?![△⊙])[{_LOGIC}]|[△⊙](?=[A-Z])")  # △ alone is a mark of lists
_TENDS = re.compile(r"(?<![A-Za-z])([a-z])\s?→\s?(?=[-−+]?[∞0-9])")
_TENDS_TO = {"zh": "趋于", "ja": "が", "ko": " 가 "}
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστφχψωΔΓΘΛΣΦΨΩΠ",
        range(31),
        strict=True,
    )
)
_GREEK_NAMES = {
    "zh": "阿尔法 贝塔 伽马 德尔塔 艾普西隆 泽塔 伊塔 西塔 约塔 卡帕 兰姆达 缪 纽 克西 派 肉 西格马 陶 斐 希 普西 "
    "欧米伽 "
    "德尔塔 伽马 西塔 兰姆达 西格马 斐 普西 欧米伽 派",
    "ja": "アルファ ベータ ガンマ デルタ イプシロン ゼータ イータ シータ イオタ カッパ ラムダ ミュー ニュー クサイ "
    "パイ ロー "
    "シグマ タウ ファイ カイ プサイ オメガ デルタ ガンマ シータ ラムダ シグマ ファイ プサイ オメガ パイ",
    "ko": "알파 베타 감마 델타 엡실론 제타 에타 세타 요타 카파 람다 뮤 뉴 크사이 파이 로 시그마 타우 파이 카이 "
    "프사이 오메가 "
    "델타 감마 세타 람다 시그마 파이 프사이 오메가 파이",
}
_LONE_GREEK = re.compile(f"(?<![A-Za-zΑ-ω\\d.])([{''.join(_GREEK)}])(?![A-Za-zΑ-ω])|(?<=\\d)([πθλ])(?![A-Za-zΑ-ω])")

_HALF_DAY = re.compile(r"(?<![A-Za-z])([AaPp])\.?[Mm]\.?\s?(?=\d{1,2}\s?(?:[:：]\d\d|[時时点點시]))")
_HALVES = {"zh": ("上午", "下午"), "ja": ("午前", "午後"), "ko": ("오전 ", "오후 ")}
_RAISED_PER = re.compile(rf"(?<=10)([⁰¹²³⁴⁵⁶⁷⁸⁹]+|\^\d{{1,2}})\s?/\s?({UNIT})")
_PER_WORD = {"zh": "每", "ja": "毎", "ko": " 퍼 "}
_LESS = re.compile(r"(?<=[A-Za-z])\s?([<>＜＞≤≥])\s?(?=\d)")
_LESS_WORDS = {
    "zh": dict(zip("<>＜＞≤≥", "小于 大于 小于 大于 小于等于 大于等于".split(), strict=True)),
    "ja": dict(zip("<>＜＞≤≥", "小なり 大なり 小なり 大なり 小なりイコール 大なりイコール".split(), strict=True)),
    "ko": dict(zip("<>＜＞≤≥", (" 미만 ", " 초과 ", " 미만 ", " 초과 ", " 이하 ", " 이상 "), strict=True)),
}
_BETWEEN_LETTERS = re.compile(r"(?<![\w./?&#-])([A-Za-z][²³]?)\s?([<>＜＞≤≥])\s?(?=[A-Za-z](?![\w./]))")
_EQUALS = re.compile(r"(?<![\w./?&#-])([A-Z]{2,4})\s?[=＝]\s?(?=[-−]?\d)")
_EQUALS_WORDS = {"zh": "等于", "ja": "イコール", "ko": " 이퀄 "}
_DATES = re.compile(
    r"(?<![\d/.])(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])\s?[-~～〜–]\s?(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])(?![\d/])"
)
_SHORT_YEAR = re.compile(r"(?<![\d/])(\d\d)/(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])(?![\d/])")
_DATE_WORDS = {"zh": ("年", "月", "日", "到"), "ja": ("年", "月", "日", "から"), "ko": ("년 ", "월 ", "일", "에서 ")}
_YEAR_AND_MONTH = re.compile(r"(?<![\d/])((?:19|20)\d\d)/(0[1-9]|1[0-2])(?![\d/])")
_FLOORS = re.compile(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?=\s?(?:层|層|階|층))")
_PLUS_BEHIND_LETTERS = re.compile(r"(?<=[A-Z][A-Z])\s?[+＋]\s?(?=\d)")
_PLUS_NAMES = {"zh": "加", "ja": "プラス", "ko": " 플러스 "}
_RUNS_AVERAGE = re.compile(r"(?<![A-Za-z])ERA(?=\s?(?:of\s)?\d)")
_LEVELS = {"ja": "レベル", "ko": "레벨 "}
_LEVEL = re.compile(r"(?i)(?<![A-Za-z])(?:lv|lvl)\.?\s?(?=\d|MAX)")
_NUMBERED = re.compile(r"(?i)(?<![A-Za-z])(no|vol|ep|ver)\.\s?(?=\d)")
_NUMBERED_WORDS = {"no": "ナンバー", "vol": "ボリューム", "ep": "エピソード", "ver": "バージョン"}
_MINUS_ANGLE = re.compile(r"(?<=[\d°)])\s?[-−]\s?(?=[∠△])")
_MINUS_WORDS = {"zh": "减", "ja": "マイナス", "ko": " 빼기 "}
_PLUS = re.compile(r"(?<=[\d万萬亿億만천])\s?[+＋](?![\w+＋])(?!\s?\d)")
_PLUS_WORDS = {"zh": "加", "ja": "以上", "ko": " 이상"}
_RATIO = str.maketrans({"∶": ":", "ː": ":"})


def signs_said(text: str, language: str) -> str:
    """A text, the whole of it, with these signs in the words of the language of most of it."""
    column = "zh" if language == "yue" else language
    if re.search("[★⭐]|☆\\d", text):
        text = _stars(text, column)
    if re.search("[⁺⁻]", text):
        plus, minus = _CHARGES[column]
        text = _CHARGE.sub(lambda m: f"{m[1].translate(_RAISED)}{plus if m[2] == '⁺' else minus}", text)
    text = _RUNS_AVERAGE.sub("E R A", text) if "ERA" in text else text
    if column == "en":
        return text.replace("♩", "quarter note ") if "♩" in text else text
    if "∶" in text:
        text = text.translate(_RATIO)
    if re.search("[↑↓▲▼⬆⬇]", text):
        text = _arrows(text, column)
    if "→" in text:
        text = _TENDS.sub(rf"\1{_TENDS_TO[column]}", text)
    text = (
        _LONE_GREEK.sub(lambda m: _GREEK_NAMES[column].split()[_GREEK[m[1] or m[2]]], text)
        if re.search("[Α-ω]", text)
        else text
    )
    text = _MINUS_ANGLE.sub(_MINUS_WORDS[column], text)
    text = _OF_LOGIC.sub(lambda m: _LOGIC_WORDS[column][m[0]], text)
    text = (
        _BETWEEN_LETTERS.sub(lambda m: m[1] + _LESS_WORDS[column][m[2]], text)
        if re.search("[<>＜＞≤≥]", text)
        else text
    )
    if not re.search(r"\d", text):
        return text
    morning, afternoon = _HALVES[column]
    text = _HALF_DAY.sub(lambda m: morning if m[1] in "Aa" else afternoon, text)
    text = _RAISED_PER.sub(lambda m: f"{m[1]}{_PER_WORD[column]}{unit_said(m[2], column)}", text)
    text = _EQUALS.sub(rf"\1{_EQUALS_WORDS[column]}", text)
    year_word, month_word = _DATE_WORDS[column][0], _DATE_WORDS[column][1].strip()
    text = _YEAR_AND_MONTH.sub(lambda m: f"{m[1]}{year_word}{int(m[2])}{month_word}", text)
    text = _FLOORS.sub(r"\1、\2" if column == "ja" else r"\1，\2" if column == "zh" else r"\1, \2", text)
    text = _PLUS_BEHIND_LETTERS.sub(_PLUS_NAMES[column], text)
    if column in _LEVELS:
        text = _LEVEL.sub(_LEVELS[column], text)
    text = _LESS.sub(lambda m: _LESS_WORDS[column][m[1]], text)
    text = _SHORT_YEAR.sub(lambda m: _date(column, m[1], m[2], m[3]), _DATES.sub(lambda m: _dates(m, column), text))
    if column == "ja":
        text = _NUMBERED.sub(lambda m: _NUMBERED_WORDS[m[1].lower()], text)
    return _PLUS.sub(_PLUS_WORDS[column], text)


def _stars(text: str, column: str) -> str:
    text = re.sub(r"星(?=\d(?:\.\d)?\s?[★⭐])|별점?\s?(?=\d(?:\.\d)?\s?[★⭐])", "", text)
    text = _NUMBER_OF_STARS.sub(lambda m: _star(m[1], column, m.string[m.end() :]), text)
    text = _STARS_BEFORE.sub(lambda m: _star(m[1], column, m.string[m.end() :]), text)

    def counted(match: re.Match[str]) -> str:
        full, empty = len(re.findall("[★⭐]", match[1])), len(match[2])
        if not 2 <= full + empty <= 10 or full + empty < 3:
            return match[0]
        if column == "en":
            return f" {full} out of {full + empty} stars " if empty else f" {full} stars "
        return {"zh": f"{full}颗星", "ja": f"星{full}つ", "ko": f" 별 {full}개 "}[column]

    return _STARS.sub(counted, text)


def _star(number: str, column: str, behind: str) -> str:
    if column == "en":
        noun = re.match(r"\s[a-z]{3,}(?<!\bout)(?<!\bfrom)(?<!\bwith)(?<!\band)(?<!\bfor)", behind) and not re.match(
            r"\s(?:on|in|at)\b", behind
        )
        return f"{number} star{'' if noun or number == '1' else 's'}"
    if column == "ko":
        return f"별점 {number}점" if "." in number else f"{number}성"
    return f"星{number}" if column == "ja" else f"{number}星"


def _arrows(text: str, column: str) -> str:
    up, down = {"zh": ("上升", "下降"), "ja": ("アップ", "ダウン"), "ko": (" 상승", " 하락")}[column]
    text = _ARROW_BEHIND.sub(lambda m: up if m[1] in _UP else down, text)
    before = {"zh": ("上升", "下降"), "ja": ("プラス", "マイナス"), "ko": ("플러스 ", "마이너스 ")}[column]
    text = re.sub(r"(?<=[涨跌升降増減])[↑↓▲▼]\s?(?=\d)", "", text)
    return _ARROW_BEFORE.sub(lambda m: before[m[1] not in _UP], text)


def _date(column: str, year: str, month: str, day: str) -> str:
    y, m, d, _ = _DATE_WORDS[column]
    return f"{year}{y}{int(month)}{m}{int(day)}{d}"


def _dates(match: re.Match[str], column: str) -> str:
    """``4/29～5/6`` are dates, ``1/3～1/2`` fractions."""
    month, day, last_month, last_day = map(int, match.groups())
    later = (month, day) < (last_month, last_day)
    grows = month / day < last_month / last_day and max(day, last_day) <= 10 and month < day and last_month < last_day
    if not later or grows:
        return match[0]
    _, m, d, to = _DATE_WORDS[column]
    return f"{month}{m}{day}{d}{to}{last_month}{m}{last_day}{d}"


_TELEPHONE = {
    "ja": (re.compile(r"(?i)(?<![A-Za-z])(tel|fax)\s?[.:：]?\s?(?=[(（]?\+?\d)"), ("電話、", "ファックス、")),
    "zh": (re.compile(r"(?i)(?<![A-Za-z])(tel|fax)\s?[.:：]?\s?(?=[(（]?\+?\d)"), ("电话，", "传真，")),
    "ko": (
        re.compile(r"(?i)(?<![A-Za-z])(tel|fax|t|f)(?:(?<=.[a-z])\s?[.:：]?|[.:：])\s?(?=[(（]?\+?\d)"),
        ("전화, ", "팩스, "),
    ),
}


def telephone_named(text: str, language: str) -> str:
    """``TEL:03-1234-5678`` → 電話、03-…: what the language calls it."""
    found = _TELEPHONE.get("zh" if language == "yue" else language)
    if found is None or not re.search(r"(?i)tel|fax|\b[tf][.:：]", text):
        return text
    pattern, (telephone, fax) = found
    pause = fax.strip()[-1]

    def named(match: re.Match[str]) -> str:
        opened = pause + (" " if language == "ko" else "") if text[: match.start()].rstrip()[-1:].isalnum() else ""
        return opened + (telephone if match[1][0] in "tT" else fax)

    return pattern.sub(named, text)

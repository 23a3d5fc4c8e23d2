"""What only the text around a figure or a sign explains, written out before the text is cut at its commas.

Scores in brackets and lists (``3:1（25-20，22-25）``), dates with their weekday (``12/13（五）``, ``10일(월)``), times
of races (``1:32:07.986``), paths of menus (``设置→通用``), floors (``ビル5F``) and blanks (``○○さん``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.han_and_kana import HAN, KANA
from gsv_runtime.text.normalize import chinese_numbers
from gsv_runtime.text.normalize import english_numbers as english
from gsv_runtime.text.normalize.eastern_words import eastern_said
from gsv_runtime.text.normalize.english_chat import chat_said
from gsv_runtime.text.normalize.english_quantities import quantities_said
from gsv_runtime.text.normalize.english_stops import abbreviations_said
from gsv_runtime.text.normalize.shared_signs import signs_said, telephone_named

Say = Callable[[re.Match[str]], str]

_COMMAS = {"en": ", ", "ko": ", ", "ja": "、"}
_PAIR = r"\d{1,2}\s?[-–:：]\s?\d{1,2}(?:[（(]\d{1,2}[)）])?"
_LIST = re.compile(
    rf"(?<![\d.:/-])(?:(?P<head>\d{{1,3}}\s?[-–:：比]\s?\d{{1,3}})\s?[（(]\s?)?"
    rf"(?P<pairs>{_PAIR}(?:[，、,;； /]{{1,2}}{_PAIR})*)"
    r"(?![\d.:/-]|\s?(?:[号號栋棟幢室节節章课課题題図图表番호동]|单元|單元))"
)
_NUMBERED = re.compile(
    r"(?i)(?:[第图圖図表例题題课課节節章栋棟]|\b(?:fig(?:ure|s|ures)?|table|ch(?:apter)?|section|sec)\.?)\s?$"
)
_SCORE = re.compile(r"(\d{1,3})\s?[-–:：比]\s?(\d{1,3})")
_WON = re.compile(r"[胜赢负败勝贏負敗以]|比分|이[겼기]|졌|스코어|(?i:\b(?:won|wins?|beat|beats|lost|sets?|score)\b)")
_AGAINST = {"zh": "比", "yue": "比", "ja": "対", "ko": " 대 ", "en": " to "}

_MONTH_DAY = r"(?<![\d/.])(\d{1,2})/(\d{1,2})"
_WEEKDAY = "月火水木金土一二三四五六日월화수목금토일"
_DATED = re.compile(
    rf"(?:{_MONTH_DAY}|(?<=\d)(?P<day>[日号號일]))\s?[（(](?P<weekday>[{_WEEKDAY}])(?:曜日?|요일)?[)）]"
)
_WEEKDAY_THEN_DATE = re.compile(
    rf"(?<=[周週期拜][一二三四五六日天末])(?P<open>\s?[（(]\s?){_MONTH_DAY}(?=\s?[)）])"
    rf"|(?<=曜日)(?P<ja>\s?[（(]\s?){_MONTH_DAY}(?=\s?[)）])"
)

_TIME = re.compile(
    r"(?<![\d:：.])(?:(\d{1,2})[:：])?([0-5]?\d)[:：]([0-5]\d)\.(\d{1,3})(?![\d:：])(?:\s?(?:秒|초|s(?![A-Za-z])))?"
)
_RATIO = re.compile(r"(?i)(?:比例?|率|ratio|rate|scale|odds|비율|환율)[^\d，。,.]{0,6}$")
_LASTED = re.compile(
    r"(?<![\d:：.])(\d{1,2})[:：]([0-5]\d)[:：]([0-5]\d)(?![\d:：.])"
    r"(?=\s?(?:的?(?:成绩|成績|用时|用時|完赛|完賽|夺冠|奪冠|冲线|衝線)))"
    r"|(?<=成绩|成績|用时|用時|耗时|耗時|时长|時長|纪录|紀錄|记录|總長|总长)([是为為:： ]?)"
    r"(\d{1,2})[:：]([0-5]\d)[:：]([0-5]\d)(?![\d:：]|\.\d)"
)
_LASTED_EN = re.compile(
    r"(?:(?<=\bin )|(?<=\bof )|(?<=\btook )|(?<=\btime )|(?<=\bis )|(?<=\bclocked )|(?<=\blasted )|(?<=\bran ))"
    r"(\d{1,2}):([0-5]\d):([0-5]\d)(?![\d:]|\.\d|\s?[ap]\.?m)"
)
_YEN = re.compile(r"¥\s?(\d[\d,]*(?:\.\d+)?)(\s?(?:thousand|million|billion|trillion)\b)?")
_JAPAN = re.compile(
    rf"[{KANA}]|(?i:\b(?:japan|japanese|tokyo|kyoto|osaka|yen|jpy|shinkansen|ramen|sushi|sapporo|fukuoka|okinawa)\b)"
)
_DIGIT_NAMES = {
    "ja": "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split(),
    "ko": "영 일 이 삼 사 오 육 칠 팔 구".split(),
}

_WORD = r"[^\W\d_]"
_ARROW = re.compile(
    rf"(?<=[\w”」』》】)）\"'’]) ?(?:[→⇒➔➜➡»]️?|[-=]>(?=\s?[{HAN}{KANA}“「《【]))+ ?(?=[\w“「『《【(（\"'‘])"
)
_STEP = rf"{_WORD}[^\n<>＞，。、！？,.!?;；:：=+]{{1,24}}?"
_MENU = re.compile(rf"{_STEP}(?:\s?[>＞]\s?{_STEP})*\s?[>＞]\s?(?=[A-Z][A-Za-z]|[^\W\d_A-Za-z]{{2}})")
_MENU_BEFORE = re.compile(
    r"打开|打開|点击|點擊|进入|進入|前往|依次|选择|選擇|设置|設定|設置|菜单|選單|メニュー|설정|메뉴|"
    r"\b(?:(?i:go to|open|tap|click|select|choose)|Settings|Menu|Preferences|File|Edit|View|Tools)\b"
)
_FLOOR = re.compile(r"(?<![0-9A-Za-z.°])(B?)(\d{1,2})F(?![A-Za-z0-9])")
_BLANK = re.compile(rf"([○◯×✕△□])\1+(?=[{HAN}{KANA}])|(?<=[{HAN}{KANA}])([○◯×✕△□])\2+")
_BLANK_NAMES = {"○": "まる", "◯": "まる", "×": "ばつ", "✕": "ばつ", "△": "さんかく", "□": "しかく"}


# 10w+ of chats is 十万加; a charger of 65w has watts.
_WAN = re.compile(
    r"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)\s?(?:w(\+)?|W(\+)|W(?=\s?(?:粉|人|块|塊|元|阅读|閱讀|播放|点赞|點讚|存款|彩礼|次|字)))(?![A-Za-z0-9])"
    r"(?!\s?的?(?:灯|燈|充|快充|闪充|超充|功率|电源|電源|适配|音箱|喇叭|太阳能|太陽能|电机|光伏|氮化镓|LED|电饭|烤箱|吹风|微波))"
)
_WATTS_BEFORE = re.compile(r"(?:功率|快充|充电|充電|瓦数|输出|輸出|待机)\D{0,3}$")


def explained(text: str, language: str) -> str:
    """A text with these signs in the words or the plain signs of a language.

    Args:
        text: the whole of it, in plain forms.
        language: of most of the text.
    """
    text = eastern_said(signs_said(telephone_named(text, language), language), language)
    if language == "en":
        text = chat_said(quantities_said(abbreviations_said(text)))
    if re.search("[→⇒➔➜➡»>＞]", text):
        text = _menus_apart(text, language)
    if language in ("ja", "zh", "yue") and re.search("[○◯×✕△□]{2}", text):
        text = _BLANK.sub(lambda match: _blank(match, language), text)
    if not re.search(r"\d", text):
        return text
    if language == "en":
        text = _LASTED_EN.sub(lambda match: _time_in_words(match.groups()), text)
        text = _YEN.sub(r"\1\2 yen", text) if "¥" in text and _JAPAN.search(text) else text
    text = _TIME.sub(lambda match: _race_time(match, language), text)
    if language in ("zh", "yue"):
        text = _LASTED.sub(_lasted, text)
        text = _WAN.sub(lambda match: _ten_thousands(match, language), text) if re.search(r"\d\s?[wW]", text) else text
    text = _WEEKDAY_THEN_DATE.sub(lambda match: _date_behind(match, language), text)
    text = _DATED.sub(lambda match: _dated(match, language), text)
    if language in ("ja", "ko"):
        text = _FLOOR.sub(lambda match: _floor(match, language), text)
    return _LIST.sub(lambda match: _scores(match, language), text)


def _scores(match: re.Match[str], language: str) -> str:
    """Pairs of figures that cannot all be ranges, or that stand in brackets behind a score."""
    pairs = [(int(first), int(last)) for first, last in _SCORE.findall(match["pairs"])]
    falls = any(first > last for first, last in pairs)
    with_colons = re.search("[:：]", match["pairs"]) is not None  # 8:30, 7:15 are times
    if match["head"] is None:
        around = match.string[max(0, match.start() - 20) : match.end() + 12]
        are_scores = len(pairs) > 1 + (not _WON.search(around)) and falls and not with_colons
    else:
        are_scores = _is_score(match["head"]) and (len(pairs) > 1 or (falls and not with_colons))
    if not are_scores or language not in _AGAINST or _NUMBERED.search(match.string[: match.start()]):
        return match[0]
    against = _AGAINST[language]
    said = _SCORE.sub(lambda pair: f"{pair[1]}{against}{pair[2]}", match["pairs"])
    if match["head"] is None:
        return said
    head = re.sub(r"\s?[-–:：比]\s?", against, match["head"])
    return head + match[0][len(match["head"]) : match.start("pairs") - match.start()] + said


def _is_score(head: str) -> bool:
    """3:1, 98:95 and 2-1 are scores, 9:30 may be a time."""
    first, last = _SCORE.findall(head)[0]
    return re.search("[:：]", head) is None or len(last) == 1 or int(first) > 24 or int(last) > 59


def _month_and_day(first: int, second: int, language: str) -> tuple[int, int] | None:
    """Hong Kong writes the day first; who writes 13 first can mean nothing else."""
    day_first = language == "yue" if max(first, second) < 13 else first > 12
    month, day = (second, first) if day_first else (first, second)
    return (month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _dated(match: re.Match[str], language: str) -> str:
    weekday = match["weekday"]
    korean, japanese = weekday in "월화수목금토일", weekday in "月火水木金土" or (weekday == "日" and language == "ja")
    if match["day"]:
        if korean:
            return f"{match['day']} {weekday}요일"
        return match[0] if japanese else f"{match['day']}，星期{weekday}{_pause_behind(match)}"
    date = _month_and_day(int(match[1]), int(match[2]), language)
    if date is None:
        return match[0]
    if korean:
        return f"{date[0]}월 {date[1]}일 {weekday}요일"
    if japanese:
        return f"{date[0]}月{date[1]}日（{weekday}）"
    return f"{date[0]}月{date[1]}日，星期{weekday}{_pause_behind(match)}"


def _pause_behind(match: re.Match[str]) -> str:
    return "，" if re.match(rf"[{HAN}]", match.string[match.end() :]) else ""


def _date_behind(match: re.Match[str], language: str) -> str:
    opened = match["open"] or match["ja"]
    first, second = (figure for figure in match[0][len(opened) :].split("/"))
    date = _month_and_day(int(first), int(second), language)
    return match[0] if date is None else f"{opened}{date[0]}月{date[1]}日"


def _race_time(match: re.Match[str], language: str) -> str:
    if _RATIO.search(match.string[max(0, match.start() - 12) : match.start()]):
        return match[0]
    hours, minutes, seconds, parts = match[1], int(match[2]), int(match[3]), match[4]
    if language == "en":
        counted = ([_many(int(hours), "hour")] if hours else []) + [_many(minutes, "minute")]
        return f"{', '.join(counted)}, {english.decimal(f'{seconds}.{parts}')} seconds"
    if language in ("zh", "yue"):
        hour, minute, second = ("小时", "分", "秒") if language == "zh" else ("小時", "分", "秒")
        zero = "零" if hours and minutes < 10 else ""
        return (
            _hours(hours, hour)
            + f"{zero}{minutes}{minute}{_zero(seconds)}{seconds}{second}{chinese_numbers.digits(parts)}"
        )
    hour, minute, second = ("時間", "分", "秒") if language == "ja" else ("시간 ", "분 ", "초 ")
    names = "".join(_DIGIT_NAMES[language][int(figure)] for figure in parts)
    behind = " " if language == "ko" and match[0][-1:] == "초" else ""
    return (f"{int(hours)}{hour}" if hours else "") + f"{minutes}{minute}{seconds}{second}{names}{behind}"


def _time_in_words(parts: tuple[str, ...]) -> str:
    counted = [
        _many(int(part), unit) for part, unit in zip(parts, ("hour", "minute", "second"), strict=True) if int(part)
    ]
    return ", ".join(counted)


def _hours(hours: str | None, word: str) -> str:
    return f"{int(hours)}{word}" if hours else ""


def _zero(figure: int) -> str:
    return "零" if figure < 10 else ""


def _many(number: int, unit: str) -> str:
    return f"{english.cardinal(str(number))} {unit}{'' if number == 1 else 's'}"


def _lasted(match: re.Match[str]) -> str:
    """马拉松成绩2:08:31 is two hours, and no time of day."""
    before, figures = match[4] or "", match.groups()[:3] if match[1] else match.groups()[4:7]
    hours, minutes, seconds = map(int, figures)
    return f"{before}{hours}小时{_zero(minutes)}{minutes}分{_zero(seconds)}{seconds}秒"


def _ten_thousands(match: re.Match[str], language: str) -> str:
    if _WATTS_BEFORE.search(match.string[max(0, match.start() - 8) : match.start()]):
        return match[0]
    return f"{match[1]}{'万' if language == 'zh' else '萬'}{'加' if match[2] or match[3] else ''}"


def _menus_apart(text: str, language: str) -> str:
    comma = _COMMAS.get(language, "，")
    text = _ARROW.sub(comma, text)

    def steps(match: re.Match[str]) -> str:
        is_path = len(re.findall("[>＞]", match[0])) > 1 or _MENU_BEFORE.search(match[0])
        return re.sub(r"\s?[>＞]\s?", comma, match[0]) if is_path else match[0]

    return _MENU.sub(steps, text)


def _floor(match: re.Match[str], language: str) -> str:
    below, floor = ("地下", "階") if language == "ja" else ("지하 ", "층")
    return f"{below if match[1] else ''}{match[2]}{floor}"


def _blank(match: re.Match[str], language: str) -> str:
    return _BLANK_NAMES[match[0][0]] * len(match[0]) if language == "ja" else "某某"

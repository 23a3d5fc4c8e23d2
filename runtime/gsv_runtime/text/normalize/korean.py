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
from gsv_runtime.text.normalize.korean_hanja import in_hangul
from gsv_runtime.text.normalize.units import SIGNS as UNIT_SIGNS
from gsv_runtime.text.normalize.units import UNIT, unit_said

Rule = tuple[re.Pattern[str], "Callable[[re.Match[str]], str] | str"]

_DIGITS = str.maketrans("0123456789", "공일이삼사오육칠팔구")
_NATIVE = (
    "시간|시(?![간속장민])|개(?![월국년])|명|살|마리|권|병|잔|대|장(?!관)|번째|번(?![지호가대])|달(?!러)|가지|"
    "군데|그루|켤레|송이|채|척|통|벌|곳|자루|접시|그릇|사람"
    "|곡(?![선괭])|공기(?=\\s|$|[를와로를에,.])|판|줄|쌍|방울|모금|숟가락|조각|걸음|바퀴|차례|배(?=\\s|$|[로가나의는를])|포기|봉지|상자|박스|묶음|다발|꼬치|"
    "알|돌|끼|팀|군데|스푼|컵|캔|세트|모(?=[\\s,.을와]|$)|분(?=이 (?:오|계|앉)|께)"
    "|골(?![목절짜프])|큰술|작은술|꼬집|줌(?![마인])|토막|덩어리|덩이|갑(?![자판상])|톳|두름|종류|과목|글자|문장|단어|낱말|나라|가구(?![점공])"
    "|건(?![강물설전축조]|[가-힣]{2})|게임|경기(?![도장침])|자리(?=\\s?(?:수|숫자)|[와를로의까만]|[\\s,.]|$)|홈런|가닥|뼘|스쿱|국자|움큼|발자국"
)
_MAX_NATIVE = 99
_MAX_NAMED_FIGURES = 16
# 번 with a figure before it is a number of one of these, not how often.
_NUMBERED = (
    "출구|입구|버스|국도|지방도|고속|도로|선수|타자|투수|문제|문항|질문|문단|보기|정답|답|홈|게이트|탑승구|트랙|"
    "창구|좌석|자리|채널|승강장|선로|플랫폼|노선|정류장|마을|시내|"
    "광역|좌석|후보|환자|손님|고객|테이블|구역|레인|코트|교향곡|소나타|협주곡|곡|카드|칸|항목|사진|그림|키|버튼|"
    "염색체|차량|차선|엔진|승강기|엘리베이터|참가자|방|메뉴|"
    "[을를] (?:누르|눌러|고르|선택)|(?:이|가|은|는|으로) (?:정답|맞)|(?:부터|까지)(?![가-힣])|으로 (?:전화|연락|"
    "문의|갈아)|에 (?:전화|신고)"
)
_NUMBERED_BEFORE = "기호|등번호|배번|채널|[0-9]반|문제|번호|보기|정답은|답은|국도|버스|출구|교향곡|노선"
_EVENTS = (
    "전쟁|운동|절|혁명|사태|사변|항쟁|민주|광복|테러|참사|사건|선언|공동|정변|쿠데타|남침|총선|대선|지방선거|합의|"
    "대책|만세|의거|계엄|비상|희생|유족|학살|경축|기념|정신|납북|"
    "참전|휴전|독립|해방|부정선거|군사"
)
_VEHICLES = (
    "차|버스|트럭|택시|컴퓨터|노트북|카메라|기|기계|자전거|오토바이|비행기|헬기|탱크|전차|로봇|드론|에어컨|"
    "텔레비전|냉장고|세탁기|피아노|총|열차|선풍기|차량|제품|모델"
)
_MONEY = {"₩": "원", "￦": "원", "$": "달러", "€": "유로", "£": "파운드", "¥": "엔"}
_SYMBOLS = {
    "&": " 앤드 ",
    "@": " 골뱅이 ",
    "+": " 더하기 ",
    "=": " 이퀄 ",
    "×": " 곱하기 ",
    "÷": " 나누기 ",
    "→": ", ",
    "≈": " 약 ",
    "≒": " 약 ",
    "±": " 플러스마이너스 ",
    "≠": " 낫이퀄 ",
}
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
    return _count(match[1], match[2], match.string[: match.start()], match.string[match.end() :])


def _count(figures: str, counter: str, before: str, behind: str) -> str:
    """Figures and their counter: native numerals, unless the two name a thing (3번 출구, 30대 여성, 제2장)."""
    if figures == "1" and counter == "번째":
        return "첫 번째"
    if _names_a_thing(figures, counter, before, behind):
        return f"{figures_said(figures)}{'' if counter == '대' else ' '}{counter}"
    return f"{figures_said(figures, native=True)} {counter}"


def _names_a_thing(figures: str, counter: str, before: str, behind: str) -> bool:
    if counter == "시":
        return int(figures) > 12 or int(figures) == 0
    if counter == "번":
        return (
            re.match(rf"\s?(?:{_NUMBERED})", behind) is not None
            or re.search(rf"(?:{_NUMBERED_BEFORE})\s?$", before) is not None
        )
    if counter == "대" and int(figures) in range(10, 100, 10):
        return re.search(rf"(?:{_VEHICLES})[이가을를은는]?\s?$", before) is None
    return re.search(r"(?<![가-힣])제\s?$", before) is not None


def _counted_range(match: re.Match[str]) -> str:
    first, last, counter = match[1], match[2], match[3]
    before, behind = match.string[: match.start()], match.string[match.end() :]
    return f"{_count(first, counter, before, behind)}에서 {_count(last, counter, before, behind)}"


def _range(match: re.Match[str]) -> str:
    counter = match[4]
    own = match[2] or (counter if counter in _REPEATED_COUNTERS else "")
    return f"{figures_said(match[1])}{own}에서 {match[3]}{counter}"


_REPEATED_COUNTERS = ("월", "분", "초", "일", "년", "층", "호", "세", "회", "학년", "주", "위", "원", "인", "도")


def _score(match: re.Match[str]) -> str:
    return f"{figures_said(match[1])} 대 {figures_said(match[2])}"


def _event(match: re.Match[str]) -> str:
    """A day of remembrance, figure by figure: 8·15 팔일오, 12·12 십이십이."""
    month, day = match[1], match[2]
    if (month, day) == ("6", "25"):
        return "유기오"  # as it is said: the coda of 육 moves on
    by_figure = len(day) == 2 and day[1] != "0" and month != day
    return number(month) + (day.translate(_DIGITS) if by_figure else number(day))


def _clock(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2])
    hour = number(str(hours), native=True) if 0 < hours <= 12 else number(str(hours))
    return f"{hour}시" + (f" {number(str(minutes))}분" if minutes else "")


def _half_day(match: re.Match[str]) -> str:
    """``3:30 pm`` → 오후 세시 삼십분."""
    half = (
        "" if re.search("[오전후]{2}\\s?$", match.string[: match.start()]) else "오전 " if match[3] in "aA" else "오후 "
    )
    minutes = int(match[2] or 0)
    return f"{half}{number(match[1], native=0 < int(match[1]) <= 12)}시" + (
        f" {number(str(minutes))}분" if minutes else ""
    )


def _date(match: re.Match[str]) -> str:
    month = _MONTHS.get(match[2]) or number(str(int(match[2])))
    return f"{number(match[1])}년 {month}월 {number(str(int(match[3])))}일"


def _telephone(match: re.Match[str]) -> str:
    return " ".join(group.translate(_DIGITS) for group in re.findall("[0-9]+", match[0]))


_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
_WAVE = r"\s?[~～〜∼]\s?"
_TO = r"(?:\s?[~～〜∼]\s?|[–—-]\s?|\s[–—-]\s)"  # a hyphen with a blank before it alone is a minus
_SINO = (
    "월|분|초|일|년|층|호|세|회|학년|주|위|원|인분|인|도|점|만|억|천|교시|주년|퍼센트|프로|평|리|킬로|미터|"
    "킬로그램|그램|권"
)
_WON = r"\s?(?:으로|로)\s?(?:이기|이겼|이긴|승|패|졌|진|앞|뒤|리드|역전|비기|비겼|끝|마무리|꺾|제압|완승|대승)"
_WEEKDAY = "[월화수목금토일](?:요일)?"
_RULES: tuple[Rule, ...] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        (r"(?<![0-9])0[0-9]{1,2}[- ][0-9]{3,4}[- ][0-9]{4}(?![0-9])", _telephone),
        (r"(?<![0-9-])1[0-9]{3}-[0-9]{4}(?![0-9-])", _telephone),
        (r"(?<![0-9])([12][0-9]{3})[-./] ?(0?[1-9]|1[0-2])[-./] ?(0?[1-9]|[12][0-9]|3[01])(?![0-9])\.?", _date),
        (r"(?<![0-9·.])(1[0-2]|[1-9])[·ㆍ・･‧∙•](3[01]|[12][0-9]|[1-9])(?![0-9])", _event),
        (rf"(?<![0-9.])(1[0-2]|[1-9])\.(3[01]|[12][0-9]|[1-9])(?=\s?(?:{_EVENTS}))", _event),
        (r"(?<![0-9])[0-9]{4}(?:[ -][0-9]{4}){2,}(?![0-9])", _telephone),
        (rf"(:[0-5][0-9]){_TO}(?=[0-9]{{1,2}}:[0-5][0-9])", r"\1에서 "),
        (r"(?<![0-9-])[0-9]{2,6}-[0-9]{2,6}-[0-9]{4,7}(?:-[0-9]{2,4})?(?![0-9-])", _telephone),
        (r"(?<![0-9-])[0-9]{6}-[0-9]{7}(?![0-9-])", _telephone),
        (r"(?<=번호)([는은이가]?\s?[:：]?\s?)([0-9]{4,})(?![0-9,.])", lambda m: m[1] + m[2].translate(_DIGITS)),
        (r"(?<![0-9:])(1?[0-9])(?::([0-5][0-9]))?\s?([aApP])\.?[mM](?![A-Za-z])\.?", _half_day),
        (r"(?<![0-9:])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![0-9:])", _clock),
        (r"(?<![0-9])(0?6|10)월", lambda m: f"{_MONTHS[m[1]]}월"),
        (r"(?<![0-9A-Za-z가-힣])[-−－﹣–](?=\s?[₩￦$€£¥]\s?[0-9])", "마이너스 "),
        (rf"([₩￦$€£¥])\s?({_NUMBER})((?:\s?[만억조천])?)", lambda m: f"{figures_said(m[2])}{m[3]} {_MONEY[m[1]]}"),
        (r"([0-9]+)\s?대\s?(?=[0-9])", lambda m: f"{figures_said(m[1])} 대 "),
        (rf"(?<![0-9-])([0-9]{{1,3}})\s?-\s?([0-9]{{1,3}})(?![0-9-])(?={_WON})", _score),
        (r"(?<=스코어 )([0-9]{1,3})-([0-9]{1,3})(?![0-9-])", _score),
        (rf"(?<![0-9.,])([0-9]{{1,2}})(?:{_NATIVE})?{_TO}([0-9]{{1,2}})\s?({_NATIVE})", _counted_range),
        (rf"({_NUMBER}){_TO}(?={_NUMBER}\s?(?:{UNIT}|[%％]))", lambda m: f"{figures_said(m[1])}에서 "),
        (rf"({_NUMBER})({_SINO})?{_TO}({_NUMBER})({_SINO})", _range),
        (rf"({_NUMBER}){_WAVE}(?=[0-9])", lambda m: f"{figures_said(m[1])}에서 "),
        (rf"(?<=[0-9](?:시|분|월|일|년|원|명|개|살|도|세|층|회|부|장|권|호|%|％)){_WAVE}(?=[^\s~])", "에서 "),
        (rf"(?<![가-힣])({_WEEKDAY}){_WAVE}(?={_WEEKDAY}(?![가-힣]))", r"\1에서 "),
        (r"(?<=[가-힣][가-힣])[~～〜](?=[가-힣]{2,}\s?(?:간|구간|노선|행)(?![가-힣]))", "에서 "),
        (rf"(?<![0-9A-Za-z가-힣])[-−－﹣–](?={_NUMBER})", "마이너스 "),
        (r"([0-9]{2,3})/([0-9]{2,3})(?=\s?mmHg)", lambda m: f"{figures_said(m[1])}, {m[2]}"),
        (rf"({_NUMBER})\s?(?:°[Ff]|℉)", lambda m: f"화씨 {figures_said(m[1])} 도"),
        (rf"({_NUMBER})\s?({UNIT})", lambda m: f"{figures_said(m[1])} {unit_said(m[2], 'ko')}"),
        (rf"(?:(?<=[0-9][만억천])|(?<=[0-9] 제곱))\s?({UNIT})", lambda m: f" {unit_said(m[1], 'ko')}"),
        (rf"({_NUMBER})\s?([%％])", lambda m: f"{figures_said(m[1])} 퍼센트"),
        (rf"({_NUMBER})\s?‰", lambda m: f"{figures_said(m[1])} 퍼밀"),
        (r"(?<![0-9.])[0-9]+(?:\.[0-9]+){2,}(?![0-9])", lambda m: " 점 ".join(map(figures_said, m[0].split(".")))),
        (r"([0-9]+)/([0-9]+)", lambda m: f"{figures_said(m[2])}분의 {figures_said(m[1])}"),
        (r"([0-9]+):([0-9]+)", lambda m: f"{figures_said(m[1])} 대 {figures_said(m[2])}"),
        (rf"(?<![0-9.,])([0-9]{{1,2}})\s?({_NATIVE})", _counted),
        (r"([0-9])\s?-\s?(?=[0-9])", r"\1 다시 "),
        (_NUMBER, lambda m: figures_said(m[0])),
    )
)  # fmt: skip
_FIGURE = re.compile("[0-9]")
_MAY_BE_MEASURED = re.compile(f"[A-Za-z{UNIT_SIGNS}]")  # patterns with units are long
_WITH_UNITS = frozenset(pattern for pattern, _ in _RULES if f"({UNIT})" in pattern.pattern)
# Most texts have none, and most rules need one.
_RULES_WITHOUT_FIGURES = tuple(rule for rule in _RULES if any(map(rule[0].search, ("월~금", "서울~부산 구간"))))
_QUOTES = re.compile("[\"'“”‘’`´《》〈〉「」『』<>*_#^|\\\\]")
_BRACKETS = re.compile(r"\s*[()\[\]{}（）【】:：;；/]+\s*|\s+[-–—―]+\s+|[–—―]+")
_REPEATED_MARKS = re.compile(r"([!?…,.\-~])[!?…,.\-~\s]*(?=[!?…,.\-~])")
_SAID = re.compile("[A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ!?…,.]")
_UNSAID = re.compile("[^A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ!?…,.]")


def normalize(text: str) -> str:
    """Korean text in words: Hangul, Latin letters, single spaces and ``! ? … , .``."""
    text = re.sub("[\uff01-\uff5e]+", lambda m: unicodedata.normalize("NFKC", m[0]), unicodedata.normalize("NFC", text))
    text = text.translate({ord("。"): ".", ord("、"): ",", ord("，"): ",", ord("·"): "·"})
    text = in_hangul(text)
    measured = _MAY_BE_MEASURED.search(text) is not None
    for pattern, said in _RULES if _FIGURE.search(text) else _RULES_WITHOUT_FIGURES:
        if measured or pattern not in _WITH_UNITS:
            text = pattern.sub(said, text)
    for sign, said_sign in _SYMBOLS.items():
        text = text.replace(sign, said_sign)
    text = _BRACKETS.sub(", ", _QUOTES.sub("", text.replace("·", " ").replace("\n", ", ")))
    text = _UNSAID.sub(lambda match: " " if match[0].isspace() else _fallback(match[0]), text)
    text = re.sub(r"\s+(?=[!?…,.])", "", re.sub(r"\s+", " ", text))
    return _REPEATED_MARKS.sub("", text.replace("！", "!").replace("？", "?")).strip(" ").lstrip(",. ")


def _fallback(char: str) -> str:
    """What cannot be said: full-width forms as their own, other letters (Han, Greek) and emoji without a sound."""
    folded = unicodedata.normalize("NFKC", char)
    return folded if folded != char and all(map(_SAID.match, folded)) else ""

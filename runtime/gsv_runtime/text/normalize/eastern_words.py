"""What one of Chinese, Japanese and Korean alone writes so, in words before a text is cut.

Chinese: ``3.15晚会``, ``图2-1``, ``5k~8k``. Japanese: ``5,000円/月``, ``打率.325``, ``R6.4.1``, ``ABC様``, ``PK戦5-4``.
Korean: ``02)345-6789``, ``2. 3.``, ``2,3일``, ``ㅇㅇ``, ``ㅋㅋ``, ``3,500원/kg``, ``1+1 행사``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gsv_runtime.text.han_and_kana import HAN, HANGUL
from gsv_runtime.text.normalize.chinese_numbers import telephone_digits

Say = Callable[[re.Match[str]], str]
Rules = tuple[tuple[re.Pattern[str], Say | str], ...]

_NUMBER = r"\d[\d,]*(?:\.\d+)?"


def _rules(*rows: tuple[str, Say | str]) -> Rules:
    return tuple((re.compile(pattern), said) for pattern, said in rows)


def _table(entries: str) -> dict[str, str]:
    return {short: said.replace("_", " ") for short, said in (entry.split(":") for entry in entries.split())}


_CHINESE_FIGURES = str.maketrans("0123456789", "零一二三四五六七八九")


def _in_characters(figure: str) -> str:
    return figure.translate(_CHINESE_FIGURES)


_CHINESE = _rules(
    (
        r"(?<![\d.])(\d{1,2})[.·・](\d{1,2})(?=晚会|晚會|事件|大?地震|惨案|慘案|起义|起義|运动|運動|讲话|案|空难|空難|事变|事變|恐怖|"
        r"袭击|襲擊|消费者|消費者|维权|曝光|特大|汶川)",
        lambda m: (m[1] + m[2]).translate(_CHINESE_FIGURES),
    ),
    (r"(?<=[图圖表例式])(\d{1,3})[-–](\d{1,3})(?![\d-])", r"\1杠\2"),
    (
        r"(?<![\d.])(\d)、(\d)(?=[名个位次天年月点号条件层倍岁人章课]|个)",
        lambda m: f"{_in_characters(m[1])}、{_in_characters(m[2])}",
    ),
    (r"(?<![A-Za-z\d])(\d{1,3})/F(?![A-Za-z])", r"\1樓"),
    (r"(?<![A-Za-z])(?<!地下)G/F(?![A-Za-z])", "地下"),
    (r"(?<=地下)G/F(?![A-Za-z])", "G F"),
    (r"(?<![A-Za-z\d+])\+(\d{1,3}(?:[\s-]\d{2,4}){2,4})(?!\d)", lambda m: f"加{telephone_digits(m[1])}"),
    (r"(?<![\d.])(12)[.·](12)(?=大促|狂欢|购物|促销|年终|活动)", "双十二"),
    (
        r"(?<=巴士)(\d{1,3})([A-Z])(?![A-Za-z0-9])|(?<![A-Za-z\d.])(\d{1,3})([A-HJ-MP-Z])(?=[號号线線路]|巴士)",
        lambda m: f"{m[1] or m[3]} {m[2] or m[4]}",
    ),
    (r"(?<=[GDCZTKYSL])2(?=次)", "二"),
    (r"(?<![\d-])\d{3,4}(?: \d{3,4}){2,}(?!\d)", lambda m: telephone_digits(m[0])),
    (r"(?<=[座位排])(\d{1,3})([A-K])(?![A-Za-z0-9])", r"\1 \2"),
    (r"(?<![A-Za-z\d.])(\d+(?:\.\d+)?)([kKwW])\s?[-~～〜–—]\s?(?=\d+(?:\.\d+)?[kKwW](?![A-Za-z]))", r"\1\2到"),
    (r"(?<![A-Za-z\d）)\]%])\+(?=\d+(?:\.\d+)?\s?(?:℃|°C|度))", "零上"),
)

_ERAS = {"R": "令和", "H": "平成", "S": "昭和", "T": "大正"}
_SUFFIXES = _table(
    "戦:せん 様:さま 波:は 型:がた 線:せん 班:はん 社:しゃ 組:ぐみ 席:せき 店:てん 氏:し 君:くん 案:あん 軸:じく "
    "点:てん 面:めん "
    "館:かん 棟:とう 駅:えき 側:がわ 版:ばん 級:きゅう 室:しつ 列:れつ 番:ばん 枠:わく 判:ばん 層:そう 群:ぐん "
    "卓:たく 便:びん"
)
_A_TIME = _table(
    "月:1ヶ月 日:1日 年:1年 時間:1時間 時:1時間 人:1人 名:1人 個:1個 回:1回 泊:1泊 枚:1枚 本:1本 週:1週間 kg:1キロ "
    "g:1グラム 台:1台"
)
_JAPANESE_FIGURES = "ゼロ イチ ニー サン ヨン ゴー ロク ナナ ハチ キュー".split()
_JAPANESE = _rules(
    (
        rf"({_NUMBER}(?:[万億千]{_NUMBER})*[万億千]?円)\s?[/／]\s?({'|'.join(_A_TIME)})(?![{HAN}A-Za-z])",
        lambda m: f"{_A_TIME[m[2]]}{m[1]}",
    ),
    (
        rf"[¥￥]({_NUMBER}[万億千]?)\s?[/／]\s?({'|'.join(_A_TIME)})(?![{HAN}A-Za-z])",
        lambda m: f"{_A_TIME[m[2]]}{m[1]}円",
    ),
    (r"(?:(?<=[時分])|(?<=[:：]\d\d))着(?=[、。，,\s)）]|$)", "ちゃく"),
    (
        r"(?<![\d-])\d{3,4}(?: \d{3,4}){2,}(?!\d)",
        lambda m: "、".join("".join(_JAPANESE_FIGURES[int(figure)] for figure in group) for group in m[0].split()),
    ),
    (r"(?<![A-Za-z])W杯", "ワールドカップ"),
    (r"(?<=[ァ-ヺー一-鿿])×(?=[ァ-ヺ一-鿿])(?![一二三四五六七八九十])", "対"),
    (r"(?<=[、,，])(1[0-2]|[1-9])/(3[01]|[12]\d|[1-9])(?=[、,，])", r"\1月\2日"),
    (r"打率\s?0?\.(\d)(\d)(\d)(?!\d)", lambda m: f"打率{m[1]}割{m[2]}分{m[3]}厘"),
    (
        r"(?<![A-Za-z0-9])([RHST])(\d{1,2})[./](1[0-2]|0?[1-9])[./](3[01]|[12]\d|0?[1-9])(?!\d)",
        lambda m: f"{_ERAS[m[1]]}{int(m[2])}年{int(m[3])}月{int(m[4])}日",
    ),
    (r"(?<![A-Za-z0-9])([RHST])(\d{1,2})年(?!代)", lambda m: f"{_ERAS[m[1]]}{int(m[2])}年"),
    (
        r"(?<=PK戦)\s?(\d{1,2})\s?[-–−]\s?(\d{1,2})|(?<=スコアは)(\d{1,2})\s?[-–−]\s?(\d{1,2})",
        lambda m: f"{m[1] or m[3]}対{m[2] or m[4]}",
    ),
    (rf"(?<=[A-Za-z])({'|'.join(_SUFFIXES)})(?![{HAN}A-Za-z])", lambda m: _SUFFIXES[m[1]]),
    (r"(\d+)均(?![等一衡質])", lambda m: f"{m[1]}キン" if m[1] != "100" else "ヒャッキン"),
    (r"(?<=[腹なか席車]が)空(?=[いかきくけこ])", "す"),
    (rf"(?<![{HAN}])空(?=く(?![{HAN}]))", "あ"),
)

_KOREAN_FIGURES = str.maketrans("0123456789", "공일이삼사오육칠팔구")
_PAIRS = {
    "12": "한두",
    "23": "두세",
    "34": "서너",
    "45": "네다섯",
    "56": "대여섯",
    "67": "예닐곱",
    "78": "일고여덟",
    "89": "여덟아홉",
}
_SINO = str.maketrans("123456789", "일이삼사오육칠팔구")
# Consonants that stand for a word, as chats write them.
_JAMO = _table(
    "ㅇㅇ:응응 ㅇㅋ:오케이 ㅇㅋㅇㅋ:오케이_오케이 ㄴㄴ:노노 ㄱㄱ:고고 ㄱㅅ:감사 ㄳ:감사 ㅈㅅ:죄송 ㅊㅋ:축하 "
    "ㅊㅋㅊㅋ:축하축하 ㅂㅂ:바이바이 "
    "ㅂㅇ:바이 ㅎㅇ:하이 ㅎㅇㅎㅇ:하이하이 ㄹㅇ:레알 ㅇㅈ:인정 ㅅㄱ:수고 ㅁㄹ:몰라 ㄷㄷ:덜덜 ㄷㄷㄷ:덜덜덜 ㅇㄷ:어디 "
    "ㅁㅎ:뭐해 ㅇㅎ:아하 "
    "ㄱㅊ:괜찮아 ㅅㄹ:사랑 ㄴㅇㅅ:나이스 ㄱㄷ:기다려 ㅁㅊ:미친 ㅊㅊ:추천 ㅂㄷㅂㄷ:부들부들 ㅇㄱㄹㅇ:이거_레알 "
    "ㄱㅇㄷ:개이득 ㅋ:크 ㅎ:흐 "
    "ㅉㅉ:쯧쯧 ㅃㅃ:빠빠 ㅈㅈ:지지 ㅃㄹ:빨리 ㅌㅌ:튀튀 ㄲㅂ:까비 ㄴㄱ:누구 ㅇㅊ:안쳐 ㅁㅈ:맞아 ㅇㅇㅈ:어_인정 "
    "ㅈㄱㄴ:제목이_곧_내용"
)
_JAMO_RUN = re.compile(
    r"(?<![ㄱ-ㅎㅏ-ㅣ'‘“\"])([ㄱ-ㅎㅏ-ㅣ]+)(?![ㄱ-ㅎㅏ-ㅣ]|['’”\"]|\s?(?:자음|모음|받침|발음|소리|글자)|[은는이가을를]\s)"
)
_UNIT_OF_PRICE = _table(
    "kg:킬로그램당_ g:그램당_ 인:일인당_ 명:한_명당_ 개:한_개당_ 월:월_ 일:하루_ 년:연_ 시간:시간당_ 박:일박에_ "
    "병:병당_ 장:장당_ L:리터당_ km:킬로미터당_ ㎡:제곱미터당_ 평:평당_"
)
_PRICED = "|".join(sorted(_UNIT_OF_PRICE, key=len, reverse=True))


def _native(match: re.Match[str]) -> str:
    """손님 5분: as things and people are counted."""
    from gsv_runtime.text.g2p.korean import number  # loads MeCab, which other languages do without

    return f"{match[1]}{number(match[2], native=True)} {match[3]}"


def _one_by_one(match: re.Match[str]) -> str:
    return ", ".join(re.findall(r"\d+", match[0])).translate(_KOREAN_FIGURES).replace(",", "")


def _korean_date(match: re.Match[str]) -> str:
    if re.search(r"[A-Za-z]\s?$|버전\s?$", match.string[: match.start()]):
        return match[0]  # iOS 17.2.1
    year = f"{int(match[1])}년 " if match[1] else ""
    behind = "" if match.string[match.end() : match.end() + 1] in ("", " ", ",", ".", "(", ")") else " "
    return f"{year}{int(match[2])}월 {int(match[3])}일{behind}"


def _two_or_three(match: re.Match[str]) -> str:
    first, second, counter = match[1], match[2], match[3]
    if int(second) != int(first) + 1:
        return match[0]
    if counter in ("일", "월", "년", "층", "학년", "주", "분", "초", "차", "회"):
        return f"{(first + second).translate(_SINO)}{counter}"
    return f"{_PAIRS[first + second]} {counter}"


_KOREAN = _rules(
    (
        r"(?<![\d.])\(?0(?:2|[3-6]\d|70)\)\s?\d{3,4}-\d{4}(?!\d)|(?<![\d.-])01[016789][.]\d{3,4}[.]\d{4}(?![\d.])",
        _one_by_one,
    ),
    (
        r"(?<![\d+])\+82[\s-]?(\d{1,2})[\s-](\d{3,4})-(\d{4})(?!\d)",
        lambda m: "플러스 " + " ".join(("82", *m.groups())).translate(_KOREAN_FIGURES),
    ),
    (
        r"(?<![\d.])([12]\d{3}(?=\.\s?\d+\.\s?\d+(?!\d))|\d\d(?=\.\s?\d+\.\s?\d+\.(?!\d)))\.\s?(1[0-2]|0?[1-9])\.\s?(3[01]|[12]\d|0?[1-9])"
        r"(?:\.(?=\s?[(가-힣~,]|\s|$)|(?![\d.]))",
        _korean_date,
    ),
    (r"(?<![\d.])()(1[0-2]|[1-9])\.\s(3[01]|[12]\d|0?[1-9])\.(?=\s?\()", _korean_date),
    (
        r"(?<![\d,.])([1-8]),\s?([2-9])(일|월|명|년|개|시간|층|학년|주|번|마리|잔|분|초|차|회|살|시)(?![가-힣]{2})",
        _two_or_three,
    ),
    (
        rf"({_NUMBER}(?:[만천억]{_NUMBER})*[만천억]?\s?원)\s?/\s?({_PRICED})(?![A-Za-z{HANGUL}])",
        lambda m: f"{_UNIT_OF_PRICE[m[2]]}{m[1]}",
    ),
    (
        r"((?:손님|선생님|고객님?|어르신|부모님|교수님|회원님?|관객|하객|배우|작가|가수)\s?(?:총\s?)?)(\d{1,2})(분)(?!\s?(?:동안|간|전|후|뒤|만에|정도))",
        _native,
    ),
    (
        r"((?:시|영화|논문|소설|글|작품|드라마|광고|동화|수필|시집|단편|장편|기사)\s?(?:총\s?|약\s?)?)(\d{1,2})(편)(?![가-힣]{2})",
        _native,
    ),
    (r"(마늘\s?)(\d{1,2})(쪽)", _native),
    (r"(?<![\d-])\d{3,4}(?: \d{3,4}){2,}(?!\d)", lambda m: m[0].translate(_KOREAN_FIGURES)),
    (r"(?<=\d)\s?%\s?[pP](?![A-Za-z])", "%포인트"),
    (
        r"(?<!\d)([123])\+1(?=\s?(?:행사|이벤트|증정|상품|세일|할인|구성))",
        lambda m: f"{dict(zip('123', ('원', '투', '쓰리'), strict=True))[m[1]]} 플러스 원",
    ),
)
_LAUGH = re.compile("[ㅋㅎ]{1,}")


def _jamo(match: re.Match[str]) -> str:
    """ㅋㅋㅋ is a laugh, ㅠㅠ a face, ㅇㅇ a word; what is none stays."""
    letters = match[1]
    before, behind = match.string[match.start() - 1 : match.start()], match.string[match.end() : match.end() + 1]
    apart, ahead = (" " if before.strip() else ""), (" " if behind.isalnum() else "")
    if letters in _JAMO and len(letters) > 1:
        said = _JAMO[letters]
    elif _LAUGH.fullmatch(letters):
        said = "".join({"ㅋ": "크", "ㅎ": "흐"}[letter] for letter in letters[:4])
    elif set(letters) <= set("ㅋㅎㅠㅜ"):
        said = "".join({"ㅋ": "크", "ㅎ": "흐"}.get(letter, "") for letter in letters[:6])
    else:
        return match[0]
    return f"{apart}{said}{ahead}"


def eastern_said(text: str, language: str) -> str:
    """A text, the whole of it, with these in words or in the plain signs that the language's normaliser reads.

    Args:
        text: in plain forms.
        language: of most of it.
    """
    if language == "ko" and re.search("[ㄱ-ㅎㅏ-ㅣ]", text):
        text = _JAMO_RUN.sub(_jamo, text)
    rules = {"zh": _CHINESE, "yue": _CHINESE, "ja": _JAPANESE, "ko": _KOREAN}.get(language, ())
    for pattern, said in rules:
        text = pattern.sub(said, text)
    return text

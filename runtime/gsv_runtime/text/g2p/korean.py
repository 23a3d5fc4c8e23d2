"""Korean to the jamo that the checkpoints were trained with, spoken as the rules of standard pronunciation say.

Source: g2pk2 0.0.3 (Kyubyong Park and others, Apache-2.0) in the order in which upstream's `text/korean.py` calls it:
idioms and the table of codas before onsets are its data files, read without importing it (it downloads NLTK data when
imported); the rules between are restated here. Compound vowels are two phones, a space is 空, what no table has 停.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterable
from importlib.metadata import distribution

from jamo import h2j, j2hcj
from mecab import MeCab

from gsv_runtime.text.languages import Unit
from gsv_runtime.text.symbols import phone_table

SPACE, UNKNOWN_MARK = "空", "停"
LETTER_NAMES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "에이 비 시 디 이 에프 지 에이치 아이 제이 케이 엘 엠 "
        "엔 오 피 큐 아르 에스 티 유 브이 더블유 엑스 와이 제트".split(),
        strict=True,
    )
)
_SPLIT_VOWELS = str.maketrans(
    {
        "ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ", "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ", "ㅑ": "ㅣㅏ",
        "ㅒ": "ㅣㅐ", "ㅕ": "ㅣㅓ", "ㅖ": "ㅣㅔ", "ㅛ": "ㅣㅗ", "ㅠ": "ㅣㅜ",
    }
)  # fmt: skip
# Jamo that make syllables to those that are phones, which are other characters.
_PHONES_OF_JAMO = _SPLIT_VOWELS | {code: j2hcj(chr(code)).translate(_SPLIT_VOWELS) for code in range(0x1100, 0x1200)}
_MARKS = str.maketrans(
    {"：": ",", "；": ",", "，": ",", "。": ".", "！": "!", "？": "?", "\n": ".", "·": ",", "、": ","}
)
_LETTER = re.compile("[A-Za-z]")
_BARE_VOWEL = re.compile("(^|[^\u1100-\u1112])([\u1161-\u1175])")
# g2pk2 takes ㄹ ㄹ over a space for a liaison after 을/를; upstream puts the ㄴ back.
_LIQUID_AFTER_OBJECT = re.compile("([ㅇㄹ]ㅡㄹ) ㄹ")
_MODIFIERS = frozenset("ᆫᆬᆷᆱᆰᆲᆴ")
_NUMBER_COUNTED = re.compile(r"([\d][\d,]*)([ㄱ-힣]+)/B")
_lock = threading.Lock()


def _jamo_rules(*rules: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Each rule with the jamo and marks that its pattern has as they stand, without which it need not be tried."""
    return tuple((_needed(h2j(pattern)), re.compile(h2j(pattern)), said) for pattern, said in rules)


def _needed(pattern: str) -> str:
    return max(re.split(r"\[[^]]*\]|[()$]", pattern.partition("|")[0]), key=len)


# Source: g2pk2/special.py, as it runs without `descriptive`. /P after a verb's stem, /E after its ending.
_SPECIAL = _jamo_rules(
    ("([ᄌᄍᄎ])ᅧ", r"\1ᅥ"),
    ("([ᄀᄁᄂᄃᄄᄅᄆᄇᄈᄉᄊᄌᄍᄎᄏᄐᄑᄒ])ᅴ", r"\1ᅵ"),
    ("/J", ""),
    ("([그])ᆮᄋ", r"\1ᄉ"),
    ("([으])[ᆽᆾᇀᇂ]ᄋ", r"\1ᄉ"),
    ("([으])ᆿᄋ", r"\1ᄀ"),
    ("([으])ᇁᄋ", r"\1ᄇ"),
    ("ᆰ/P([ᄀᄁ])", r"ᆯᄁ"),
    *((f"([ᆲᆴ])/P{plain}", rf"\1{tense}") for plain, tense in zip("ᄀᄃᄉᄌ", "ᄁᄄᄊᄍ", strict=True)),
    *((f"([ᆫᆷ])/P{plain}", rf"\1{tense}") for plain, tense in zip("ᄀᄃᄉᄌ", "ᄁᄄᄊᄍ", strict=True)),
    *((f"ᆬ/P{plain}", f"ᆫ{tense}") for plain, tense in zip("ᄀᄃᄉᄌ", "ᄁᄄᄊᄍ", strict=True)),
    *((f"ᆱ/P{plain}", f"ᆷ{tense}") for plain, tense in zip("ᄀᄃᄉᄌ", "ᄁᄄᄊᄍ", strict=True)),
    ("(바)ᆲ($|[^ᄋᄒ])", r"\1ᆸ\2"),
    ("(너)ᆲ([ᄌᄍ]ᅮ|[ᄃᄄ]ᅮ)", r"\1ᆸ\2"),
    ("ᆮᄋ([ᅵᅧ])", r"ᄌ\1"),
    ("ᇀᄋ([ᅵᅧ])", r"ᄎ\1"),
    ("ᆴᄋ([ᅵᅧ])", r"ᆯᄎ\1"),
    ("ᆮᄒ(ᅵ)", r"ᄎ\1"),
    *((f"ᆯ/E {plain}", f"ᆯ {tense}") for plain, tense in zip("ᄀᄃᄇᄉᄌ", "ᄁᄄᄈᄊᄍ", strict=True)),
    *(
        (f"ᆯ{written}", f"ᆯ{h2j(said)}")
        for written, said in zip(
            "걸 밖에 세라 수록 지라도 지언정 진대".split(), "껄 빠께 쎄라 쑤록 찌라도 찌언정 찐대".split(), strict=True
        )
    ),
    ("/[PJEB]", ""),
)
# A coda moves to the empty onset after it. Source: g2pk2/regular.py, links 1, 2 and 4.
_LINKS = tuple(
    (f"{coda}ᄋ", said)
    for coda, said in zip(
        "ᆨᆩᆫᆮᆯᆷᆸᆺᆻᆽᆾᆿᇀᇁᆪᆬᆰᆱᆲᆳᆴᆵᆹᇂᆭᆶ",
        "ᄀ ᄁ ᄂ ᄃ ᄅ ᄆ ᄇ ᄉ ᄊ ᄌ ᄎ ᄏ ᄐ ᄑ ᆨᄊ ᆫᄌ ᆯᄀ ᆯᄆ ᆯᄇ ᆯᄊ ᆯᄐ ᆯᄑ ᆸᄊ ᄋ ᄂ ᄅ".split(),
        strict=True,
    )
)


def _g2pk2_file(name: str) -> str:
    path = distribution("g2pk2").locate_file(f"g2pk2/{name}")
    with open(str(path), encoding="utf-8-sig") as file:
        return file.read()


@functools.cache
def _idioms() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = (line.split("#")[0].strip().split("===") for line in _g2pk2_file("idioms.txt").splitlines())
    return tuple((re.compile(row[0]), row[1]) for row in rows if len(row) == 2)


@functools.cache
def _any_idiom() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _idioms()))


@functools.cache
def _codas() -> tuple[tuple[str, tuple[tuple[str, re.Pattern[str], str], ...]], ...]:
    """Each coda with its rules: the onset that must be there (empty: a word's end), the pattern, what is said."""
    header, *rows = _g2pk2_file("table.csv").splitlines()
    onsets = header.split(",")
    table = []
    for row in rows:
        coda, *cells = row.split(",")
        rules = (
            (onset[-1] if "?" in onset else "", re.compile(coda + onset), cell.split("(")[0])
            for onset, cell in zip(onsets[1:], cells, strict=False)
            if cell
        )
        table.append((coda, tuple(rules)))
    return tuple(table)


@functools.cache
def _analyser() -> MeCab:
    return MeCab()


def phones(text: str) -> list[Unit]:
    """Words, spaces and marks of a Korean text, each with its phones.

    Args:
        text: Hangul, figures, Latin letters (spelled by their names) and marks.
    """
    said = _LIQUID_AFTER_OBJECT.sub(r"\1 ㄴ", _pronounced(text))
    said = re.sub("([\u3131-\u3163])$", r"\1.", said)
    words, chunks = text.split(" "), said.split(" ")
    if len(words) != len(chunks):
        words, chunks = [text], [said]
    units: list[Unit] = []
    for word, chunk in zip(words, chunks, strict=True):
        units += [(" ", (SPACE,))] if units else []
        units.append((word, tuple(map(_phone, chunk))))
    return units


@functools.lru_cache(maxsize=4_096)
def _phone(char: str) -> str:
    char = SPACE if char == " " else char.translate(_MARKS)
    return char if char in phone_table("v2") else UNKNOWN_MARK


def _pronounced(text: str) -> str:
    """What is said, in compatibility jamo; everything else as it was."""
    text = _LETTER.sub(lambda m: LETTER_NAMES[m[0].lower()], text)
    if _any_idiom().search(text):
        for pattern, said in _idioms():
            text = pattern.sub(said, text)
    text = h2j(_figures_said(_annotated(text)))
    for needed, pattern, said in _SPECIAL:
        if needed in text:
            text = pattern.sub(said, text)
    for coda, rules in _codas():
        if coda in text:
            for onset, pattern, said in rules:
                if onset in text:
                    text = pattern.sub(said, text)
    for linked, said in _LINKS:
        text = text.replace(linked, said)
    return _BARE_VOWEL.sub("\\1ᄋ\\2", text).translate(_PHONES_OF_JAMO)


def _annotated(text: str) -> str:
    """Text with the parts of speech that decide how codas sound, each behind its syllable."""
    with _lock:
        tokens = _analyser().pos(text)
    if text.replace(" ", "") != "".join(token for token, _ in tokens):
        return text
    tags = iter("".join("_" * (len(token) - 1) + _class(tag) for token, tag in tokens))
    return "".join(char if char == " " else char + _annotation(char, next(tags)) for char in text)


def words(text: str) -> list[tuple[str, str | None]]:
    """Words of a text, each with its reading if the analyser's dictionary has one."""
    with _lock:
        return [(word.surface, word.feature.reading) for word in _analyser().parse(text)]


def _class(tag: str) -> str:
    last = tag.split("+")[-1]
    return "B" if last == "NNBC" else last[0]


def _annotation(char: str, tag: str) -> str:
    if tag == "J" and char == "의":
        return "/J"
    if tag == "E" and h2j(char)[-1] == "ᆯ":
        return "/E"
    if tag == "V" and h2j(char)[-1] in _MODIFIERS:
        return "/P"
    return "/B" if tag == "B" else ""


def _figures_said(text: str) -> str:
    """Figures before a counter as a number, all others one by one, as g2pk2 does."""
    for figures, counter in dict.fromkeys(_NUMBER_COUNTED.findall(text)):
        said = number(figures, native=counter in NATIVE_COUNTERS)
        text = text.replace(f"{figures}{counter}/B", f"{said}{counter}/B")
    return text.translate(_DIGITS)


NATIVE_COUNTERS = (
    "군데 권 개 그루 닢 대 두 마리 모 모금 뭇 발 발짝 방 번 벌 보루 살 수 술 시 쌈 움큼 정 짝 채 척 첩 축 켤레 톨 통"
)
_DIGITS = str.maketrans("0123456789", "영일이삼사오육칠팔구")
_SINO = "영일이삼사오육칠팔구"
_NATIVE_ONES = " 한 두 세 네 다섯 여섯 일곱 여덟 아홉".split(" ")
_NATIVE_TENS = " 열 스물 서른 마흔 쉰 예순 일흔 여든 아흔".split(" ")
_PLACES = ("", "십", "백", "천")
_GROUPS = ("", "만", "억", "조")


def number(figures: str, native: bool = False) -> str:
    """Figures as g2pk2 says them; `native` says the last two as 스물한 rather than 이십일."""
    figures = figures.replace(",", "")
    if figures == "0":
        return "영"
    if native and figures == "20":
        return "스무"
    said: list[str] = []
    for place, figure in zip(range(len(figures) - 1, -1, -1), map(int, figures), strict=True):
        said.append(_place_said(place, figure, said, native))
    return "".join(said)


def _place_said(place: int, figure: int, before: Iterable[str], native: bool) -> str:
    group, within = divmod(place, 4)
    if figure == 0 and (within or not "".join([*before][-3:])):
        return ""
    if place > 15:
        return _SINO[figure] if figure else ""
    if native and place < 2:
        return (_NATIVE_TENS if place else _NATIVE_ONES)[figure]
    name = _SINO[figure] if figure else ""
    if 0 < place < 8 and name == "일":
        name = ""
    return name + _PLACES[within] + (_GROUPS[group] if not within else "")


def warm_up() -> None:
    """Load the analyser's dictionary, the idioms and the table."""
    phones("따뜻한 국물을 3잔 마셨다.")

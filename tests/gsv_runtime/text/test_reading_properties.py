"""What holds for every text: pauses change no word, nothing is left out untold, forms do not matter, figures stay put.

GSV_FUZZ_EXAMPLES=5000 draws more cases than `make test` does.
"""

import json
import os
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import MODES
from gsv_runtime.text import sentence_reader, split
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.g2p.english_lexicon import pronunciations
from gsv_runtime.text.normalize.english import normalize
from gsv_runtime.text.symbols import PUNCTUATION, phone_table

from .described import describe

pytestmark = pytest.mark.slow

NUM_EXAMPLES = int(os.environ.get("GSV_FUZZ_EXAMPLES", "150"))
FRONTEND = TextFrontend("v2")
MARKS = {index for name, index in phone_table("v2").items() if name in PUNCTUATION}
LOOSE = settings(
    max_examples=NUM_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
FIGURES = st.one_of(
    st.integers(0, 99_999).map(str),
    st.decimals(0, 999, places=2).map(str),
    st.sampled_from(["10%", "-5", "$5", "1/2", "12:30", "2024", "½", "Ⅳ", "①", "10⁸", "3-5", "007", "1,234", "５"]),
)
WORDS = st.sampled_from(
    [
        "a",
        "I",
        "ten",
        "no",
        "GPT",
        "好",
        "我们",
        "号",
        "です",
        "駅",
        "네",
        "개",
        "嘅",
        ".",
        ",",
        "。",
        "，",
        "!",
        " ",
        "\n",
        "-",
        "$",
    ]
)
PIECES = st.lists(st.one_of(FIGURES, WORDS), min_size=1, max_size=6).map("".join)
CUTS = st.sampled_from([*split.CUT_METHODS, "none"])


def words(sentences):
    """Words and characters with their phones, without marks."""
    units = [unit for each in sentences for run in each["runs"] for unit in run["units"]]
    return [(text, said) for text, said in units if said and not PUNCTUATION.issuperset(said)]


def heard(result):
    return [phone for phone in result.phones.tolist() if phone not in MARKS]


@LOOSE
@example(text="10", language="en", method="cut5")
@example(text="8号。", language="zh", method="cut0")
@example(text="价格分别是10000，20000，30000。", language="zh", method="cut1")
@given(text=PIECES, language=st.sampled_from(list(MODES)), method=CUTS)
def test_the_pause_that_is_put_before_a_short_text_changes_no_word(text, language, method, monkeypatch):
    try:
        with_pause = words(describe(text, language, method))
    except InvalidRequest:
        return
    with monkeypatch.context() as patch:
        patch.setattr(sentence_reader, "MIN_SENTENCE_PHONES", 0)
        patch.setattr(split, "SHORT_OPENING_CHARACTERS", 0)
        assert words(describe(text, language, method)) == with_pause


AROUND = {
    "en": "Well {} then.",
    "zh": "你好{}再见。",
    "ja": "はい{}いいえ。",
    "ko": "안녕 {} 하세요.",
    "yue": "你好{}再見。",
}
SAYABLE = st.characters(categories=["Lu", "Ll", "Lo", "Lt", "Nd", "Nl", "No", "So", "Sc", "Sm"])


@LOOSE
@example(char="々", language="en")
@example(char="☂", language="zh")
@example(char="°", language="zh")
@example(char="£", language="zh")
@example(char="²", language="ko")
@example(char="¢", language="en")
@example(char="＄", language="zh")
@example(char="ก", language="ja")
@example(char="Ⅷ", language="ko")
@given(char=SAYABLE, language=st.sampled_from(list(AROUND)))
def test_a_character_is_heard_or_told_as_dropped(char, language):
    result = FRONTEND.process(AROUND[language].format(char), language)
    told = {json.loads(row)["text"] for row in result.dropped}
    silent = heard(FRONTEND.process(AROUND[language].format(" "), language))
    plain = unicodedata.normalize("NFKC", char)  # a sign in full width is the sign
    assert told or heard(result) != silent or plain in "<>|~^_`+=¬$"


@pytest.mark.parametrize(
    ("text", "language"), [("−5 to +5", "en"), ("¥500", "zh"), ("价格是￥199", "auto"), ("−3度", "ja")]
)
def test_a_sign_that_is_said_before_a_figure_is_not_told_as_dropped(text, language):
    assert FRONTEND.process(text, language).dropped == ()


def test_markup_faces_and_pieces_without_words_are_told_with_their_reason():
    result = FRONTEND.process("<b>Hello</b> (^_^)\n☂☂☂☂☂☂\n[00:12.50]there 😀", "en")
    told = {(row["text"], row["reason"], row["times"]) for row in map(json.loads, result.dropped)}
    assert told == {
        ("<b>", "markup", 1),
        ("</b>", "markup", 1),
        ("(^_^)", "face made of signs", 1),
        ("[00:12.50]", "time or tag of subtitles or lyrics", 1),
        ("☂", "nothing to say beside it", 6),
        ("😀", "no reading in English", 1),
    }


def sounds(text, language, method):
    """Phones without marks, blanks of Korean and accents of Japanese."""
    units = words(describe(text, language, method))
    return [phone for _, said in units for phone in said if phone not in PUNCTUATION and phone not in "[]#空停"]


def full_width(text):
    return "".join(chr(ord(char) + 0xFEE0) if char.isascii() and char.isalnum() else char for char in text)


def said(text, language, method="cut5"):
    try:
        return [(each["normalized"], words([each])) for each in describe(text, language, method)]
    except InvalidRequest:
        return []


def same(text, other, language, method="cut5"):
    """Whether two spellings are said alike; units carry their spelling, phones and normalised text do not."""
    first, second = said(text, language, method), said(other, language, method)
    return [(norm, [phones for _, phones in units]) for norm, units in first] == [
        (norm, [phones for _, phones in units]) for norm, units in second
    ]


FORMS = st.lists(
    st.one_of(FIGURES, WORDS, st.sampled_from(["café", "Zürich", "가방", "がく", "ガス", "naïve", "한글", "パン"])),
    min_size=1,
    max_size=6,
).map("".join)


@LOOSE
@given(text=FORMS, language=st.sampled_from(list(MODES)))
def test_decomposed_text_is_read_as_composed_text_is(text, language):
    assert same(text, unicodedata.normalize("NFD", text), language)


@LOOSE
@given(text=FORMS, language=st.sampled_from(list(MODES)))
def test_full_width_letters_and_figures_are_read_as_narrow_ones_are(text, language):
    assert same(text, full_width(text), language)


@LOOSE
@given(
    text=FORMS,
    language=st.sampled_from(list(MODES)),
    method=CUTS,
    end=st.sampled_from(["\r\n", "\r", "\u2028", "\u2029", "\x85", "\v", "\f"]),
)
def test_every_line_end_is_a_line_end(text, language, method, end):
    assert same(text, text.replace("\n", end), language, method)


@LOOSE
@given(
    text=FORMS,
    language=st.sampled_from(list(MODES)),
    place=st.integers(0, 20),
    char=st.sampled_from("\u200b\u200d\ufeff\u2060\u00ad\u200e"),
)
def test_what_cannot_be_seen_changes_nothing(text, language, place, char):
    assert same(text, text[:place] + char + text[place:], language)


@LOOSE
@given(
    lines=st.lists(st.one_of(FIGURES, st.just("OWN")), min_size=2, max_size=5),
    language=st.sampled_from([name for name, mode in MODES.items() if mode.fixed]),
    method=st.sampled_from(list(split.CUT_METHODS)),
)
def test_lines_are_read_as_they_are_read_alone(lines, language, method):
    own = {"zh": "好", "ja": "はい", "ko": "네", "yue": "嘅"}.get(language.removeprefix("all_"), "home")
    lines = [own if line == "OWN" else line for line in lines]
    assert sounds("\n".join(lines), language, method) == [
        phone for line in lines for phone in sounds(line, language, method)
    ]


ONLY = {
    "en": ["I have {} left today.", "It was about {} then, I think.", "The answer is {}."],
    "zh": ["我们今天有{}的时候很好。", "结果是{}吧。", "大约{}左右。"],
    "ja": ["今日は{}でした。", "答えは{}です。", "これは{}ぐらいです。"],
    "ko": ["오늘은 {} 정도입니다.", "답은 {}입니다.", "약 {}쯤이에요."],
}


@LOOSE
@given(
    language=st.sampled_from(list(ONLY)),
    index=st.integers(0, 2),
    figures=FIGURES,
    mode=st.sampled_from(["own", "auto"]),
)
def test_a_number_is_never_read_in_a_language_that_its_sentence_is_not_in(language, index, figures, mode):
    sentences = describe(ONLY[language][index].format(figures), language if mode == "own" else "auto")
    assert {run["language"] for each in sentences for run in each["runs"]} == {language}


NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million point"
).split()


@LOOSE
@example(before="PM", figures="2.5", after="")
@example(before="", figures="3.5", after="k")
@example(before="Fig.", figures="3.2", after="")
@given(
    before=st.text("abkmvxBHMPU.$#-/", max_size=4),
    figures=st.from_regex(r"\A\d{1,4}([.,:/-]\d{1,4}){0,3}\Z"),
    after=st.text("abkmsxBGHL%./-", max_size=4),
)
def test_no_spoken_word_holds_a_number_and_something_else(before, figures, after):
    for word in re.findall(r"[a-z']+", normalize(f"see {before}{figures}{after} now").lower()):
        glued = [each for each in NUMBER_WORDS if word != each and (word.startswith(each) or word.endswith(each))]
        assert not glued or word in pronunciations() or word.rstrip("s") in pronunciations(), word

"""A number is in the language of its sentence, however it is written."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_runtime.text.normalize.units import UNIT, unit_said

from .described import describe

# Sentences with a place for a figure, none of which has English in it but names and units.
PLACES = {
    "zh": [
        "今天是{}。",
        "我有{}个苹果",
        "距离{}km",
        "{}kg大米",
        "坐G{}次车",
        "用iPhone {}拍照",
        "气温{}℃，很热",
        "价格${}",
        "涨了{}%",
    ],
    "yue": ["呢個係{}。", "我有{}個蘋果", "行咗{}km", "部iPhone {}好貴", "實用{}呎"],
    "ja": ["今日は{}です。", "距離は{}kmです", "{}kgの米", "iPhone {}を買った", "{}%の人", "NH{}便です"],
    "ko": ["오늘은 {}이다.", "거리는 {}km입니다", "{}kg의 쌀", "iPhone {}를 샀다", "{}%이다", "KE{}편"],
}
FIGURES = st.one_of(
    st.integers(0, 10**9).map(str),
    st.decimals(0, 10_000, places=2).map(str),
    st.integers(1000, 10**7).map(lambda value: f"{value:,}"),
    st.tuples(st.integers(0, 99), st.integers(100, 999)).map(lambda ends: f"{ends[0]}-{ends[1]}"),
)
WIDE = {ord(char): ord(char) + 0xFEE0 for char in "0123456789%~-"}
SPOKEN_ENGLISH = re.compile(
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|hundred|thousand|million|point)\b"
)


def english(sentences):
    return " ".join(run["normalized"] for each in sentences for run in each["runs"] if run["language"] == "en")


def phones(sentences):
    return [phone for each in sentences for run in each["runs"] for _, said in run["units"] for phone in said]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data(), language=st.sampled_from(list(PLACES)), figure=FIGURES, automatic=st.booleans())
def test_a_number_is_never_read_in_a_language_that_its_sentence_is_not_in(data, language, figure, automatic):
    text = data.draw(st.sampled_from(PLACES[language])).format(figure)
    mode = {"yue": "auto_yue"}.get(language, "auto") if automatic else language
    sentences = describe(text, mode)
    assert not SPOKEN_ENGLISH.search(english(sentences)), (text, sentences)
    assert language in {run["language"] for each in sentences for run in each["runs"]}


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data(), language=st.sampled_from(list(PLACES)), figure=FIGURES)
def test_full_width_figures_and_signs_read_as_half_width_ones(data, language, figure):
    place = data.draw(st.sampled_from(PLACES[language]))
    assert phones(describe(place.format(figure.translate(WIDE)), language)) == phones(
        describe(place.format(figure), language)
    )


@pytest.mark.parametrize("minus", "-−－﹣–")
@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("zh", "今天{}5℃", "零下五度"),
        ("yue", "今日{}5℃", "零下五度"),
        ("ja", "今日は{}5度", "マイナス"),
        ("ko", "오늘은 {}5도", "마이너스"),
    ],
)
def test_every_character_that_is_typed_for_a_minus_is_one(minus, language, text, said):
    assert said in describe(text.format(minus), language)[0]["normalized"]


@pytest.mark.parametrize(
    ("unit", "names"),
    [
        ("km", ("千米", "キロメートル", "킬로미터")),
        ("KG", ("千克", "キログラム", "킬로그램")),
        ("μg/m³", ("微克每立方米", "マイクログラム毎立方メートル", "마이크로그램 퍼 세제곱미터")),
        ("m/s²", ("米每二次方秒", "メートル毎秒毎秒", "미터 퍼 제곱초")),
        ("℃", ("度", "度", "도")),
        ("mmol/L", ("毫摩尔每升", "ミリモル毎リットル", "밀리몰 퍼 리터")),
        ("cm2", ("平方厘米", "平方センチメートル", "제곱센티미터")),
    ],
)
def test_a_unit_is_named_in_each_language_from_its_parts(unit, names):
    assert re.fullmatch(UNIT, unit)
    assert tuple(unit_said(unit, language) for language in ("zh", "ja", "ko")) == names


@pytest.mark.parametrize("text", ["5G", "3D", "4K", "5A级", "10M", "2B", "5kmh", "7Up"])
def test_letters_that_are_no_unit_stay_letters(text):
    assert not re.match(rf"\d+(?:{UNIT})", text)

"""Which language reads which part of a sentence."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.language_modes import MODES
from gsv_runtime.text.segment import dominant_language, segment


def runs(text, default="zh", mode="auto"):
    return [(run.language, run.text) for run in segment(text, MODES[mode], default)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天天气不错。", [("zh", "今天天气不错。")]),
        ("It is fine.", [("en", "It is fine.")]),
        ("我用iPhone拍照。", [("zh", "我用"), ("en", "iPhone"), ("zh", "拍照。")]),
        ("他说“Hello”，然后走了。", [("zh", "他说"), ("en", "“Hello”，"), ("zh", "然后走了。")]),
        ("当时ThinkPad T60刚刚发布", [("zh", "当时"), ("en", "ThinkPad T"), ("zh", "60刚刚发布")]),
        ("用5G网络", [("zh", "用5"), ("en", "G"), ("zh", "网络")]),
        ("距離は5km、36Vです。", [("ja", "距離は5km、36Vです。")]),
        ("거리는 10km입니다.", [("ko", "거리는 10km입니다.")]),
        ("他说I have 3 apples走了", [("zh", "他说"), ("en", "I have 3 apples"), ("zh", "走了")]),
        (
            "见www.abc123.com的21st",
            [("zh", "见"), ("en", "www.abc"), ("zh", "123"), ("en", ".com"), ("zh", "的"), ("en", "21st")],
        ),
        ("我在看ワンピース", [("zh", "我在看"), ("ja", "ワンピース")]),
        ("昨天买了たこ焼き吃", [("zh", "昨天买了"), ("ja", "たこ焼き"), ("zh", "吃")]),
        ("人々は時々来る", [("ja", "人々は時々来る")]),
        ("iPhone 15发布了", [("en", "iPhone "), ("zh", "15发布了")]),
        ("在7-Eleven买", [("zh", "在"), ("en", "7-Eleven"), ("zh", "买")]),
        ("A股大涨", [("en", "A"), ("zh", "股大涨")]),
        ("2024年NBA开赛", [("zh", "2024年"), ("en", "NBA"), ("zh", "开赛")]),
        ("跑了5km，重10kg。", [("zh", "跑了5km，重10kg。")]),
        ("气温-3.5°C。", [("zh", "气温-3.5°C。")]),
        ("Call me, 张三.", [("en", "Call me, "), ("zh", "张三.")]),
        ("價格是$20", [("zh", "價格是$20")]),
        ("我们吃了ラーメン很好吃", [("zh", "我们吃了"), ("ja", "ラーメン"), ("zh", "很好吃")]),
        ("私は学生です。東京大学で勉強しています。", [("ja", "私は学生です。東京大学で勉強しています。")]),
        ("鲜の每日", [("zh", "鲜の每日")]),
        ("角度θ小于π。", [("zh", "角度θ小于π。")]),
        ("3월 3일에 만나요.", [("ko", "3월 3일에 만나요.")]),
        ("他说了“ありがとう”，走了。", [("zh", "他说了"), ("ja", "“ありがとう”，"), ("zh", "走了。")]),
    ],
)
def test_scripts_decide_and_figures_are_in_the_language_of_the_sentence(text, expected):
    assert runs(text) == expected


@pytest.mark.parametrize("default", ["zh", "en"])
def test_figures_alone_take_the_default_language(default):
    assert runs("3.14", default) == [(default, "3.14")]


@given(text=st.text(st.sampled_from("ab 12.,你好，。$%kg-(")), default=st.sampled_from(["zh", "en"]))
def test_runs_joined_are_the_sentence_and_neighbours_differ(text, default):
    found = runs(text, default)
    assert "".join(part for _, part in found) == text
    assert all(a[0] != b[0] for a, b in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("text", "language"), [("12", "zh"), ("Chapter 1", "en"), ("我爱 you", "zh"), ("I love 你 so much", "en")]
)
def test_the_dominant_language_counts_words_against_characters(text, language):
    assert dominant_language(text, MODES["auto"]) == language


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [
        ("東京大学", "zh", "zh"),
        ("東京大学", "ja", "ja"),
        ("経済", "zh", "ja"),
        ("我们的大学", "ja", "zh"),
    ],
)
def test_han_characters_are_what_their_form_says_and_else_what_the_text_is(text, default, language):
    assert runs(text, default) == [(language, text)]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("auto", [("zh", "你好"), ("en", "hi"), ("ja", "はい"), ("ko", "네")]),
        ("auto_yue", [("yue", "你好"), ("en", "hi"), ("ja", "はい"), ("ko", "네")]),
        ("zh", [("zh", "你好"), ("en", "hi"), ("ja", "はい"), ("ko", "네")]),
        ("all_yue", [("yue", "你好"), ("en", "hi"), ("ja", "はい"), ("ko", "네")]),
        ("ja", [("ja", "你好"), ("en", "hi"), ("ja", "はい"), ("ko", "네")]),
        ("ko", [("ko", "你好"), ("en", "hi"), ("ja", "はい"), ("ko", "네")]),
    ],
)
def test_a_mode_with_a_language_gives_it_all_that_it_can_read_but_english(mode, expected):
    assert runs("你好hiはい네", "zh", mode) == expected


def test_with_all_before_its_name_a_mode_gives_every_figure_to_its_language():
    assert runs("Windows 11と12.5", "ja", "all_ja") == [("en", "Windows "), ("ja", "11と12.5")]
    assert runs("Hello 123 friends", "ko", "all_ko") == [("en", "Hello "), ("ko", "123 "), ("en", "friends")]
    assert runs("Hello 123 friends", "ko", "ko") == [("en", "Hello 123 friends")]

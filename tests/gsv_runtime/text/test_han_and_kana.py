"""Mandarin and Japanese told apart where their characters are the same."""

import bz2
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_runtime.language_modes import MODES
from gsv_runtime.text.han_and_kana import stretch_languages
from gsv_runtime.text.segment import dominant_language, segment

from .described import describe

DATA = Path(__file__).parent / "data"
WORDS = ["さくら", "ワンピース", "すし", "ラーメン", "たこ焼き", "ありがとう", "한국", "오빠", "アニメ", "ゆき"]
FRAMES = ["她叫{}。", "我在看{}", "我爱{}，你呢？", "昨天买了{}很好吃", "{}是我的最爱", "我喜歡{}"]


@pytest.mark.parametrize(
    ("stretch", "otherwise", "japanese"),
    [
        ("我在看ワンピース", "", "ワンピース"),
        ("我今天在カフェ看到一只猫", "ja", "カフェ"),
        ("昨天买了たこ焼き吃", "", "たこ焼き"),
        ("我喜歡さくら", "ja", "さくら"),
        ("私は寿司を食べました", "", "私は寿司を食べました"),
        ("経済的な問題", "", "経済的な問題"),
        ("是非見てください", "", "是非見てください"),
        ("我々は学生です", "", "我々は学生です"),
        ("鲜の每日", "", ""),
        ("東京都港区", "ja", "東京都港区"),
        ("我是中国人", "ja", ""),
        ("名探偵コナン", "", "名探偵コナン"),
        ("欢迎来到ラーメン店", "zh", "ラーメン"),
    ],
)
def test_words_decide_which_characters_are_japanese(stretch, otherwise, japanese):
    found = stretch_languages(stretch, otherwise)
    assert "".join(char for char, language in zip(stretch, found, strict=True) if language == "ja") == japanese


@pytest.mark.parametrize(("language", "mode"), [("ja", "auto"), ("zh", "auto"), ("yue", "auto_yue")])
def test_sentences_of_one_language_stay_whole(language, mode):
    texts = [row[0] for row in json.loads(bz2.decompress((DATA / f"upstream-{language}.json.bz2").read_bytes()))]
    kana_or_chinese = [text for text in texts if language != "ja" or any("ぁ" <= char <= "ヿ" for char in text)]
    assert len(kana_or_chinese) > 280
    for text in kana_or_chinese:
        runs = segment(text, MODES[mode], dominant_language(text, MODES[mode]))
        assert {run.language for run in runs} <= {language, "en"}, (text, runs)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(word=st.sampled_from(WORDS), frame=st.sampled_from(FRAMES), mode=st.sampled_from(list(MODES)))
def test_every_kana_and_hangul_has_phones_in_every_mode(word, frame, mode):
    runs = [run for each in describe(frame.format(word), mode) for run in each["runs"]]
    written = "".join(
        run["text"] for run in runs if run["language"] in ("ja", "ko") and any(p for _, p in run["units"])
    )
    assert word in written

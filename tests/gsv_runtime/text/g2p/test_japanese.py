"""Japanese sounds, pitch and accent phrases."""

import pytest

from gsv_runtime.text.g2p.japanese import improved_labels, stretch_phones
from gsv_runtime.text.g2p.japanese_accent import accented, named_accents


def features(*words):
    """Features as pyopenjtalk-plus gives them, of (string, pos, group, moras)."""
    return [
        {
            "string": string, "pos": pos, "pos_group1": group, "pos_group3": "*", "cform": "*", "acc": 9,
            "mora_size": moras, "chain_rule": "*", "chain_flag": -1,
        }
        for string, pos, group, moras in words
    ]  # fmt: skip


def joined(words, lines):
    return [(each["chain_flag"], each["acc"]) for each in accented(features(*words), lines, {"二": 1, "十": 1}.get)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("こんにちは", "k o [ N n i ch i w a"),
        ("東京タワー", "t o [ o ky o o t a ] w a a"),
        ("雨", "a ] m e"),
        ("", ""),
        ("です", "d e ] s u"),  # the voiceless vowel is said as any
    ],
)
def test_sounds_and_pitch_are_in_the_notation_of_the_checkpoints(text, expected):
    assert " ".join(stretch_phones(text, improved_labels)) == expected


def test_a_particle_joins_the_noun_before_and_keeps_its_accent():
    lines = ["雨,名詞,一般,*,*,*,*,雨,アメ,アメ,1/2,C3", "が,助詞,格助詞,一般,*,*,*,が,ガ,ガ,0/1,名詞%F1/動詞%F2@0"]
    assert joined([("雨", "名詞", "一般", 2), ("が", "助詞", "格助詞", 1)], lines) == [(-1, 1), (1, 0)]


def test_a_noun_after_a_noun_moves_the_accent_by_its_rule():
    lines = [
        "東京,名詞,固有名詞,*,*,*,*,東京,トウキョウ,トーキョー,0/4,C1",
        "タワー,名詞,一般,*,*,*,*,*,タワー,タワー,1/3,C1",
    ]
    assert joined([("東京", "名詞", "固有名詞", 4), ("タワー", "名詞", "一般", 3)], lines) == [(-1, 5), (1, 1)]


def test_a_verb_begins_an_accent_phrase_after_a_particle():
    lines = ["を,助詞,格助詞,一般,*,*,*,を,ヲ,ヲ,0/1,名詞%F1", "見る,動詞,自立,*,*,一段,基本形,見る,ミル,ミル,1/2,*"]
    assert joined([("を", "助詞", "格助詞", 1), ("見る", "動詞", "自立", 2)], lines)[1] == (0, 1)


def test_a_figure_joins_its_power_of_ten_which_sets_its_accent():
    assert joined([("二", "名詞", "数", 1), ("十", "名詞", "数", 2)], []) == [(0, 1), (1, 1)]


def test_a_compound_in_one_line_of_the_dictionary_is_its_words():
    line = "お早う,感動詞,*,*,*,*,*,お:早う,オ:ハヨウ,オ:ハヨー,0/1:1/3,*"
    assert named_accents([line]) == {"お": 0, "早う": 1}

"""Pinyin syllables to phones."""

import pytest
from pypinyin import Style, lazy_pinyin
from pypinyin.pinyin_dict import pinyin_dict

from gsv_runtime.text.g2p.pinyin import syllable_phones
from gsv_runtime.text.symbols import phone_table


@pytest.mark.parametrize(
    ("pinyin", "phones"),
    [
        ("zhi1", "zh ir1"), ("ri4", "r ir4"), ("zi5", "z i05"), ("si4", "s i04"), ("ni3", "n i3"), ("qu4", "q v4"),
        ("xuan1", "x van1"), ("jue2", "j ve2"), ("jun1", "j vn1"), ("lv4", "l v4"), ("lve4", "l ve4"),
        ("nve4", "n ve4"),
        ("yi1", "y i1"), ("ye3", "y E3"), ("yan2", "y En2"), ("yue4", "y ve4"), ("yuan4", "y van4"), ("yun2", "y vn2"),
        ("yu3", "y v3"), ("you3", "y ou3"), ("ying1", "y ing1"), ("wu3", "w u3"), ("wo3", "w o3"), ("wei4", "w ei4"),
        ("er2", "EE er2"), ("an1", "AA an1"), ("ou3", "OO ou3"), ("e4", "EE e4"), ("zhuang1", "zh uang1"),
        ("liu2", "l iu2"), ("gui4", "g ui4"), ("lun2", "l un2"), ("bo1", "b o1"), ("shei2", "sh ei2"),
        ("ng2", "EE en2"),
    ],
)  # fmt: skip
def test_initial_and_final_follow_the_rules_of_the_phone_table(pinyin, phones):
    assert " ".join(syllable_phones(pinyin)) == phones


@pytest.mark.slow
def test_every_common_character_has_phones_of_the_table():
    common = [chr(code) for code in pinyin_dict if 0x4E00 <= code <= 0x9FA5]
    table = phone_table("v1")
    syllables = {s for c in common for s in lazy_pinyin(c, style=Style.TONE3, neutral_tone_with_five=True)}
    assert len(common) > 20_000
    assert all(phone in table for syllable in syllables for phone in syllable_phones(syllable))


@pytest.mark.parametrize("text", ["zhong", "1", "ZHI1", "zhi6", ""])
def test_what_is_no_syllable_is_refused(text):
    with pytest.raises((ValueError, IndexError)):
        syllable_phones(text)

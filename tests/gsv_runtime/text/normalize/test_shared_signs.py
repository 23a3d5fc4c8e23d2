"""Signs at figures in the words of each language."""

import pytest

from gsv_runtime.text.normalize.shared_signs import signs_said, telephone_named


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "a 5★ sword", "a 5 star sword"),
        ("zh", "★★★★☆", "四颗星".replace("四", "4")),
        ("ja", "★5キャラ", "星5キャラ"),
        ("ko", "5★ 캐릭터", "5성 캐릭터"),
        ("zh", "↑3%", "上升3%"),
        ("ja", "株価3%↓", "株価3%ダウン"),
        ("en", "Fe³⁺", "Fe3 plus "),
        ("ja", "4/29～5/6", "4月29日から5月6日"),
        ("ja", "1/3～1/2", "1/3～1/2"),
        ("zh", "12/33层", "12，33层"),
        ("zh", "2026/08", "2026年8月"),
        ("ko", "AM 9시", "오전 9시"),
        ("zh", "x∈R", "x属于R"),
        ("yue", "5★", "5星"),
    ],
)
def test_signs_are_in_words(language, written, said):
    assert signs_said(written, language) == said


@pytest.mark.parametrize(
    ("language", "text"), [("ja", "★5月のお知らせ"), ("zh", "△注意"[1:]), ("en", "x > 5"), ("ko", "★공지")]
)
def test_signs_that_are_marks_stay(language, text):
    assert signs_said(text, language) == text


def test_a_telephone_is_named_in_the_language():
    assert telephone_named("TEL:03-1234-5678", "ja") == "電話、03-1234-5678"
    assert telephone_named("渋谷 FAX 03-1234-5678", "ja") == "渋谷 、ファックス、03-1234-5678"
    assert telephone_named("Hotel 5", "zh") == "Hotel 5"

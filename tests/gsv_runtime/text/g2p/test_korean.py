"""Korean sounds."""

import pytest

from gsv_runtime.text.g2p.korean import number, phones
from gsv_runtime.text.symbols import phone_table


def said(text):
    return " ".join(phone for _, part in phones(text) for phone in part)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("국물", "ㄱ ㅜ ㅇ ㅁ ㅜ ㄹ ."),  # a stop before a nasal is a nasal
        ("신라", "ㅅ ㅣ ㄹ ㄹ ㅏ ."),
        ("굳이", "ㄱ ㅜ ㅈ ㅣ ."),
        ("좋다", "ㅈ ㅗ ㅌ ㅏ ."),
        ("옷이", "ㅇ ㅗ ㅅ ㅣ ."),
        ("닭", "ㄷ ㅏ ㄱ ."),
        ("밟고", "ㅂ ㅏ ㅂ ㄲ ㅗ ."),
        ("신고 갔다", "ㅅ ㅣ ㄴ ㄱ ㅗ 空 ㄱ ㅏ ㄷ ㄸ ㅏ ."),
        ("꽃잎", "ㄲ ㅗ ㄴ ㄴ ㅣ ㅂ ."),
        ("과학", "ㄱ ㅗ ㅏ ㅎ ㅏ ㄱ ."),
        ("AI", "ㅇ ㅔ ㅇ ㅣ ㅇ ㅏ ㅇ ㅣ ."),
    ],
)
def test_codas_sound_as_the_standard_says(text, expected):
    assert said(text) == expected


@pytest.mark.parametrize(
    ("figures", "native", "words"),
    [
        ("0", False, "영"), ("20", True, "스무"), ("21", True, "스물한"), ("105", False, "백오"),
        ("10,000", False, "만"), ("123456789", False, "일억이천삼백사십오만육천칠백팔십구"),
    ],
)  # fmt: skip
def test_figures_are_numbers(figures, native, words):
    assert number(figures, native) == words


def test_units_are_words_and_spaces_in_the_order_of_the_text():
    units = phones("값이 세 개")
    assert "".join(unit for unit, _ in units) == "값이 세 개"
    assert all(phone in phone_table("v2") for _, part in units for phone in part)

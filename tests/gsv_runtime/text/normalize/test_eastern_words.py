"""What one of Chinese, Japanese and Korean alone writes so."""

import pytest

from gsv_runtime.text.normalize.eastern_words import eastern_said


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("zh", "3.15晚会", "三一五晚会"),
        ("zh", "图2-1", "图2杠1"),
        ("zh", "座位23A", "座位23 A"),
        ("ja", "打率.325", "打率3割2分5厘"),
        ("ja", "5,000円/月", "1ヶ月5,000円"),
        ("ja", "ABC様", "ABCさま"),
        ("ja", "R6.4.1", "令和6年4月1日"),
        ("ko", "2,3일", "이삼일"),
        ("ko", "2,3명", "두세 명"),
        ("ko", "ㅇㅇ ㅋㅋ", "응응 크크"),
        ("ko", "3,500원/kg", "킬로그램당 3,500원"),
        ("ko", "02)345-6789", "공이 삼사오 육칠팔구"),
    ],
)
def test_it_is_in_words(language, written, said):
    assert eastern_said(written, language) == said


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh", "3.15元"), ("ja", "戦略"), ("ko", "2,5명"), ("ko", "'ㅋ' 자음"), ("en", "R6.4.1"), ("ja", "X戦略")],
)
def test_what_is_written_otherwise_stays(language, text):
    assert eastern_said(text, language) == text

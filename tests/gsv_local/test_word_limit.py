import unicodedata

import pytest

from gsv_local.word_limit import check_words, count_words
from gsv_runtime.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("... !?", 0),
        ("The young woman found a good book.", 7),
        ("It's 10:30, don't be late", 5),
        ("3.14 and 1,000", 3),
        ("你好，世界。", 4),
        ("我有 3 本 books", 5),
        ("こんにちは", 5),
        ("안녕 하세요 여러분", 3),
        ('<speak>One <break time="1s"/> two</speak>', 2),
        ("Grüße aus Köln", 3),
        (unicodedata.normalize("NFD", "Grüße aus Köln"), 3),
        ("Rock'n'roll isn’t 1,000,000.50", 3),
        ('<speak version="1.0">One <break time="1s"/> two</speak>', 2),
        *((joint.join(["word"] * 60), 60) for joint in (",", ".", ":", "-", "/", "—", "_")),
        ("word" * 60, 8),
        ("'".join(["word"] * 60), 20),
        (",".join(["7"] * 60), 15),
        ("7" * 60, 15),
        ("one <" + "word " * 60 + "> two", 62),
    ],
)
def test_words_are_runs_of_letters_or_characters_where_no_spaces_are_put(text, words):
    assert count_words(text) == words


def test_a_text_that_is_too_long_is_told_how_many_words_came_and_what_to_do():
    check_words("word " * 50, 50)
    with pytest.raises(
        InvalidRequest,
        match=r"text has 51 words; need at most 50 .*send it in parts.*gsv-local --max-words 51` before the command",
    ):
        check_words("word " * 51, 50)


def test_no_limit_is_zero():
    check_words("word " * 10_000, 0)

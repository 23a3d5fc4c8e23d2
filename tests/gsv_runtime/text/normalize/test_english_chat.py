"""Spellings of chats become words; letters that are no chat stay."""

import pytest

from gsv_runtime.text.normalize.english_chat import chat_said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("u r late", "you are late"),
        ("ur late", "you're late"),
        ("is that ur dog", "is that your dog"),
        ("Pls c u l8r", "Please see you later"),
        ("thx 4 the ride", "thanks for the ride"),
    ],
)
def test_spellings_of_chats_are_words(written, said):
    assert chat_said(written) == said


@pytest.mark.parametrize(
    "text", ["x = u + 2", "U.S. troops", "the letter u", "np.array(x)", "PPL plc", "c is a constant", "@ur"]
)
def test_letters_that_are_no_chat_stay(text):
    assert chat_said(text) == text

"""Texts to judge by are set apart before anything is trained."""

import random

import pytest

from gsv_demo import everyday, harvest, texts


@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_no_training_text_is_held_out(language: str) -> None:
    apart = set(texts.held_out(language))
    assert len(apart) == 100
    assert not apart & set(texts.training(language, 1500, 3))


@pytest.mark.slow
def test_no_part_of_the_corpus_that_is_trained_on_says_a_held_out_text() -> None:
    apart = set(texts.held_out("en"))
    for part in harvest.PARTS:
        said = {text for text, _ in part.planned()}
        assert (part.name == "held-out") == bool(said & apart)
        assert part.count == len(part.planned())


def test_english_has_questions_long_sentences_and_numbers() -> None:
    said = texts.training("en", 2000, 5)
    words = [len(text.split()) for text in said]
    assert min(words) <= 2
    assert sum(count >= 15 for count in words) > 200
    assert max(words) <= 40
    assert sum(text.endswith("?") for text in said) > 100
    assert any("hundred" in text for text in said)


def test_the_long_held_out_sentences_have_twenty_words_and_come_first() -> None:
    assert all(len(text.split()) >= 20 for text in everyday.LONG_HELD_OUT)
    assert texts.held_out("en")[: len(everyday.LONG_HELD_OUT)] == tuple(everyday.LONG_HELD_OUT)


def test_every_pattern_can_be_filled_and_begins_with_a_capital() -> None:
    rng = random.Random(1)
    for pattern in (*everyday.PATTERNS, *everyday.HELD_OUT_PATTERNS):
        for _ in range(5):
            text = everyday.fill(pattern, rng)
            assert "{" not in text
            assert text.lstrip('"')[0].isupper()
            assert text[-1] in '.?!"'


def test_held_out_patterns_are_not_those_of_training() -> None:
    assert not set(everyday.PATTERNS) & set(everyday.HELD_OUT_PATTERNS)


def test_the_same_seed_gives_the_same_texts() -> None:
    assert texts.training("en", 50, 3) == texts.training("en", 50, 3)
    assert texts.training("en", 50, 3) != texts.training("en", 50, 4)


def test_a_language_without_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="no texts in 'ko'; there are en, zh, ja"):
        texts.training("ko", 1, 1)

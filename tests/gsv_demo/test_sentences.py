import pytest

from gsv_demo import data, sentences
from gsv_demo.reading import phone_names, words
from gsv_demo.recipe import SHIPPED


def test_the_same_seed_gives_the_same_texts() -> None:
    assert sentences.english_texts(50, 3) == sentences.english_texts(50, 3)
    assert sentences.english_texts(50, 3) != sentences.english_texts(50, 4)


def test_texts_are_distinct_and_end_in_a_mark() -> None:
    texts = sentences.english_texts(300, 1)
    assert len(set(texts)) == 300
    assert all(text[-1] in ".?!" for text in texts)


def test_a_draw_that_is_added_leaves_the_others_as_they_were() -> None:
    assert sentences.training_texts([(20, 5), (10, 6)])[:20] == sentences.training_texts([(20, 5)])


@pytest.mark.slow
def test_no_held_out_text_is_trained_on() -> None:
    training = set(sentences.training_texts(SHIPPED.english_texts))
    held_out = data.held_out()
    assert len(held_out) == 100
    assert not training & set(held_out)
    assert all(4 <= len(text.split()) <= 14 for text in held_out)


@pytest.mark.slow
def test_the_grammar_reaches_every_english_phone() -> None:
    heard = {
        phone.rstrip("012")
        for text in sentences.english_texts(250, 1, rare_share=0.0)
        for phone in phone_names(text, "en")
    }
    phones = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
    assert set(phones.split()) <= heard


def test_words_are_what_a_recogniser_would_write() -> None:
    assert words("Twenty-one birds, don't they?") == ["twenty", "one", "birds", "don't", "they"]

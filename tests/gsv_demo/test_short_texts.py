from gsv_demo import short_texts
from gsv_demo.harvest import FlitePart
from gsv_demo.recipe import SHIPPED, WORDS


def test_the_same_seed_gives_the_same_texts() -> None:
    assert short_texts.short_texts(50, 3) == short_texts.short_texts(50, 3)
    assert short_texts.short_texts(50, 3) != short_texts.short_texts(50, 4)


def test_common_words_letters_answers_and_repetitions_are_among_them() -> None:
    said = [text.rstrip(".!?").lower() for text in short_texts.short_texts(3600, 62)]
    assert {"hello", "yes", "a", "thank you"} <= set(said)
    assert any(len(words) >= 3 and len(set(words)) == 1 for words in (text.split() for text in said))
    assert max(len(text.split()) for text in said) <= 5


def test_a_held_out_word_is_never_said_alone() -> None:
    said = {text.strip(".!?").lower() for text in short_texts.short_texts(4000, 62)}
    assert not said & short_texts.HELD_OUT_WORDS
    assert set(short_texts.HELD_OUT_WORDS) <= {word.lower() for word in short_texts.COMMON}


def test_words_follow_the_sentences_and_leave_them_as_they_were() -> None:
    alone = FlitePart(((20, 61),)).planned()
    both = FlitePart(((20, 61),), ((12, 62),)).planned()
    assert both[:20] == alone
    assert [text for text, _ in both[20:]] == short_texts.short_texts(12, 62)


def test_the_words_are_learnt_by_the_shipped_network() -> None:
    assert (WORDS.t2s, WORDS.hubert, WORDS.sovits) == (SHIPPED.t2s, SHIPPED.hubert, SHIPPED.sovits)
    assert WORDS.sharpness == SHIPPED.sharpness

import pytest

from gsv_judge.words import compare, repeats, split_heard, units


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("I paid twenty-five dollars, didn't I?", "I paid $25 did not I"),
        ("Flight nine six nine, three five", "flight 96935"),
        ("The colour of the neighbour's car", "the color of the neighbor's car"),
        ("Chapter seven, page two hundred and fifty.", "chapter 7 page 250"),
        ("It's half past", "it is half past"),
    ],
)
def test_english_is_the_same_however_it_is_written(said, heard):
    assert units(said, "en") == units(heard, "en")


def test_other_words_stay_other():
    assert units("The ring is golden.", "en") != units("The rain is golden.", "en")


@pytest.mark.parametrize(
    ("said", "heard"), [("我有三百块钱。", "我有300塊錢"), ("他在图书馆", "她在圖書館"), ("两个苹果", "二个苹果")]
)
def test_mandarin_is_compared_by_sound(said, heard):
    assert units(said, "zh") == units(heard, "zh")


def test_tones_of_mandarin_count():
    assert units("我要买花", "zh") != units("我要卖花", "zh")


def test_japanese_is_compared_by_kana():
    assert units("今日は雨です。", "ja") == units("きょうは雨です", "ja")


def test_a_language_without_a_judge_is_refused_by_name():
    with pytest.raises(ValueError, match="no judge of words for 'ko'; there are en, zh, ja"):
        units("안녕", "ko")


def test_errors_are_told_apart():
    found = compare("a b c d e f".split(), "a x c e f g".split())
    assert (found.said, found.wrong, found.missing, found.surplus) == (6, 1, 1, 1)
    assert found.errors == 3
    assert found.rate == pytest.approx(0.5)


def test_an_end_that_was_swallowed_is_noticed():
    said = "we sat down in the kitchen and ate the cake".split()
    assert compare(said, said).keeps_end
    assert not compare(said, said[:6]).keeps_end
    assert not compare(said, []).keeps_end


def test_what_the_text_itself_repeats_is_no_fault():
    said = "no no no no he said".split()
    assert compare(said, said).repeats == 0
    assert compare("he said so".split(), "he said he said so".split()).repeats == 1
    assert repeats("a b c a b c".split()) == 1


def test_what_is_heard_in_a_window_is_shared_out_to_its_utterances():
    said = ["the dog barks".split(), "two cats sleep".split(), "yes".split()]
    heard = "the dog barks two hats sleep soundly yes".split()
    assert split_heard(said, heard) == ["the dog barks".split(), "two hats sleep soundly".split(), ["yes"]]


def test_an_utterance_that_nobody_heard_gets_nothing_and_its_neighbours_keep_theirs():
    said = ["the dog barks".split(), "two cats sleep".split(), "yes sir".split()]
    assert split_heard(said, "the dog barks yes sir".split()) == ["the dog barks".split(), [], "yes sir".split()]
    assert split_heard(said, []) == [[], [], []]

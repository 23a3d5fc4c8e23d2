"""Pronunciations of English words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.text.g2p.english import phones, word_phones
from gsv_runtime.text.g2p.english_lexicon import phrases, pronunciations, spelling_network
from gsv_runtime.text.symbols import phone_table

HETERONYMS = [
    ("I read it yesterday .", 1, "R EH1 D"),
    ("I will read it .", 2, "R IY1 D"),
    ("I have read it .", 2, "R EH1 D"),
    ("Read this !", 0, "R IY1 D"),
    ("They live here .", 1, "L IH1 V"),
    ("Live music is fun .", 0, "L AY1 V"),
    ("The wind blew .", 1, "W IH1 N D"),
    ("Wind the clock .", 0, "W AY1 N D"),
    ("Tears fell .", 0, "T IH1 R Z"),
    ("Do not tear it .", 2, "T EH1 R"),
    ("He will lead us .", 2, "L IY1 D"),
    ("A lead pipe burst .", 1, "L EH1 D"),
    ("The lead singer left .", 1, "L IY1 D"),
    ("Close the door .", 0, "K L OW1 Z"),
    ("She is close .", 2, "K L OW1 S"),
    ("Use it .", 0, "Y UW1 Z"),
    ("It is no use .", 3, "Y UW1 S"),
    ("The present is here .", 1, "P R EH1 Z AH0 N T"),
    ("She will present it .", 2, "P R IY0 Z EH1 N T"),
    ("They record a record .", 1, "R AH0 K AO1 R D"),
    ("They record a record .", 3, "R EH1 K ER0 D"),
    ("We object to it .", 1, "AH0 B JH EH1 K T"),
    ("The object fell .", 1, "AA1 B JH EH0 K T"),
    ("A minute ago .", 1, "M IH1 N AH0 T"),
    ("Please separate them .", 1, "S EH1 P ER0 EY2 T"),
    ("Two separate rooms .", 1, "S EH1 P ER0 IH0 T"),
    ("The wound healed .", 1, "W UW1 N D"),
    ("The desert is dry .", 1, "D EH1 Z ER0 T"),
    ("I estimate it .", 1, "EH1 S T AH0 M EY2 T"),
    ("We produce cars .", 1, "P R AH0 D UW1 S"),
    ("They refuse to go .", 1, "R AH0 F Y UW1 Z"),
    ("The house is big .", 1, "HH AW1 S"),
    ("Excuse me .", 0, "IH0 K S K Y UW1 Z"),
    ("That is perfect .", 2, "P ER1 F IH2 K T"),
    ("The contract is signed .", 1, "K AA1 N T R AE2 K T"),
]


@pytest.mark.parametrize(("sentence", "index", "expected"), HETERONYMS)
def test_heteronyms_are_read_by_their_part_of_speech(sentence, index, expected):
    assert " ".join(phones(sentence)[index][1]) == expected


WORDS = [
    ("hello", "HH AH0 L OW1"),
    ("world", "W ER1 L D"),
    ("ai", "EY1 AY1"),
    ("json", "JH EY1 S AH0 N"),
    ("chatgpt", "CH AE1 T JH IY1 P IY1 T IY1"),
    ("kevin's", "K EH1 V IH0 N Z"),
    ("chatbot's", "CH AE1 T B AA2 T S"),
    ("zorbax's", None),
    ("organised", "AO1 R G AH0 N AY2 Z D"),
    ("behaviours", "B IH0 HH EY1 V Y ER0 Z"),
    ("retweeted", "R IY0 T W IY1 T IH0 D"),
    ("emojis", "IH0 M OW1 JH IY0 Z"),
    ("podcasting", "P AO1 D K AE2 S T IH0 NG"),
    ("blockchain", "B L AA1 K CH EY1 N"),
    ("smartphone", "S M AA1 R T F OW2 N"),
    ("livestream", "L AY1 V S T R IY1 M"),
    ("xkq", "EH1 K S K EY1 K Y UW1"),
    ("kubernetes", "K UW2 B ER0 N EH1 T IY0 Z"),
]


@pytest.mark.parametrize(("word", "expected"), WORDS)
def test_words_beyond_the_dictionary_are_derived_spelled_or_guessed(word, expected):
    said = word_phones(word)
    assert said
    assert all(phone in phone_table("v1") for phone in said)
    assert expected is None or " ".join(said) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A dog.", "AH0 D AO1 G ."),
        ("Plan A works.", "P L AE1 N EY1 W ER1 K S ."),
        ("A B", "EY1 B IY1"),
        ("five p.m.", "F AY1 V P IY1 EH1 M ."),
        ("at five p.m. sharp", "AE1 T F AY1 V P IY1 EH1 M SH AA1 R P"),
        ("well-known", "W EH1 L N OW1 N"),
        ("G P T", "JH IY1 P IY1 T IY1"),
        ("I'm, you're!", "AY1 M , Y UH1 R !"),
    ],
)
def test_articles_letters_and_marks(text, said):
    assert " ".join(phone for _, unit in phones(text) for phone in unit) == said


def test_the_network_spells_names_as_its_published_weights_do():
    assert " ".join(spelling_network().phones("activationist")) == "AE2 K T IH0 V EY1 SH AH0 N IH0 S T"


@pytest.mark.slow
@given(
    word=st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=60).filter(
        lambda w: w.strip("'") == w and "''" not in w and w.count("'") < 3
    )
)
def test_any_word_has_phones_of_the_table(word):
    said = word_phones(word)
    assert said
    assert all(phone in phone_table("v1") for phone in said)


def test_phrases_from_elsewhere_have_phones_of_the_table_for_each_word():
    found = [phrase for each in phrases().values() for phrase in each]
    assert len(found) > 40
    for words, said in found:
        assert len(words) == len(said)
        assert {phone for each in said for phone in each} <= phone_table("v1").keys()
    assert set(pronunciations()["matcha"]) <= phone_table("v1").keys()


def test_a_phrase_is_said_as_one_also_with_hyphens_and_its_words_elsewhere_are_not():
    def said(text):
        return [" ".join(each) for _, each in phones(text)]

    assert said("tai-chi") == said("Tai Chi") == ["T AY1", "CH IY1"]
    assert said("tai , chi") == ["T AY1", ",", "K AY1"]

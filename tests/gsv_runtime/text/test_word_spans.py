"""Words of a request's own text, found again in what is said."""

import itertools

import pytest

from gsv_runtime.text.sentence_reader import read_text
from gsv_runtime.text.symbols import PUNCTUATION
from gsv_runtime.text.word_spans import word_spans


def words_of(text, language="auto", lexicon=""):
    """Each word as it was written, with the phones that say it."""
    sentences, _ = read_text(text, language, "cut5", lexicon=lexicon)
    found = []
    for sentence, words in zip(sentences, word_spans(text, sentences), strict=True):
        found += [
            (text[word.start : word.end], sentence.phones[word.first_phone : word.first_phone + word.num_phones])
            for word in words
        ]
    return found


def written(text, language="auto", lexicon=""):
    return [word for word, _ in words_of(text, language, lexicon)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hello there, my friend.", "en", "Hello|there|my|friend"),
        ("It costs $5 today.", "en", "It|costs|$5|today"),
        ("In 2024 we met.", "en", "In|2024|we|met"),
        ("Dr. Lee arrived at 3:30 p.m. on Monday.", "en", "Dr|Lee|arrived|at|3:30|p.m|on|Monday"),
        ("She ran 5km, then 10 km.", "en", "She|ran|5km|then|10|km"),
        ("A well-known man's car", "en", "A|well|known|man's|car"),
        ("He said “yes” & left.", "en", "He|said|yes|&|left"),
        ("Yes. Yes. Yes.", "en", "Yes|Yes|Yes"),
        ("It is -5 degrees.", "en", "It|is|-5|degrees"),
        ("你好，世界。", "zh", "你|好|世|界"),
        ("我有2024元。", "zh", "我|有|2024|元"),
        ("今天 25℃，很热。", "zh", "今|天|25℃|很|热"),
        ("我用iPhone打电话", "zh", "我|用|iPhone|打|电|话"),
        ("我哋今日去饮茶。", "yue", "我|哋|今|日|去|饮|茶"),
        ("今日はいい天気ですね。", "ja", "今日|は|いい|天気|です|ね"),
        ("안녕하세요, 반갑습니다.", "ko", "안녕하세요|반갑습니다"),
        ("2024년 3월 1일", "ko", "2024년|3월|1일"),
        ("12월 11일", "ko", "12월|11일"),
        ("二月1一", "zh", "二|月|1|一"),
        ("<b>Bold</b> words stay.", "en", "Bold|words|stay"),
    ],
)
def test_every_word_is_found_as_it_was_written(text, language, expected):
    assert written(text, language) == expected.split("|")


def test_words_of_ssml_are_found_between_its_tags():
    text = '<speak>Say <sub alias="World Wide Web">WWW</sub> <prosody rate="slow">slow and</prosody> clear.</speak>'
    assert written(text, "en") == ["Say", "WWW", "slow", "and", "clear"]


def test_words_of_a_lexicon_are_found_whether_phones_or_other_words_are_said():
    lexicon = "GSV  JH IY1 EH1 S V IY1\nSiobhan = Shivon"
    assert written("GSV greets Siobhan today.", "en", lexicon) == ["GSV", "greets", "Siobhan", "today"]


def test_a_word_has_the_phones_that_say_all_of_it():
    phones = dict(words_of("It costs $5 today.", "en"))
    assert phones["$5"] == "F AY1 V D AA1 L ER0 Z".split()
    assert phones["costs"] == "K AA1 S T S".split()


TEXTS = (
    "Call 555-1234 now, or write to ann@example.com before 5 p.m. on May 3rd, 2024!",
    "Prices rose 3.5% to $1,280.50; that is 1/3 more than in the '90s.",
    "1. Apples\n2. Pears\n3. Plums",
    "他在2023年5月1日花了￥1,280，买了3本书。",
    "「そうですね」と田中さんは3時に言った。",
    "저는 3시에 2권을 샀어요.",
    "我哋喺2024年5月1號使咗$1,280。",
    "ＡＢＣ１２３ and ﬁne ﬀort",
    "Ω和π是希腊字母。",
    "😀 Hello 😀 world 😀",
)


@pytest.mark.parametrize("text", TEXTS)
def test_spans_and_phones_only_go_forward_and_every_sound_belongs_to_a_word(text):
    sentences, _ = read_text(text, "auto", "cut5")
    edge = 0
    for sentence, words in zip(sentences, word_spans(text, sentences), strict=True):
        for word in words:
            assert edge <= word.start < word.end <= len(text)
            edge = word.end
        assert all(a.first_phone + a.num_phones <= b.first_phone for a, b in itertools.pairwise(words))
        inside = {place for word in words for place in range(word.first_phone, word.first_phone + word.num_phones)}
        outside = [phone for place, phone in enumerate(sentence.phones) if place not in inside]
        assert PUNCTUATION.union(("空", "停", "_", "SP", "SP2", "SP3")).issuperset(outside)


@pytest.mark.parametrize("text", TEXTS)
def test_every_letter_of_a_text_stands_in_a_word(text):
    sentences, _ = read_text(text, "auto", "cut5")
    spans = [word for words in word_spans(text, sentences) for word in words]
    outside = [char for at, char in enumerate(text) if char.isalnum() and not any(s.start <= at < s.end for s in spans)]
    assert outside == []

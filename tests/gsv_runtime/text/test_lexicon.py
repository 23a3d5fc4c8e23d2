"""A request's own pronunciations."""

import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.lexicon import MAX_ENTRIES, Marks, Pronounced, parse_lexicon, pronounce

from .described import describe


def said(text, lexicon, language="auto"):
    """(language, what was written, phones) of each part, given ones in capitals' place marked True."""
    return [
        (run["language"], run["text"], run["given"], " ".join(phone for _, phones in run["units"] for phone in phones))
        for sentence in describe(text, language, lexicon=lexicon)
        for run in sentence["runs"]
    ]


def test_a_word_gets_the_phones_that_the_lexicon_gives():
    assert said("I love GSV.", "GSV JH IY1 EH1 S V IY1") == [
        ("en", "I love ", False, "AY1 L AH1 V"),
        ("en", "GSV", True, "JH IY1 EH1 S V IY1"),
        ("en", ".", False, "."),
    ]


def test_pinyin_gives_each_character_its_phones():
    (run,) = [run for run in describe("行长好。", "zh", lexicon="行长 hang2 zhang3")[0]["runs"] if run["given"]]
    assert run["units"] == [["行", ["h", "ang2"]], ["长", ["zh", "ang3"]]]


def test_a_lower_case_latin_entry_matches_whole_words_in_any_case():
    found = said("Gif GIF gifts gif", "gif JH IH1 F")
    assert [text for _, text, given, _ in found if given] == ["Gif", "GIF", "gif"]


def test_an_entry_with_capitals_matches_as_it_is_written_only():
    assert [text for _, text, given, _ in said("US and us", "US Y UW1 EH1 S") if given] == ["US"]


def test_the_longest_entry_wins():
    found = said("重庆银行行长", "银行 yin2 hang2\n银行行长 yin2 hang2 hang2 zhang3")
    assert [text for _, text, given, _ in found if given] == ["银行行长"]


def test_an_entry_may_give_other_words_instead():
    assert describe("Ask Siobhan now.", "en", lexicon="Siobhan = Shivon # Irish")[0]["normalized"] == "Ask Shivon now."


def test_a_given_word_does_not_change_the_counts_or_the_bert_characters():
    frontend = TextFrontend("v2", {"[UNK]": 0, "行": 1, "长": 2, "好": 3})
    result = frontend.process("行长好。", "zh", lexicon="行长 hang2 zhang3")
    assert result.phone_counts.sum() == result.phones.size
    assert result.bert_token_ids.tolist()[:3] == [1, 2, 3]
    assert result.word_to_phone.tolist()[:2] == [2, 2]


@pytest.mark.parametrize(
    ("lexicon", "message"),
    [
        ("GSV", "line 1 is 'GSV'; need a word, a space and its phones"),
        ("a b\nGSV JH QQ", "'QQ' is no phone of this checkpoint and no pinyin syllable"),
        ("x " + "ba1 " * 150, "has 300 phones"),
        ("\n".join(f"w{i} = v" for i in range(MAX_ENTRIES + 1)), "lexicon has 2,001 entries; need at most 2,000"),
        ("x" * 100_001, "lexicon has 100,001 characters"),
    ],
)
def test_a_lexicon_that_cannot_be_read_is_refused_with_the_reason(lexicon, message):
    with pytest.raises(InvalidRequest, match=message):
        parse_lexicon(lexicon.replace("a b", "# a"), "v2")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\f", "\u2028"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_of_every_system_are_read_alike(end, mark):
    lexicon = mark + end.join(["长公主 zhang3 gong1 zhu3", "曝 bao4", "# a remark", "C# = C sharp"])
    found = said("长公主来了。他被曝出轨。", lexicon, "zh")
    assert [text for _, text, given, _ in found if given] == ["长公主", "曝"]
    assert describe("Learn C# now.", "en", lexicon=lexicon)[0]["normalized"] == "Learn C sharp now."


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        ("行长 hang2", "2 characters and 1 reading"),
        ("行 hang2 zhang3", "1 character and 2 readings"),
        ("重庆市 chong2 qing4", "3 characters and 2 readings"),
    ],
)
def test_an_entry_with_too_few_or_too_many_readings_is_refused_with_its_line(entry, counts):
    with pytest.raises(InvalidRequest, match=f"lexicon line 2: {entry.split()[0]} has {counts}; need a reading for"):
        parse_lexicon(f"# mine\n{entry}\n", "v2")


def test_phones_that_a_checkpoint_does_not_have_are_refused():
    with pytest.raises(InvalidRequest, match="'Yaa1' is no phone of this checkpoint"):
        pronounce("呀", "Yaa1", "v1")


@pytest.mark.parametrize(
    ("phones", "language"),
    [("HH AH0 L OW1", "en"), ("n i3 h ao3", "zh"), ("Yn Yei5", "yue"), ("ㅇ ㅏ ㄴ", "ko"), ("k o [ N n i", "ja")],
)
def test_the_language_of_a_word_follows_from_its_phones(phones, language):
    assert pronounce("a word", phones, "v2").language == language


def test_marks_give_back_what_they_stand_for():
    marks, word = Marks(), Pronounced("GSV", "en", (("GSV", ("JH",)),))
    text = f"ask {marks.add(word)} now"
    assert list(marks.split(text)) == ["ask ", word, " now"]
    assert marks.plain(text) == "ask GSV now"


@pytest.mark.parametrize(
    ("text", "lexicon"),
    [
        ("a " * 2_500, "a = " + "b " * 3_000),
        ("好" * 4_000, "好 = " + "很好的" * 50),
        ("a " * 2_500, "a " + "AA1 " * 200),
        ("<speak>" + "<sub alias='a a a a a a a a'>x</sub>" * 130 + "</speak>", "a = " + "b " * 3_000),
        ("a b c " * 800, "a = b b b b b b b b\nb = c c c c c c c c\nc = " + "word " * 400),
    ],
)
def test_a_lexicon_that_would_explode_is_refused_before_it_is_expanded(text, lexicon):
    with pytest.raises(InvalidRequest, match="lexicon makes more than 20,000 characters and phones of the text"):
        TextFrontend().process(text, lexicon=lexicon)

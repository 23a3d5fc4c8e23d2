"""The part of SSML that requests may use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.ssml import is_ssml

from .described import describe


def sentences(body, language="auto"):
    return describe(f"<speak>{body}</speak>", language)


def manner(body, language="auto"):
    return [(each["normalized"], each["rate"], each["pause_after_s"]) for each in sentences(body, language)]


@pytest.mark.parametrize("text", ["1 < 2", "<b>bold</b> & co", "a <break/> b", "<speaker>hi</speaker>", "<speak>open"])
def test_text_that_is_not_a_speak_element_is_plain_text(text):
    assert not is_ssml(text)
    assert describe(text)


def test_tags_that_nobody_knows_are_said_in_plain_text():
    assert describe("<bolder>bold</bolder> move", "en")[0]["normalized"] == "bolder bold bolder move."


@pytest.mark.parametrize(
    "before",
    [
        "\ufeff",
        '<?xml version="1.0" encoding="UTF-8"?>\r\n',
        "<!-- a -->",
        " \ufeff\n<?xml version='1.0'?> <!-- a\nb -->\n",
    ],
)
def test_what_tools_put_before_speak_does_not_make_it_plain_text(before):
    text = f"{before}<speak>Hi <!-- there --> friend</speak>\n"
    assert is_ssml(text)
    assert [each["normalized"] for each in describe(text, "en")] == ["Hi friend."]


def test_a_break_ends_a_sentence_and_says_how_long_the_silence_is():
    assert manner('Hello there<break time="500ms"/> dear friend.', "en") == [
        ("Hello there,", 1.0, 0.5),
        ("dear friend.", 1.0, None),
    ]


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [('time="2s"', 2.0), ('time=".25s"', 0.25), ('strength="strong"', 0.7), ("", 0.4), ('time="0ms"', 0.0)],
)
def test_breaks_are_given_as_time_or_strength(attributes, seconds):
    assert manner(f"你好<break {attributes}/>世界")[0][2] == pytest.approx(seconds)


def test_breaks_in_a_row_add_up_and_one_at_the_end_counts():
    assert manner('早上好<break time="1s"/><break time="2s"/>')[-1][2] == 3.0


def test_rate_holds_for_its_element_and_multiplies_when_nested():
    found = manner(
        'One two. <prosody rate="80%">three four <prosody rate="slow">five six</prosody></prosody> end it.', "en"
    )
    assert [(text, pytest.approx(rate)) for text, rate, _ in found] == [
        ("One two.", 1.0), ("three four,", 0.8), ("five six,", 0.64), ("end it.", 1.0),
    ]  # fmt: skip


def test_phoneme_gives_the_phones():
    runs = sentences('你好<phoneme ph="chong2 qing4">重庆</phoneme>人')[0]["runs"]
    assert [(run["text"], run["units"]) for run in runs if run["given"]] == [
        ("重庆", [["重", ["ch", "ong2"]], ["庆", ["q", "ing4"]]])
    ]


def test_sub_says_its_alias():
    assert manner('The <sub alias="World Wide Web Consortium">W3C</sub> met.', "en")[0][0].startswith(
        "The World Wide Web"
    )


@pytest.mark.parametrize(
    ("language", "interpretation", "text", "said"),
    [
        ("en", "digits", "2024", "two zero two four"),
        ("en", "characters", "abc", "A B C"),
        ("en", "ordinal", "22", "twenty-second"),
        ("en", "cardinal", "1984", "one thousand, nine hundred eighty-four"),
        ("en", "telephone", "555-0142", "five five five, zero one four two"),
        ("zh", "digits", "2024", "二零二四"),
        ("zh", "cardinal", "1984", "一千九百八十四"),
        ("zh", "ordinal", "3", "第三"),
        ("ko", "digits", "119", "일일구"),
        ("ko", "ordinal", "3", "세 번째"),
        ("ja", "digits", "110", "イチイチゼロ"),
    ],
)  # fmt: skip
def test_say_as_words_figures_in_the_language(language, interpretation, text, said):
    runs = sentences(f'<say-as interpret-as="{interpretation}">{text}</say-as>.', language)
    assert said.rstrip(".") in " ".join(each["normalized"] for each in runs)


def test_entities_and_namespaces_are_read():
    body = '<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en">Fish &amp; chips</speak>'
    assert describe(body, "en")[0]["normalized"].startswith("Fish and chips")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<voice name='x'>a</voice>", "element <voice> is not understood; have speak, p, s, break"),
        ("<break time='1m'/>a", "break time is '1m'; need 0s to 10s, such as 500ms"),
        ("<break time='11s'/>a", "break time is '11s'"),
        ("<prosody rate='9000%'>a</prosody>", "prosody rate is '9000%'; need 50% to 200%"),
        ("<prosody pitch='high'>a</prosody>", "attribute 'pitch' of <prosody> is not understood"),
        ("<phoneme alphabet='ipa' ph='a'>a</phoneme>", "alphabet is 'ipa'"),
        ("<phoneme>a</phoneme>", "has no ph"),
        ("<say-as interpret-as='vcard'>a</say-as>", "interpret-as is 'vcard'; need one of characters"),
        ("a < b", "SSML cannot be read: .*; mask < as &lt;"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>&a;", "CDATA or a document type"),
        ("<p>" * 40 + "a" + "</p>" * 40, "nested more than 32 deep"),
        ("<break/>", "nothing to say"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(body, message):
    with pytest.raises(InvalidRequest, match=message):
        sentences(body)


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(["<p>", "</p>", "<break/>", "a b c", "你好", "<prosody rate='80%'>", "</prosody>", "&", "<"])
    )
)
def test_any_ssml_is_read_or_refused(parts):
    try:
        found = sentences("".join(parts))
    except InvalidRequest:
        return
    assert all(sentence["runs"] for sentence in found)

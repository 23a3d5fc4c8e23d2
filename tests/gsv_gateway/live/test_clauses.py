import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_gateway.live.clauses import PATIENCE_S, TextBuffer


def taken(text, *, hungry, after_s=0.0):
    buffer = TextBuffer()
    buffer.write(text, 0.0)
    return buffer.take(after_s, hungry=hungry)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. How", "Hello there."),
        ("One. Two! Three? Fo", "One. Two! Three?"),
        ("你好。我是", "你好。"),
        ("He said “Stop!” and", "He said “Stop!”"),
        ("It is 3.14 of", ""),
        ("See example.com for", ""),
        ("Mr. Smith and Dr. Jones", ""),
        ("Hello there.", ""),  # more of it may come, such as another full stop
        ("Hello, there", ""),
    ],
)
def test_whole_sentences_are_taken_though_nobody_waits(text, expected):
    assert taken(text, hungry=False) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well then, let us", "Well then,"),
        ("今天天气很好，我们一起", "今天天气很好，"),
        ("At 10:30 we", ""),
        ("1,000 people", ""),
        ("A, b", ""),  # too short to begin with
    ],
)
def test_a_clause_is_taken_where_the_listener_waits(text, expected):
    assert taken(text, hungry=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("some words that go o", "some words that go"), ("没有标点的话", "没有标点的话"), ("wor", "")],
)
def test_after_a_while_whole_words_are_taken_where_the_listener_waits(text, expected):
    assert taken(text, hungry=True, after_s=PATIENCE_S - 0.001) == ""
    assert taken(text, hungry=True, after_s=PATIENCE_S) == expected
    assert taken(text, hungry=False, after_s=10.0) == ""


def test_the_wait_counts_from_the_first_word_that_was_not_taken():
    buffer = TextBuffer()
    buffer.write("Some words ", 0.0)
    buffer.write("and more ", 0.2)
    assert buffer.wait_s(0.2) == pytest.approx(0.1)
    assert buffer.take(0.3, hungry=True) == "Some words and more"
    assert buffer.wait_s(0.3) is None
    buffer.write("then ", 1.0)
    assert buffer.wait_s(1.0) == pytest.approx(PATIENCE_S)


@pytest.mark.slow
@given(st.lists(st.text(st.sampled_from("ab .,，。!? \n我"), max_size=12), max_size=12), st.booleans())
def test_nothing_is_lost_and_nothing_is_said_twice(pieces, hungry):
    buffer, said = TextBuffer(), []
    for number, piece in enumerate(pieces):
        buffer.write(piece, number * 0.2)
        said.append(buffer.take(number * 0.2, hungry=hungry))
    said.append(buffer.take_all(100.0))
    assert "".join("".join(said).split()) == "".join("".join(pieces).split())

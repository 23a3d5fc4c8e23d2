import base64
import json

import pytest


def word(text, start, start_s, end_s, **more):
    told = {"text": text, "start": start, "end": start + len(text), "start_s": start_s, "end_s": end_s, **more}
    return json.dumps(told)


@pytest.fixture
def timed(running, triton, chunk_answer):
    """A gateway before a server that says two words in two chunks."""
    first, last = chunk_answer(0), chunk_answer(1, last=True)
    triton.answers = [{**first, "words": [word("Hello", 0, 0.0, 0.1)]}, {**last, "words": [word("you", 6, 0.1, 0.2)]}]
    return running


def events(answer):
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]


def test_words_follow_the_sound_that_they_end_in(timed, triton):
    asked = {
        "input": "Hello you",
        "response_format": "pcm",
        "sample_rate": 32_000,
    }  # the server's: nothing is held back
    answer = timed.say(**asked, stream_format="sse", timestamp_granularities=["word"])
    assert triton.spoken[0]["timestamps"] == "word"
    told = events(answer)
    assert [event["type"].rpartition(".")[2] for event in told] == ["delta", "words", "delta", "words", "done"]
    assert told[1]["words"] == [{"word": "Hello", "start": 0.0, "end": 0.1, "input_start": 0, "input_end": 5}]
    assert told[3]["words"][0]["word"] == "you"


def test_one_object_has_the_sound_its_length_and_the_words(timed):
    answer = timed.say(response_format="wav", stream_format="json", timestamp_granularities=["word"])
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.content)
    told = answer.json()
    assert base64.b64decode(told["audio"])[:4] == b"RIFF"
    assert (told["format"], told["sample_rate"], told["duration"]) == ("wav", 24_000, 0.2)
    assert [each["word"] for each in told["words"]] == ["Hello", "you"]
    assert told["usage"]["output_tokens"] == 5


def test_words_that_a_take_swallowed_or_says_twice_are_named(running, triton, chunk_answer):
    fault = json.dumps({"text": "you", "start": 6, "end": 9, "fault": "swallowed"})
    triton.answers = [{**chunk_answer(0, last=True), "words": [word("Hello", 0, 0.0, 0.1)], "word_faults": [fault]}]
    asked = {"input": "Hello you", "response_format": "pcm", "timestamp_granularities": ["word"]}
    named = [{"word": "you", "fault": "swallowed", "input_start": 6, "input_end": 9}]
    told = events(running.say(**asked, stream_format="sse"))
    assert [event["word_faults"] for event in told if event["type"] == "speech.audio.words"] == [named]
    assert running.say(**asked, stream_format="json").json()["word_faults"] == named


def test_phones_come_with_their_words_if_they_are_asked_for(running, triton, chunk_answer):
    said = word("Hi", 0, 0.0, 0.1, phones=[["HH", 0.0, 0.04], ["AY1", 0.04, 0.1]])
    triton.answers = [{**chunk_answer(0, last=True), "words": [said]}]
    told = running.say(stream_format="json", timestamp_granularities=["word", "phone"]).json()
    assert triton.spoken[0]["timestamps"] == "phone"
    assert told["words"][0]["phones"][1] == {"phone": "AY1", "start": 0.04, "end": 0.1}


def test_times_are_those_of_the_audio_that_is_stretched(timed):
    told = timed.say(stream_format="json", speed=4, timestamp_granularities=["word"]).json()
    assert [(each["start"], each["end"]) for each in told["words"]] == [(0.0, 0.05), (0.05, 0.1)]
    assert told["duration"] == 0.1


def test_nobody_asks_for_times_where_no_one_wants_them(running, triton):
    running.say()
    assert triton.spoken[0]["timestamps"] == "off"


def test_sound_alone_has_no_place_for_times(running):
    answer = running.say(timestamp_granularities=["word"])
    assert answer.status_code == 400
    assert "need stream_format sse or json" in answer.json()["error"]["message"]


def test_a_granularity_that_is_unknown_is_named(running):
    answer = running.say(stream_format="sse", timestamp_granularities=["syllable"])
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "timestamp_granularities.0"

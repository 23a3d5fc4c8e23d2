import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.speech_request import parse_speech_request, parse_voice_request, sentence_seed, shortened

DTYPES = {tensor.name: tensor.dtype for tensor in contract.TTS.inputs}

RANGES = {tensor.name: tensor.allowed for tensor in contract.TTS.inputs if isinstance(tensor.allowed, contract.Range)}


def inputs(**values):
    kinds = {"INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "BOOL": np.bool_, "STRING": np.object_}
    given_values = {"text": "hello", "voice": "anna", **values}
    return {
        name: np.array(v if isinstance(v, list) else [v], dtype=kinds[DTYPES[name]])
        for name, v in given_values.items()
        if v is not None
    }


def test_what_is_left_out_has_the_documented_default():
    request = parse_speech_request(inputs())
    sampling = request.sampling
    assert (sampling.top_k, sampling.top_p, sampling.temperature, sampling.repetition_penalty) == (15, 1, 1, 1.35)
    assert (request.speed, request.noise_scale, request.pause_s) == (1, 0.5, 0.3)
    assert (request.language, request.split_method, request.encoding) == ("auto", "cut5", "float32")
    assert parse_speech_request(inputs()).sampling.seed != sampling.seed


@pytest.mark.parametrize("name", RANGES)
def test_numbers_outside_their_range_are_refused_by_name(name):
    allowed = RANGES[name]
    wrong = [allowed.low - 1, allowed.high + 1] + ([allowed.low] if allowed.open_low else [])
    if DTYPES[name] == "FP32":
        wrong += [float("nan"), float("inf"), float("-inf")]
    for value in wrong:
        with pytest.raises(InvalidRequest, match=f"{name} is .*; need"):
            parse_speech_request(inputs(**{name: value}))
    parse_speech_request(inputs(**{name: allowed.high}))


def test_further_clips_keep_their_order_and_an_empty_list_is_none():
    def aux(clips):
        return parse_speech_request(
            inputs(voice=None, reference_audio=b"a", aux_reference_audio=clips)
        ).reference.aux_audio

    assert aux([b"c", b"b"]) == (b"c", b"b")
    assert aux(None) == aux([]) == ()


def test_a_language_written_otherwise_is_the_same_request():
    asked = {"voice": None, "reference_audio": b"a", "seed": 1}
    plain = parse_speech_request(inputs(**asked, language="en", prompt_language="yue"))
    assert parse_speech_request(inputs(**asked, language="en-US", prompt_language="zh-HK")) == plain
    assert parse_speech_request(inputs(**asked, language=" EN", prompt_language="YUE")) == plain


def test_what_upstreams_clients_send_for_greedy_and_for_all_tokens_is_taken():
    sampling = parse_speech_request(inputs(top_p=0.0, temperature=0.0, top_k=2_000)).sampling
    assert (sampling.top_p, sampling.temperature, sampling.top_k) == (0, 0, 2_000)


def test_a_number_means_what_was_typed_although_it_travels_as_float32():
    request = parse_speech_request(inputs(speed=1.1, repetition_penalty=1.35))
    assert (request.speed, request.sampling.repetition_penalty) == (1.1, 1.35)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"text": ""}, "text is empty"),
        ({"text": " \n\t"}, "text is empty"),
        ({"text": "a" * 10_000}, "10000 characters; at most 5000"),
        ({"language": "klingon"}, "language is 'klingon'; need one of auto, zh, en, ja, ko, yue"),
        ({"split_method": "cut9"}, "split_method is 'cut9'"),
        ({"encoding": "mp3"}, "encoding is 'mp3'"),
        ({"voice": "../x"}, "no voice id"),
        ({"voice": "/etc/passwd"}, "no voice id"),
        ({"voice": "a\n"}, "no voice id"),
        ({"voice": "v" * 65}, "no voice id"),
        ({"voice": ""}, "no voice id"),
        ({"voice": None}, "neither voice nor reference_audio"),
        ({"reference_audio": b"RIFF"}, "both voice and reference_audio"),
        ({"prompt_text": "hi"}, "prompt_text given without reference_audio"),
        ({"aux_reference_audio": [b"x"]}, "aux_reference_audio given without reference_audio"),
        (
            {"voice": None, "reference_audio": b"x", "aux_reference_audio": [b"y"] * 11},
            "aux_reference_audio has 11 clips; at most 10",
        ),
        ({"seed": -1}, "seed is -1"),
        ({"voice": None, "reference_audio": b"x", "prompt_text": "a" * 501}, "prompt_text has 501 characters"),
        ({"voice": None, "reference_audio": b"x", "prompt_language": "xx"}, "prompt_language is 'xx'"),
    ],
)
def test_a_request_at_fault_is_told_what_was_found(values, told):
    with pytest.raises(InvalidRequest, match=told):
        parse_speech_request(inputs(**values))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"action": "rename"}, "action is 'rename'"),
        ({"action": "delete"}, "delete needs voice"),
        ({"action": "register", "voice": "a"}, "register needs reference_audio"),
        ({"action": "list", "voice": "a"}, "list takes no voice"),
        ({"action": "delete", "voice": "a", "reference_audio": b"x"}, "delete takes no reference_audio"),
    ],
)
def test_a_voice_request_at_fault_is_told_what_was_found(values, told):
    with pytest.raises(InvalidRequest, match=told):
        parse_voice_request({name: np.array([value], dtype=np.object_) for name, value in values.items()})


@given(st.text())
def test_a_message_never_carries_more_than_a_line_of_the_clients_text(text):
    shown = shortened(text)
    assert shown.isascii()
    assert shown.isprintable()


@given(st.integers(0, 2**63 - 1))
def test_sentences_draw_differently_and_repeatably(seed):
    seeds = [sentence_seed(seed, index) for index in range(3)]
    assert len(set(seeds)) == 3
    assert all(0 <= value < 2**63 for value in seeds)
    assert seeds[1] == sentence_seed(seed, 1)


@pytest.mark.parametrize("answer", ["audio", "tokens", "latents"])
def test_times_of_words_may_be_asked_for_wherever_the_audio_is_made(answer):
    assert parse_speech_request(inputs(timestamps="word", answer=answer)).timestamps == "word"

import pytest

from gsv_gateway.problems import RequestRefused
from gsv_gateway.sovits.fields import SovitsBody, in_api_v2_names, is_legacy, streaming_of, values_of
from gsv_gateway.sovits.reference import names_in


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        *((mode, "off") for mode in (0, False, "0", "false", "False", "no", "off")),
        *((mode, "sentence") for mode in (1, True, "1", "true", "TRUE", "yes", "on", "ture")),
        *((mode, "chunk") for mode in (2, 3, "2", "3")),
    ],
)
def test_streaming_mode_is_read_as_api_v2_reads_it(mode, expected):
    assert streaming_of(mode) == expected


@pytest.mark.parametrize("mode", [4, -1, "4", "maybe", ""])
def test_another_streaming_mode_is_refused_in_api_v2s_words(mode):
    with pytest.raises(RequestRefused, match="must be 0, 1, 2, 3"):
        streaming_of(mode)


@pytest.mark.parametrize(
    ("label", "language"),
    [
        ("中文", "all_zh"),
        ("英文", "en"),
        ("中英混合", "zh"),
        ("多语种混合", "auto"),
        ("ZH", "zh"),
        ("audo", "auto"),
        ("en-GB", "en"),
    ],
)
def test_languages_go_by_code_or_by_label(label, language):
    assert SovitsBody(text="x", text_lang=label).language == language


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text_lang": "en"}, "text is required"),
        ({"text": "x"}, "text_lang is required"),
        ({"text": "x", "text_lang": "fr"}, "text_lang: fr is not supported"),
        ({"text": "x", "text_lang": "en", "prompt_lang": "fr"}, "prompt_lang: fr is not supported"),
        ({"text": "x", "text_lang": "en", "media_type": "wma"}, "media_type: wma is not supported"),
        ({"text": "x", "text_lang": "en", "text_split_method": "cut9"}, "text_split_method:cut9 is not supported"),
        ({"text": "x", "text_lang": "fr", "media_type": "wma"}, "text_lang: fr is not supported"),
        ({"text": "x", "text_lang": "en", "speed_factor": 9}, "speed_factor is 9.0"),
    ],
)
def test_the_first_fault_in_api_v2s_order_is_told(fields, message):
    with pytest.raises(RequestRefused, match=message) as caught:
        SovitsBody(**fields).check()
    assert caught.value.status == 400


def test_every_field_becomes_an_option():
    body = SovitsBody(
        text="x", text_lang="en", top_k=5, top_p=0.9, temperature=0.7, seed=3, repetition_penalty=1.2,
        fragment_interval=0.1, speed_factor=1.5, text_split_method="cut2", streaming_mode=3,
    )  # fmt: skip
    assert body.options() == {
        "language": "en",
        "speed": 1.5,
        "top_k": 5,
        "top_p": 0.9,
        "temperature": 0.7,
        "repetition_penalty": 1.2,
        "seed": 3,
        "pause_s": 0.1,
        "final_pause_s": 0.1,
        "split_method": "cut2",
        "streaming": "chunk",
    }


def test_no_temperature_is_the_likeliest_token_and_no_seed_is_any():
    options = SovitsBody(text="x", text_lang="en", temperature=0, seed=-1).options()
    assert (options["top_k"], options["temperature"], options["seed"]) == (1, 1.0, None)


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ({"top_p": 0}, ("top_p", 0)),
        ({"top_p": 1.5}, ("top_p", 1)),
        ({"top_k": 5_000}, ("top_k", 1025)),
        ({"fragment_interval": -1}, ("final_pause_s", 0)),
        ({"fragment_interval": 60}, ("pause_s", 5)),
    ],
)
def test_what_upstream_takes_is_bounded_to_what_means_the_same(sent, asked):
    name, value = asked
    assert SovitsBody(text="x", text_lang="en", **sent).options().get(name) == value


@pytest.mark.parametrize(
    ("sent", "paths"),
    [(["a", "", None, "b"], ["a", "b"]), ([], []), ("a", ["a"]), ("", [])],
)
def test_further_clips_are_a_list_and_empty_paths_are_left_out(sent, paths):
    assert SovitsBody(aux_ref_audio_paths=sent).aux_ref_audio_paths == paths


def test_a_query_names_several_clips_by_several_fields_of_a_name():
    values = values_of([("inp_refs", "a.wav"), ("text", "x"), ("inp_refs", "b.wav"), ("text", "y")])
    assert in_api_v2_names(values)["aux_ref_audio_paths"] == ["a.wav", "b.wav"]
    assert values["text"] == "y"
    assert values_of([("aux_ref_audio_paths[]", "a")]) == {"aux_ref_audio_paths": ["a"]}


def test_names_of_relatives_are_read_and_empty_text_is_left_out():
    named = in_api_v2_names(
        {"text_language": "en", "refer_wav_path": "a.wav", "speed": 2, "prompt_text": "", "x": None}
    )
    assert (named["text_lang"], named["ref_audio_path"], named["speed_factor"]) == ("en", "a.wav", 2)
    assert "prompt_text" not in named


def test_what_names_the_language_the_old_way_is_the_old_api():
    assert is_legacy({"text_language": "en"})
    assert not is_legacy({"text_lang": "en"})


@pytest.mark.parametrize("path", ["./参考音频/Ann.wav", "C:\\voices\\Ann.wav", "Ann", "Ann.wav"])
def test_a_path_may_mean_a_voice(path):
    assert names_in(path)[-1] == "Ann"

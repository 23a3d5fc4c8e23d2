"""What the operator decides: from a file or the environment, checked, and only that."""

import pytest

from gsv_runtime.server.operator_settings import (
    OperatorSettings,
    decided,
    log_of,
    model_values,
    settings_of,
    variable,
    with_file,
)
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.settings import languages_at_start
from gsv_runtime.text.languages import LANGUAGES


@pytest.fixture
def told(tmp_path):
    """What a file and variables make; the settings that differ from what they would be by themselves."""

    def told(text="", **environment):
        (tmp_path / "gsv.toml").write_text(text, encoding="utf-8")
        return decided(with_file(tmp_path, environment))

    return told


def test_without_a_file_all_is_as_it_was_built(tmp_path):
    assert with_file(tmp_path, {"PATH": "/bin"}) == {"PATH": "/bin"}
    assert decided({}) == {}
    assert {name: model_values(settings_of({}), name) for name in ("tts", "voices", "t2s", "bert")} == {
        "tts": {},
        "voices": {},
        "t2s": {},
        "bert": {},
    }


def test_the_file_says_what_variables_say(told):
    assert told('slots = 16\nlog_format = "json"\ngateway_port = "off"') == {
        "slots": "16",
        "gateway_port": "off",
        "log_format": "json",
    }
    assert told(GSV_SLOTS="16", GSV_LOG_FORMAT="json") == {"slots": "16", "log_format": "json"}


def test_a_variable_wins_over_the_file(told):
    assert told("slots = 16", GSV_SLOTS="4") == {"slots": "4"}


def test_variables_of_ours_that_are_no_settings_are_left_alone(told):
    assert told(GSV_URL="host:1", GSV_CACHE="/somewhere", GSV_HTTP_PORT="") == {}


def test_a_setting_reaches_each_model_that_has_it_by_the_name_that_it_has_there():
    settings = settings_of({"GSV_SLOTS": "16", "GSV_CACHE_MEMORY": "500M", "GSV_THREADS": "4", "GSV_MAX_VOICES": "9"})
    assert model_values(settings, "t2s") == {
        "slots": "16",
        "max_batch_size": "16",
        "max_candidate_sequences": "16",
        "intra_op_threads": "4",
    }
    assert model_values(settings, "tts")["t2s_slots"] == "16"
    assert model_values(settings, "tts")["cache_memory_bytes"] == "500000000"
    assert model_values(settings, "voices")["max_voices"] == "9"
    assert model_values(settings, "vocoder") == {"intra_op_threads": "4"}


def test_a_redis_of_the_preset_can_be_switched_off():
    assert model_values(settings_of({"GSV_CACHE_REDIS_URL": "off"}), "tts") == {"cache_redis_url": ""}
    assert "cache_redis_url" not in model_values(settings_of({}), "tts")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slots = 0", "slots is 0; need greater than or equal to 1"),
        ('max_streams = "many"', "max_streams is 'many'; need .*integer.*requests that are answered at once"),
        ('cache_disk = "2 GiB"', "cache_disk is '2 GiB'"),
        ("http_port = 70000", "http_port is 70000; need less than or equal to 65535"),
        ('log_format = "xml"', "log_format is 'xml'; need 'text' or 'json'"),
        ('preload = "yes"', "preload is 'yes'; need 'on', 'off' or 'auto'"),
        ('languages = "en tlh"', "languages is .*tlh is none of zh, en, ja, ko, yue"),
        ("max_stream = 4", "max_stream is no setting; is it max_streams?"),
        ("colour = 4", "colour is no setting; there are host, http_port"),
        ("slots = 0\nthreads = 0", "slots is 0.*; threads is 0"),
        ("slots 16", "is no TOML"),
    ],
)
def test_a_file_that_says_nonsense_is_refused_with_each_setting_and_what_it_needs(told, text, message):
    with pytest.raises(ServerFailed, match=f"gsv.toml.*{message}"):
        told(text)


def test_a_variable_that_says_nonsense_is_named_as_it_is_spelled(told):
    with pytest.raises(ServerFailed, match="GSV_SLOTS is 'x'; need"):
        told(GSV_SLOTS="x")


def test_every_setting_says_what_it_is_and_has_a_variable():
    for name, field in OperatorSettings.model_fields.items():
        assert field.description
        assert variable(name) == f"GSV_{name.upper()}"


def test_lists_are_variables_of_words(told, tmp_path):
    (tmp_path / "gsv.toml").write_text('gateway_origins = ["https://a.org", "https://b.org"]')
    assert with_file(tmp_path, {})["GSV_GATEWAY_ORIGINS"] == "https://a.org https://b.org"


def test_every_language_is_loaded_at_start_unless_the_operator_names_some_or_none(told):
    assert languages_at_start(LANGUAGES, {}) == tuple(LANGUAGES)
    assert languages_at_start(LANGUAGES, {variable("languages"): ""}) == tuple(LANGUAGES)
    for text, chosen in (('["ja", "en"]', ("en", "ja")), ('"en"', ("en",)), ('"off"', ())):
        given = told(f"languages = {text}")["languages"]
        assert languages_at_start(LANGUAGES, {variable("languages"): given}) == chosen


def test_logs_are_as_long_and_as_often_kept_as_is_said(tmp_path):
    log = log_of(tmp_path / "server.log", {"GSV_LOG_SIZE": "1k", "GSV_LOG_FILES": "2"})
    assert (log.size_bytes, log.files) == (1000, 2)

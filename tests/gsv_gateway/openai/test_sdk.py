"""OpenAI's own SDK for Python, unmodified, at the gateway."""

import base64
import json

import openai
import pytest

from gsv_client import ServerBusy
from gsv_gateway.keys import KeyStore


@pytest.fixture
def client(running):
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="not-needed", max_retries=0) as made:
        yield made


def ask(client, **fields):
    return client.audio.speech.create(**{"model": "tts-1", "voice": "alloy", "input": "Hello.", **fields})


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_every_format_is_created(client, name, tmp_path):
    answer = ask(client, response_format=name)
    answer.write_to_file(tmp_path / "speech")
    assert (tmp_path / "speech").stat().st_size > 1_000


def test_an_answer_is_streamed(client, triton, chunk_answer, wait):
    triton.answers = [chunk_answer(0), wait]
    asked = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello.", "response_format": "pcm"}
    with client.audio.speech.with_streaming_response.create(**asked) as answer:
        pieces = answer.iter_bytes(1_024)
        assert len(next(pieces)) == 1_024, "the first sound comes before the last"
        assert answer.headers["content-type"] == "audio/pcm;rate=24000;channels=1"


def test_events_are_streamed(client):
    asked = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hello.", "stream_format": "sse"}
    with client.audio.speech.with_streaming_response.create(**asked, response_format="pcm") as answer:
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line]
    assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
    assert sum(len(base64.b64decode(event["audio"])) for event in events[:-1]) > 14_000
    assert events[-1]["usage"]["input_tokens"] == 6


def test_every_field_that_it_sends_is_taken(client, triton):
    ask(
        client, instructions="Speak softly.", speed=1.25, voice={"id": "demo"}, extra_body={"seed": 3, "language": "en"}
    )
    ask(client, instructions=None, speed=None)
    assert (triton.spoken[0]["speed"], triton.spoken[0]["seed"], triton.spoken[0]["language"]) == (1.25, 3, "en")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"input": ""}, openai.BadRequestError),
        ({"speed": 9}, openai.BadRequestError),
        ({"response_format": "wma"}, openai.BadRequestError),
        ({"model": "whisper-1"}, openai.NotFoundError),
        ({"voice": "nobody"}, openai.NotFoundError),
    ],
)
def test_errors_are_its_own_types_with_all_their_parts(client, fields, kind):
    with pytest.raises(kind) as caught:
        ask(client, **fields)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code
    assert caught.value.request_id.startswith("req_")
    assert caught.value.body["message"] in str(caught.value)


def test_a_wrong_key_is_an_authentication_error_and_too_many_requests_a_rate_limit(client, running, settings):
    _, secret = KeyStore(settings.keys_file).add("slow", requests_per_minute=1)
    with pytest.raises(openai.AuthenticationError):
        ask(client)
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=secret, max_retries=0) as known:
        ask(known)
        with pytest.raises(openai.RateLimitError) as caught:
            ask(known)
    assert int(caught.value.response.headers["retry-after"]) >= 1


def test_a_busy_server_is_asked_again_by_itself(client, triton, monkeypatch):
    waits, answers = [], triton.answers

    def wait_and_be_free(seconds):
        waits.append(seconds)
        triton.answers = answers

    monkeypatch.setattr("openai._base_client.time.sleep", wait_and_be_free)
    triton.answers = [ServerBusy("full; retry after 2 s")]
    assert len(ask(client.with_options(max_retries=1)).content) > 1_000
    assert waits == [2]


def test_what_will_not_heal_is_asked_once(client, triton):
    with pytest.raises(openai.NotFoundError):
        ask(client.with_options(max_retries=2), voice="nobody")
    assert len([asked for asked in triton.asked if asked.get("action") == "list"]) == 2  # once, and once afresh


def test_voices_are_made_and_deleted(client, triton, clip):
    made = client.audio.voices.create(
        name="ann", audio_sample=("ann.wav", clip, "audio/wav"), consent="cons_1", extra_body={"prompt_text": "words"}
    )
    assert (made.id, made.object, made.name) == ("ann", "audio.voice", "ann")
    assert triton.voices["ann"]["prompt_text"] == "words"
    ask(client, voice={"id": made.id})
    assert client.audio.voices.delete("ann").deleted
    with pytest.raises(openai.NotFoundError):
        client.audio.voices.delete("ann")


def test_models_are_listed(client):
    assert "tts-1" in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-sovits").owned_by == "gsv-triton"

"""Keys at every endpoint: what two callers see of each other, and what a key may."""

import json
import socket

import httpx
import pytest
from websockets.sync.client import connect

from gsv_gateway.keys import KeyStore

from .conftest import PATIENCE_S

SPEECH = {"model": "tts-1", "input": "Hi."}
TTS = {"text": "Hi.", "text_lang": "en"}
OPEN = {*"/healthz /readyz /speakz /metrics / /openapi.json /docs /docs/oauth2-redirect /redoc /version".split()}


@pytest.fixture
def store(settings):
    return KeyStore(settings.keys_file)


@pytest.fixture
def keys(store):
    return [store.add(name)[1] for name in ("ann", "bob")]


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def test_without_a_key_that_is_known_nothing_is_answered(running, keys):
    for headers in ({}, bearer("wrong"), {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"}):
        answer = running.http.post("/v1/audio/speech", json=SPEECH, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert answer.json()["error"]["type"] == "authentication_error"


def test_every_route_but_those_for_operators_and_the_page_wants_a_key(running, keys):
    asked = 0
    for path, methods in running.app.openapi()["paths"].items():
        if path in OPEN or path.startswith(("/outputs", "/page")):
            continue
        for method in methods:
            answer = running.http.request(method, path.replace("{name}", "demo"), json={})
            if path == "/infer_single":  # tells errors with status 200
                assert "API key" in answer.json()["msg"]
            else:
                assert answer.status_code == 401, (method, path)
            asked += 1
    assert asked > 15


@pytest.mark.parametrize(
    "header",
    ["Authorization: Token {}", "xi-api-key: {}", "x-api-key: {}", "api-key: {}", "query", "any:{}", "{}", ":{}"],
)
def test_a_key_comes_the_way_that_each_client_sends_it(running, keys, header):
    if header == "query":
        answer = running.http.get("/v1/models", params={"api_key": keys[0]})
    elif " " not in header:  # before the host of the URL, the one way to clients of GPT-SoVITS
        user = header.format(keys[0])
        answer = httpx.get(f"http://{user}@127.0.0.1:{running.port}/tts", params={**TTS, "text_lang": "en"})
    else:
        name, _, value = header.format(keys[0]).partition(": ")
        answer = running.http.get("/v1/models", headers={name: value})
    assert answer.status_code == 200


# Each tries, with a key, to reach the voice "pet" that another key registered; what it must be answered.
REACHES = [
    ("POST", "/v1/audio/speech", {"json": {**SPEECH, "voice": "pet"}}, 404),
    ("POST", "/v1/audio/speech", {"json": {**SPEECH, "voice": {"id": "pet"}}}, 404),
    ("POST", "/v1/audio/speech", {"json": {**SPEECH, "voice": "{id}"}}, 404),
    ("DELETE", "/v1/audio/voices/pet", {}, 404),
    ("DELETE", "/v1/audio/voices/{id}", {}, 404),
    ("POST", "/tts", {"json": {**TTS, "ref_audio_path": "pet"}}, 400),
    ("POST", "/tts", {"json": {**TTS, "ref_audio_path": "x/{id}.wav"}}, 400),
    ("GET", "/tts", {"params": {**TTS, "ref_audio_path": "{id}"}}, 400),
    ("POST", "/", {"json": {"text": "Hi.", "text_language": "en", "refer_wav_path": "{id}"}}, 400),
    ("GET", "/", {"params": {**TTS, "ref_audio_path": "{id}"}}, 400),
    ("POST", "/tts_to_audio/", {"json": {"text": "Hi.", "language": "en", "speaker_wav": "{id}"}}, 400),
    ("GET", "/set_refer_audio", {"params": {"refer_audio_path": "{id}"}}, 400),
    ("POST", "/v1/speak?model={id}", {"json": {"text": "Hi."}}, 404),
]


def filled(value, voice_id):
    if isinstance(value, str):
        return value.replace("{id}", voice_id)
    return {name: filled(item, voice_id) for name, item in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("method", "path", "arguments", "status"), REACHES)
def test_nobody_reaches_anothers_voice_by_any_endpoint(
    running, triton, keys, store, clip, method, path, arguments, status
):
    running.http.post("/v1/audio/voices", data={"name": "pet"}, files={"audio_sample": clip}, headers=bearer(keys[0]))
    voice_id = f"own-{store.find(keys[0]).key_id}-pet"
    assert voice_id in triton.voices
    answer = running.http.request(
        method,
        filled(path, voice_id),
        headers=bearer(keys[1]),
        **{n: filled(v, voice_id) for n, v in arguments.items()},
    )
    assert answer.status_code == status
    assert not triton.spoken
    assert voice_id in triton.voices


@pytest.mark.parametrize(
    "path", ["/v1/audio/voices", "/v1/audio/voices?legacy=true", "/speakers", "/speakers_list", "/character_list"]
)
def test_nobody_lists_anothers_voice(running, keys, clip, path):
    running.http.post("/v1/audio/voices", data={"name": "pet"}, files={"audio_sample": clip}, headers=bearer(keys[0]))
    assert "pet" in running.http.get(path, headers=bearer(keys[0])).text
    assert "pet" not in running.http.get(path, headers=bearer(keys[1])).text
    assert "pet" not in running.http.post("/models", json={}, headers=bearer(keys[1])).text


def test_registering_a_name_that_another_has_leaves_the_others_voice_alone(running, triton, keys, clip):
    for number, secret in enumerate(keys):
        form = {"name": "pet", "prompt_text": f"text {number}"}
        running.http.post("/v1/audio/voices", data=form, files={"audio_sample": clip}, headers=bearer(secret))
    assert sorted(voice["prompt_text"] for voice in triton.voices.values()) == ["text 0", "text 1", "the words"]
    assert running.http.delete("/v1/audio/voices/pet", headers=bearer(keys[1])).status_code == 200
    assert running.http.delete("/v1/audio/voices/pet", headers=bearer(keys[1])).status_code == 404
    assert "pet" in running.http.get("/v1/audio/voices", headers=bearer(keys[0])).text


def test_a_key_asks_so_often_and_no_more(running, store):
    _, secret = store.add("slow", requests_per_minute=2)
    answers = [running.http.get("/v1/models", headers=bearer(secret)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["error"]["type"] == "rate_limit_error"


def test_a_key_hears_so_many_answers_at_once_and_others_are_not_held_up(running, triton, store, chunk_answer, wait):
    triton.answers = [chunk_answer(0), wait]
    _, few = store.add("few", streams=1)
    _, many = store.add("many")
    body = {**SPEECH, "response_format": "pcm"}
    with running.http.stream("POST", "/v1/audio/speech", json=body, headers=bearer(few)):
        refused = running.http.post("/v1/audio/speech", json=body, headers=bearer(few))
        with running.http.stream("POST", "/v1/audio/speech", json=body, headers=bearer(many)) as other:
            assert other.status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_streams")


def test_a_file_of_keys_that_cannot_be_read_closes_the_gateway(running, settings):
    settings.keys_file.write_text("{")
    assert running.http.get("/v1/models").status_code == 503
    assert running.http.get("/healthz").status_code == 200


def test_when_the_last_key_is_revoked_nobody_is_let_in(start, store, keys):
    running, plainly_told = start(), start(without_keys=True)
    for key in store.all():
        assert store.revoke(key.key_id)
    elsewhere = start(host="0.0.0.0")
    for each in (running, elsewhere):
        assert each.http.get("/v1/models", headers=bearer(keys[0])).status_code == 401
        assert each.http.get("/v1/models").status_code == 401
    assert plainly_told.http.get("/v1/models").status_code == 200


def test_an_open_socket_speaks_no_more_for_a_key_that_was_revoked(running, triton, store, keys, eventually):
    with connect(f"ws://127.0.0.1:{running.port}/live", additional_headers=bearer(keys[0])) as live:
        for message in ({"type": "start"}, {"type": "text", "text": "Hi. "}, {"type": "flush"}):
            live.send(json.dumps(message))
        told = []
        while "flushed" not in told:
            heard = live.recv(PATIENCE_S)
            told += [json.loads(heard)["type"]] if isinstance(heard, str) else []
        store.revoke(store.find(keys[0]).key_id)
        eventually(lambda: running.http.get("/v1/models", headers=bearer(keys[0])).status_code == 401)
        live.send(json.dumps({"type": "text", "text": "Again. "}))
        live.send('{"type":"flush"}')
        assert json.loads(live.recv(PATIENCE_S))["code"] == "invalid_api_key"
    assert len(triton.spoken) == 1


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("0.0.0.0", 401)])
def test_a_file_of_keys_that_is_gone_opens_the_gateway_on_this_machine_only(start, store, host, status):
    assert start(host=host).http.get("/v1/models").status_code == status


@pytest.mark.parametrize("path", ["/", "/tts", "/tts_to_audio/", "/v1/audio/speech", "/v1/audio/voices", "/v1/speak"])
def test_who_is_not_let_in_sends_no_body(running, keys, path):
    head = (
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9999\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE_S) as stranger:
        stranger.sendall(head % path.encode())
        assert stranger.recv(100).startswith(b"HTTP/1.1 401")


def test_the_log_names_the_key_and_never_its_secret(running, keys, store, caplog, eventually):
    with caplog.at_level("INFO", "gsv.gateway.access"):
        running.http.get("/v1/models", params={"api_key": keys[0]})
        eventually(lambda: caplog.messages)
    assert f"key={store.find(keys[0]).key_id}" in caplog.text
    assert keys[0] not in caplog.text

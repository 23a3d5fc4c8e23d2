import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys

import pytest

from gsv_client import InternalError, ServerBusy
from gsv_gateway.keys import KeyStore
from gsv_gateway.settings import Limits


def test_alive_and_ready_are_two_questions(running, triton):
    assert running.http.get("/healthz").status_code == 200
    assert running.http.get("/readyz").status_code == 200
    triton.ready = False
    assert running.http.get("/healthz").status_code == 200
    answer = running.http.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_a_word_is_spoken_once_for_all_who_ask_whether_the_server_speaks(running, triton):
    answers = [running.http.get("/speakz") for _ in range(3)]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "speaks")] * 3
    assert [(asked["text"], asked["voice"], asked["cache"]) for asked in triton.spoken] == [("Yes.", "demo", "off")]
    assert triton.open == 0


@pytest.mark.parametrize(
    ("answers", "status", "told"),
    [
        ([], 503, "mute"),
        ([InternalError("the process of stage t2s has died")], 503, "mute"),
        ([ServerBusy("64 streams are running, the most allowed; retry after 2.0 s")], 200, "busy"),
    ],
)
def test_a_server_that_is_ready_and_mute_is_told_and_a_busy_one_is_well(running, triton, answers, status, told):
    triton.answers = answers
    assert running.http.get("/readyz").status_code == 200
    answer = running.http.get("/speakz")
    assert (answer.status_code, answer.json()["status"]) == (status, told)


def test_a_server_that_says_nothing_at_all_is_mute(running, triton, wait, monkeypatch):
    monkeypatch.setattr("gsv_gateway.operations._WORD_LIMIT_S", 0.05)
    triton.answers = [wait]
    assert running.http.get("/speakz").json()["status"] == "mute"


def test_without_a_voice_nothing_can_be_tried_and_the_voice_of_a_key_will_do(running, triton):
    triton.voices.clear()
    assert running.http.get("/speakz").json()["status"] == "no voice"
    triton.add_voice("own-0123abcd-ann")
    running.gateway.voices.forget()
    assert asyncio.run(running.gateway.voices.any_of_all()) == "own-0123abcd-ann"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/page/app.js"])
def test_a_head_is_answered_as_a_get_without_a_body(running, path):
    answer = running.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == running.http.get(path).headers["content-length"]


def test_figures_count_requests_and_audio(running, eventually):
    running.say()
    running.say(voice="nobody")
    # A request is counted when its answer has left, which its client may hear first.
    counts = [f'gsv_gateway_requests_total{{route="/v1/audio/speech",status="{status}"}} 1.0' for status in (200, 404)]
    eventually(lambda: all(count in running.http.get("/metrics").text for count in counts))
    text = running.http.get("/metrics").text
    assert 'gsv_gateway_first_audio_seconds_count{api="openai"} 1.0' in text
    assert "gsv_gateway_active_streams 0.0" in text
    assert f'gsv_gateway_audio_seconds_total{{api="openai"}} {0.1 + 0.1 + 0.1}' in text


def test_a_refusal_is_counted_and_logged_with_its_reason(running, triton, settings, caplog):
    _, secret = KeyStore(settings.keys_file).add("phone", requests_per_minute=1)
    with caplog.at_level(logging.WARNING, "gsv.gateway"):
        statuses = [running.say(headers={"Authorization": f"Bearer {secret}"}).status_code for _ in range(2)]
    assert statuses == [200, 429]
    assert 'gsv_gateway_refused_total{reason="rate_limit_exceeded"} 1.0' in running.http.get("/metrics").text
    assert "refused path=/v1/audio/speech" in caplog.text


def test_every_request_leaves_one_line_with_its_id(running, caplog, eventually):
    with caplog.at_level(logging.INFO, "gsv.gateway.access"):
        answer = running.http.get("/healthz", headers={"X-Request-Id": "mine-1"})
        forged = running.http.get("/nothing%0Ahere", headers={"X-Request-Id": "a b"})
        eventually(lambda: len(caplog.messages) == 2)
    assert answer.headers["x-request-id"] == "mine-1"
    assert forged.headers["x-request-id"].startswith("req_")
    assert caplog.messages[0].startswith("answered request=mine-1 method=GET path=/healthz status=200 ms=")
    assert "\n" not in caplog.messages[1]
    assert "path=/nothing\\nhere status=404" in caplog.messages[1]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/nothing", 404), ("GET", "/v1/audio/speech", 405)])
def test_a_path_that_is_not_there_is_an_error_of_openais_shape(running, method, path, status):
    answer = running.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"].startswith(f"{method} {path}: ")


def test_what_nobody_foresaw_is_told_without_its_words(running, triton, caplog):
    triton.answers = [{"sample_rate_hz": 32_000, "chunk_index": 0, "sentence_index": 0, "timing_ms": "secret"}]
    triton.refusal = RuntimeError("secret")
    with caplog.at_level(logging.CRITICAL):
        answer = running.say()
    assert answer.status_code == 500
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 200),
        ("http://127.0.0.1", 200),
        ("https://good.example", 200),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
    ],
)
def test_pages_of_other_sites_may_call_only_where_they_are_listed(start, origin, status):
    running = start(origins=("https://good.example",))
    answer = running.http.post(
        "/v1/audio/speech",
        content=json.dumps({"model": "tts-1", "input": "Hi."}),
        headers={"Origin": origin, "Content-Type": "text/plain"},
    )
    assert answer.status_code == status
    assert (answer.headers.get("access-control-allow-origin") == origin) == (status == 200)


def test_a_preflight_of_a_listed_page_is_answered(start):
    running = start(origins=("*",))
    asked = {
        "Origin": "https://any.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = running.http.options("/v1/audio/speech", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"


@pytest.mark.parametrize(("host", "status"), [("0.0.0.0", 200), ("127.0.0.1", 403), ("localhost", 403)])
def test_a_name_that_leads_here_is_the_gateways_own_only_where_others_reach_it(start, host, status):
    running = start(host=host, without_keys=True)
    answer = running.http.get("/v1/models", headers={"Origin": "https://box.lan", "Host": "box.lan"})
    assert answer.status_code == status


def test_a_head_that_is_too_large_is_refused(start):
    running = start(limits=Limits(header_bytes=4_096))
    assert running.http.get("/healthz", headers={"X-Long": "x" * 3_000}).status_code == 200
    assert running.http.get("/healthz", headers={"X-Long": "x" * 5_000}).status_code in (400, 431)


def run_main(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "gsv_gateway", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "0.0.0.0"), "gsv keys add"),
        (("--triton", "nowhere"), "need host:port"),
        (("--alias", "alloy"), "need NAME=VOICE"),
        (("--port", "70000"), "--port"),
        (("--reference-folder", "/nothing/there"), "does not exist"),
    ],
)
def test_what_would_not_serve_is_refused_at_the_start(tmp_path, arguments, words):
    found = run_main(*arguments, "--keys", str(tmp_path / "none.json"))
    assert found.returncode == 2
    assert words in found.stderr


@pytest.mark.slow
def test_help_says_what_there_is():
    found = run_main("--help")
    assert found.returncode == 0
    assert "GSV_GATEWAY_PORT" in found.stdout


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_stop(tmp_path):
    command = [sys.executable, "-m", "gsv_gateway", "--port", "0", "--keys", str(tmp_path / "none.json")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "running on http://127.0.0.1:" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode == 0


def test_the_description_of_the_endpoints_refers_to_nothing_that_is_not_in_it(running):
    described = running.http.get("/openapi.json").json()
    names = re.findall(r'"\$ref": "([^"]*)"', json.dumps(described))
    assert [name for name in names if not name.startswith("#/components/schemas/")] == []
    assert {name.rpartition("/")[2] for name in names} <= set(described.get("components", {}).get("schemas", {}))
    body = described["paths"]["/v1/audio/speech"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"type": "string"}.items() <= body["properties"]["voice"]["anyOf"][0].items()

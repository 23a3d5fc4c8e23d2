from __future__ import annotations

import json
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gsv_client import doctor
from gsv_client.cli import main
from gsv_client.doctor import Finding, Verdict, diagnose, gateway
from gsv_client.protocol import TTS_INPUTS


def findings(url: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in diagnose(url, timeout_s=5.0)}


def healthy(speaker: Any) -> None:
    speaker.inputs = {"tts": list(TTS_INPUTS)}
    speaker.voices = {"ann": {"voice": "ann"}}


def test_a_healthy_server_has_no_warning(url: str, speaker: Any) -> None:
    healthy(speaker)
    found = findings(url)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert found["server"].found == f"triton 2.51.0 at {url}"
    assert found["models"].found == "2 ready: tts, voices"
    assert found["voices"].found == "1: ann"


def test_a_model_that_is_not_ready_fails_and_the_log_is_named(url: str, speaker: Any) -> None:
    healthy(speaker)
    speaker.states = {"tts": "UNAVAILABLE", "voices": "READY", "bert": "READY"}
    found = findings(url)
    assert found["model tts"].verdict is Verdict.FAILED
    assert "make logs" in found["model tts"].advice
    assert "protocol" not in found


def test_a_dead_model_that_still_says_ready_is_found_by_a_real_request(url: str, speaker: Any) -> None:
    healthy(speaker)
    speaker.voices_error = "Stub process 'voices_0_0' is not healthy."
    assert findings(url)["voices"].verdict is Verdict.FAILED
    assert "make down" in findings(url)["voices"].advice


def test_one_word_is_spoken_so_that_a_dead_stage_shows(url: str, speaker: Any) -> None:
    healthy(speaker)
    assert "s of audio, the first after" in findings(url)["speech"].found
    assert speaker.asked[-1]["voice"] == "ann"
    speaker.answers = ["InternalError: the process of stage t2s has died; it is started again; try again"]
    assert findings(url)["speech"].verdict is Verdict.FAILED
    assert "stage t2s has died" in findings(url)["speech"].found


def test_a_busy_server_is_a_warning_of_the_doctor(url: str, speaker: Any) -> None:
    healthy(speaker)
    speaker.refusals = ["ServerBusy: 64 streams are running, the most allowed; retry after 2.0 s"]
    assert findings(url)["speech"].verdict is Verdict.WARNING


def test_what_the_server_says_of_its_disk_and_shared_memory_is_a_warning(url: str, speaker: Any) -> None:
    healthy(speaker)
    speaker.warnings = [
        "the server's disk is full: 3 MiB are left for voices and cache",
        "shared memory has 1 MiB left",
    ]
    told = [finding for finding in diagnose(url, timeout_s=5.0) if finding.subject == "storage"]
    assert [(finding.verdict, finding.found) for finding in told] == [
        (Verdict.WARNING, each) for each in speaker.warnings
    ]
    assert all("doctor" in finding.advice for finding in told)


def test_no_voices_yet_is_a_warning_that_says_how(url: str, speaker: Any) -> None:
    healthy(speaker)
    speaker.voices = {}
    assert findings(url)["voices"].verdict is Verdict.WARNING
    assert "gsv voices register" in findings(url)["voices"].advice


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([name for name in TTS_INPUTS if name != "seed"], "the server does not know seed"),
        ([*TTS_INPUTS, "emotion"], "the server also takes emotion"),
    ],
)
def test_a_server_of_another_version_is_a_warning(url: str, speaker: Any, inputs: list[str], said: str) -> None:
    healthy(speaker)
    speaker.inputs = {"tts": inputs}
    assert findings(url)["protocol"].verdict is Verdict.WARNING
    assert findings(url)["protocol"].found == said


@pytest.mark.parametrize(("right", "wrong"), [("http", "grpc"), ("grpc", "http")])
def test_the_wrong_protocol_for_a_port_is_named(request: Any, right: str, wrong: str) -> None:
    url = request.getfixturevalue(f"{right}_url")
    server = findings(url.replace(right, wrong))["server"]
    assert server.verdict is Verdict.FAILED
    assert server.advice == f"this port speaks {'HTTP' if right == 'http' else 'gRPC'}: use {url}"


def test_nobody_listening_is_exit_1_with_how_to_start_a_server() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    result = CliRunner().invoke(main, ["--url", f"localhost:{port}", "doctor"])
    assert result.exit_code == 1
    assert "FAIL  server" in result.stdout
    assert "make up" in result.stdout


def test_a_malformed_address_is_a_finding_and_no_traceback() -> None:
    assert findings("ftp://x")["address"].verdict is Verdict.FAILED


def test_a_server_that_keeps_its_list_of_models_is_healthy(url: str, speaker: Any) -> None:
    healthy(speaker)
    speaker.index_is_open = False
    found = findings(url)
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert "not served: models, text_frontend, bert" in found["models"].advice


def test_json_report_says_whether_all_is_well(url: str, speaker: Any) -> None:
    healthy(speaker)
    result = CliRunner().invoke(main, ["--url", url, "doctor", "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (0, True)
    assert {"subject", "verdict", "found", "advice"} == set(report["findings"][0])


class FrontEnd:
    """The transport to a server whose text front end misses something."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing

    def infer(self, model: str, inputs: Any, dtypes: Any) -> dict[str, Any]:
        assert model == "text_frontend"
        return {"missing": np.array(self.missing, dtype=object)}


@pytest.mark.parametrize("over", [str, str.encode], ids=["http", "grpc"])
def test_what_the_text_front_end_misses_is_told_with_what_to_do(over: Any) -> None:
    sentence = over("g2pW is missing: readings by rules; put it there and build again")
    (found,) = doctor._text_resources(FrontEnd(sentence))  # type: ignore[arg-type]
    assert found == Finding("text", Verdict.OK, "g2pW is missing: readings by rules", "put it there and build again")
    (found,) = doctor._text_resources(FrontEnd())  # type: ignore[arg-type]
    assert found.found == "every optional resource is there"


def test_the_doctors_word_is_computed_or_a_dead_stage_would_hide_behind_the_cache(url: str, speaker: Any) -> None:
    healthy(speaker)
    assert findings(url)["speech"].verdict is Verdict.OK
    assert [asked["cache"] for asked in speaker.asked if "text" in asked] == ["off"]


class Answers(BaseHTTPRequestHandler):
    """A gateway, as far as the doctor sees it."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (200, Verdict.OK, "ready at"),
        (503, Verdict.WARNING, "no server behind"),
        (404, Verdict.WARNING, "something else"),
    ],
)
def test_a_gateway_is_looked_at(status: int, verdict: Verdict, words: str) -> None:
    with HTTPServer(("127.0.0.1", 0), type("Answer", (Answers,), {"status": status})) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        (finding,) = gateway(f"http://127.0.0.1:{server.server_port}", timeout_s=10.0)
        thread.join()
    assert (finding.subject, finding.verdict) == ("gateway", verdict)
    assert words in finding.found


def test_a_server_without_a_gateway_is_healthy() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        (finding,) = gateway(f"http://127.0.0.1:{probe.getsockname()[1]}", timeout_s=10.0)
    assert finding.verdict is Verdict.OK
    assert "none at" in finding.found


def test_an_address_that_is_none_is_a_warning() -> None:
    (finding,) = gateway("nowhere", timeout_s=10.0)
    assert finding.verdict is Verdict.WARNING

"""HAProxy with our configuration before two small servers: which gateway a request reaches."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gsv_gateway.app import create_app
from gsv_gateway.settings import Settings
from gsv_runtime.server.triton_process import Ports

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "haproxy" / "haproxy.cfg"
LIMIT_S = 20

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed (apt-get install haproxy)"),
]


class Gateway(ThreadingHTTPServer):
    """Tells its name and what it was asked; has some files."""

    daemon_threads = True

    def __init__(self, name, port):
        self.name, self.files, self.asked = name, set(), []
        self.slow_s, self.looked, self.stopping = 0.0, 0, threading.Event()
        super().__init__(("127.0.0.1", port), Answers)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def handle_error(self, *_):
        """A balancer hangs up on whom it has checked."""


class Answers(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        if path == "/readyz":
            self.server.stopping.wait(self.server.slow_s)
            self.server.looked += 1
        else:
            self.server.asked.append((path, self.headers.get("x-forwarded-for")))
        found = not path.startswith("/outputs/") or path in self.server.files
        data = self.server.name.encode()
        self.send_response(200 if found else 404)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def gateways():
    ports = Ports.free()
    made = [Gateway("first", ports.http), Gateway("second", ports.grpc)]
    yield made
    for each in made:
        each.stopping.set()
        each.shutdown()
        each.server_close()


@pytest.fixture
def ask(gateways):
    """Ask the balancer; the name of the gateway that answered, or the status where that is not 200."""
    ports = Ports.free()
    variables = {f"GSV_GATEWAY_{n}": f"127.0.0.1:{each.server_port}" for n, each in enumerate(gateways, 1)}
    variables |= {"GSV_BALANCER": f"127.0.0.1:{ports.http}", "GSV_BALANCER_STATS": f"127.0.0.1:{ports.metrics}"}
    command = [shutil.which("haproxy"), "-f", str(CONFIGURATION)]
    running = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.DEVNULL)

    def asked(path, body=None, port=ports.http):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def until_idle():
        """Wait until no gateway has a request: while one has, the next may go to the other, so that load is bounded."""
        until_s = time.monotonic() + LIMIT_S
        while re.search(
            r'^haproxy_server_(current_sessions\{proxy="streams".*\} [1-9]'
            r'|status\{proxy="streams",.*state="UP"\} 0)',
            asked("/metrics", port=ports.metrics),
            re.MULTILINE,
        ):
            assert time.monotonic() < until_s, "a gateway is never idle"

    asked.until_idle = until_idle  # type: ignore[attr-defined]
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        with contextlib.suppress(OSError):
            asked("/healthz", port=ports.metrics)
            break
        assert running.poll() is None, "haproxy ended"
        assert time.monotonic() < deadline_s, "haproxy does not answer"
    yield asked
    running.kill()
    running.wait()


def test_a_file_is_found_whichever_gateway_has_it_and_one_that_is_nowhere_is_404(ask, gateways):
    gateways[1].files.add("/outputs/x.wav")
    assert {ask("/outputs/x.wav") for _ in range(4)} == {"second"}
    gateways[0].asked.clear()
    assert ask("/outputs/y.wav") == 404
    assert [path for each in gateways for path, _ in each.asked].count("/outputs/y.wav") == 2, "each is asked once"


@pytest.mark.parametrize("number", range(6))
def test_a_voice_has_its_gateway_by_every_api(ask, number):
    voice = f"voice{number}"
    found = set()
    for path, body in (
        ("/v1/audio/speech", {"input": "Yes.", "voice": voice}),
        ("/tts", {"text": "Yes.", "text_lang": "en", "ref_audio_path": voice}),
        (f"/tts?text=Yes.&text_lang=en&ref_audio_path={voice}", None),
        (f"/?text=Yes.&text_lang=en&ref_audio_path={voice}", None),
    ):
        ask.until_idle()
        found.add(ask(path, body))
    assert len(found) == 1, found


def test_voices_are_spread(ask):
    assert {ask("/v1/audio/speech", {"voice": f"voice{number}"}) for number in range(40)} == {"first", "second"}


def test_a_gateway_is_told_whose_request_it_is(ask, gateways):
    ask("/set_gpt_weights?weights_path=ann.ckpt")
    ((_, address),) = [asked for each in gateways for asked in each.asked]
    assert address == "127.0.0.1"


def test_while_one_is_gone_the_other_answers_all(ask, gateways):
    gateways[0].shutdown()
    gateways[0].server_close()
    assert {ask("/v1/audio/speech", {"voice": f"voice{number}"}) for number in range(10)} == {"second"}
    assert {ask("/v1/models") for _ in range(4)} == {"second"}


def test_gateways_that_are_slow_to_say_that_they_are_ready_go_on(ask, gateways):
    for each in gateways:
        each.slow_s, each.looked = 0.5, 0
    deadline_s = time.monotonic() + LIMIT_S
    while min(each.looked for each in gateways) < 2:
        assert time.monotonic() < deadline_s, "nobody looks"
        assert ask("/v1/audio/speech", {"voice": "ann"}) in ("first", "second")


def test_what_is_balanced_as_a_stream_is_a_route_of_the_gateway(tmp_path):
    (line,) = re.findall(r"acl is_stream path (.*)", CONFIGURATION.read_text(encoding="utf-8"))
    app = create_app(Settings(keys_file=tmp_path / "keys.json"), [])
    assert set(line.split()) - app.openapi()["paths"].keys() == {"/live"}, "which is a WebSocket alone"

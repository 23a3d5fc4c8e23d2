"""Starting, watching and stopping whatever answers HTTP; that the gateway itself speaks: tests/e2e/test_gateway.py."""

import os
import signal
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from gsv_runtime.server import gateway_process, triton_process
from gsv_runtime.server.gateway_process import GatewayState
from gsv_runtime.server.triton_process import Ports, ServerFailed

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0
# Answers every request with its own process id.
SERVER = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(str(os.getpid()).encode())
HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def until(claim):
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := claim()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return found


@pytest.fixture
def port():
    return Ports.free().http


def process_id(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
        return int(answer.read())


def start(tmp_path, port, command=None):
    command = command or [sys.executable, "-c", SERVER, str(port)]
    gateway_process._start(command, f"127.0.0.1:{port}", "", tmp_path, os.environ)


def test_what_dies_is_started_again_and_down_ends_it(tmp_path, port):
    start(tmp_path, port)
    state = GatewayState.read(tmp_path)
    assert state.is_alive
    first = process_id(port)
    until(lambda: "gateway answers" in (tmp_path / "gateway.log").read_text())  # so its watchdog knows, too
    os.kill(first, signal.SIGKILL)
    until(lambda: gateway_process.answers(f"127.0.0.1:{port}") and process_id(port) != first)
    assert gateway_process.down(tmp_path)
    assert not gateway_process.answers(f"127.0.0.1:{port}")
    assert not gateway_process.down(tmp_path)


def test_what_cannot_start_is_told_with_the_end_of_its_log(tmp_path, port):
    with pytest.raises(ServerFailed, match="no such option"):
        start(tmp_path, port, [sys.executable, "-c", "import sys; sys.exit('no such option')"])
    assert GatewayState.read(tmp_path) is None


@pytest.mark.parametrize(("text", "port"), [(None, 9880), ("9999", 9999), ("off", None)])
def test_the_port_comes_from_the_environment(text, port):
    environment = {} if text is None else {"GSV_GATEWAY_PORT": text}
    assert gateway_process.port_from_environment(environment) == port


@pytest.mark.parametrize("text", ["", "0", "65536", "on"])
def test_a_port_that_is_none_is_refused_with_its_variable(text):
    with pytest.raises(ServerFailed, match="GSV_GATEWAY_PORT is"):
        gateway_process.port_from_environment({"GSV_GATEWAY_PORT": text})


def test_a_port_where_something_else_answers_is_left_to_it(tmp_path, caplog, monkeypatch):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    monkeypatch.setattr(triton_process, "start", lambda *_: pytest.fail("started"))
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        with caplog.at_level("WARNING"):
            gateway_process.up(tmp_path, server.server_port, "127.0.0.1:1", {})
        server.shutdown()
        thread.join()
    assert "set GSV_GATEWAY_PORT" in caplog.text


def test_a_state_file_that_is_damaged_is_no_gateway(tmp_path):
    (tmp_path / "gateway.json").write_text("{")
    assert GatewayState.read(tmp_path) is None
    (tmp_path / "gateway.json").write_text('{"pid": 1}')
    assert GatewayState.read(tmp_path) is None


def test_a_process_that_took_the_number_is_not_ended(tmp_path):
    (tmp_path / "gateway.json").write_text(f'{{"pid": {os.getpid()}, "address": "x", "runs": ""}}')
    assert not gateway_process.down(tmp_path)


def test_the_keys_lie_in_the_servers_own_state_unless_another_file_is_named(tmp_path, monkeypatch, port):
    told = []
    monkeypatch.setattr(gateway_process, "_start", lambda *arguments: told.append(arguments[-1]["GSV_GATEWAY_KEYS"]))
    for environment in ({}, {"GSV_GATEWAY_KEYS": "/elsewhere.json"}):
        gateway_process.up(tmp_path, port, "127.0.0.1:1", environment)
    assert told == [str(tmp_path / "gateway-keys.json"), "/elsewhere.json"]

"""Waiting for streams to end, by a list of what the server says."""

import http.server
import threading

import pytest

from gsv_runtime.server.drain import drained, main, streams_at


class Time:
    """Seconds that pass only by sleeping."""

    now_s = 0.0

    def sleep(self, seconds):
        self.now_s += seconds


def wait(*said, limit_s=10.0):
    time, answers = Time(), list(said)
    ended = drained(limit_s, lambda: answers.pop(0) if len(answers) > 1 else answers[0], time.sleep, lambda: time.now_s)
    return ended, time.now_s


def test_streams_are_waited_for_until_there_are_none_for_a_moment():
    assert wait(2, 1, 0, 1, 0, 0, 0) == (True, 3.5)


def test_streams_that_do_not_end_are_cut_off_when_time_is_up():
    assert wait(1, limit_s=5.0) == (False, 5.0)


def test_a_server_that_is_gone_has_no_streams():
    assert wait(3, None) == (True, 0.5)


@pytest.fixture
def metrics():
    """Serves what Triton would; yields the address."""

    class Told(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'# HELP gsv_streams x\ngsv_streams{model="tts",version="1"} 2\ngsv_streams_total 7\n')

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_the_count_is_read_from_the_servers_metrics(metrics):
    assert streams_at(metrics) == 2
    assert streams_at("http://127.0.0.1:1/metrics") is None


@pytest.mark.slow
def test_the_command_ends_well_whatever_happens(metrics):
    assert main(["--seconds", "0", "--metrics", metrics]) == 0

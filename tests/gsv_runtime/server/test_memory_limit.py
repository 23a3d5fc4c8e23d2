"""When a server holds so much memory that it is started anew."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gsv_runtime.server.memory_limit import DEFAULT_MIB, MemoryLimit, limit_mib, num_streams

LIMIT = 1000


def looks(held, streams, limit_bytes=LIMIT, times=20):
    """Whether it was due, look by look."""
    limit = MemoryLimit(limit_bytes, lambda: streams, lambda pid: held)
    return [limit.is_due(7) for _ in range(times)]


def test_an_idle_server_over_the_limit_is_due_after_it_was_idle_for_a_while():
    due = looks(LIMIT + 1, 0.0)
    assert not any(due[:7])
    assert all(due[7:])


@pytest.mark.parametrize(
    ("held", "streams", "limit"),
    [(LIMIT, 0.0, LIMIT), (LIMIT + 1, 1.0, LIMIT), (LIMIT + 1, None, LIMIT), (9e9, 0.0, 0)],
)
def test_one_that_is_within_it_or_answers_somebody_or_may_hold_anything_is_not(held, streams, limit):
    assert not any(looks(held, streams, limit))


def test_one_that_is_far_over_it_is_due_whatever_it_does():
    assert looks(2 * LIMIT + 1, 64.0, times=1) == [True]


def test_a_stream_in_between_begins_the_wait_again():
    streams = iter([0.0] * 7 + [1.0] + [0.0] * 7)
    limit = MemoryLimit(LIMIT, lambda: next(streams), lambda pid: LIMIT + 1)
    assert not any(limit.is_due(7) for _ in range(15))


def test_the_variable_is_in_mib():
    assert limit_mib({}) == DEFAULT_MIB
    assert limit_mib({"GSV_MEMORY_LIMIT": "0"}) == 0
    with pytest.raises(ValueError, match=r"GSV_MEMORY_LIMIT is '2G'; need MiB"):
        limit_mib({"GSV_MEMORY_LIMIT": "2G"})


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'# HELP gsv_streams x\ngsv_streams_other 9\ngsv_streams{model="tts"} 3\n')

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_streams_are_read_from_the_servers_own_metrics():
    server = HTTPServer(("127.0.0.1", 0), Metrics)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        assert num_streams(f"127.0.0.1:{server.server_port}") == 3
    finally:
        server.shutdown()
        server.server_close()
    assert num_streams(f"127.0.0.1:{server.server_port}") is None

"""Clients by the hundred that do no good, and the one after them that is served."""

import contextlib
import socket

from gsv_gateway.settings import Limits

SPEECH = b'{"model":"tts-1","input":"Hello.","response_format":"pcm"}'
REQUEST = b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(SPEECH), SPEECH)


def connected(stack, port, count, data, address="127.0.0.1", window_bytes=None):
    """Connections from an address of this machine that have sent this."""
    found = []
    for _ in range(count):
        found.append(stack.enter_context(socket.socket()))
        if window_bytes is not None:
            found[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
        found[-1].bind((address, 0))
        found[-1].connect(("127.0.0.1", port))
        found[-1].sendall(data)
    return found


def test_a_hundred_clients_that_leave_in_mid_stream_free_every_stream(start, triton, chunk_answer, wait, eventually):
    usual, triton.answers = triton.answers, [chunk_answer(0), wait]
    running = start(limits=Limits(streams=100))
    with contextlib.ExitStack() as stack:
        clients = connected(stack, running.port, 100, REQUEST)
        for client in clients:
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        assert (triton.open, running.gateway.streams.active) == (100, 100)
        assert running.say().status_code == 503
    eventually(lambda: triton.open == 0 and running.gateway.streams.active == 0)
    triton.answers = usual
    assert running.say().status_code == 200


def test_clients_that_read_nothing_and_idle_connections_hold_up_nobody(running, triton, chunk_answer, wait, eventually):
    usual, triton.answers = triton.answers, [*(chunk_answer(index, seconds=5.0) for index in range(4)), wait]
    with contextlib.ExitStack() as stack:
        connected(stack, running.port, 50, REQUEST)
        connected(stack, running.port, 100, b"")
        connected(stack, running.port, 50, b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        eventually(lambda: triton.open == 50)
        triton.answers = usual
        assert running.say().status_code == 200
        assert running.http.get("/healthz").status_code == 200
    eventually(lambda: triton.open == 0)

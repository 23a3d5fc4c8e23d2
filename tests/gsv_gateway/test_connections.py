"""Connections that do not say what they want are hung up on; those that did are not, however long they take."""

import asyncio
import socket

import pytest

from gsv_gateway.connections import HeadInTime, unread_bytes

from .conftest import PATIENCE_S

WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = (
    b"GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.fixture
def connect(running):
    made = []

    def connected():
        made.append(socket.create_connection(("127.0.0.1", running.port), PATIENCE_S))
        return made[-1]

    yield connected
    for each in made:
        each.close()


@pytest.fixture
def lose_patience(monkeypatch):
    """From now on a head has to come at once."""
    return lambda: monkeypatch.setattr(HeadInTime, "head_s", 0.01)


def is_hung_up(connection, said=b""):
    try:
        connection.sendall(said)
        return connection.recv(1_000) == b""
    except OSError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHo"])
def test_who_never_ends_a_head_is_hung_up_on(lose_patience, connect, said):
    lose_patience()
    assert is_hung_up(connect(), said)


def test_who_never_ends_the_head_of_its_next_request_is_hung_up_on(lose_patience, connect):
    connection = connect()
    connection.sendall(WHOLE)
    assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
    lose_patience()
    assert is_hung_up(connection, b"GET /heal")


def test_a_trickle_of_a_head_wins_no_time(lose_patience, connect, eventually):
    lose_patience()
    connection = connect()

    def refuses():
        try:
            connection.sendall(b"G")
        except OSError:
            return True
        return False

    eventually(refuses)


def test_an_answer_and_a_socket_last_as_long_as_they_last(lose_patience, connect, running, triton, chunk_answer, wait):
    triton.answers = [chunk_answer(0), wait]
    live = connect()
    live.sendall(UPGRADE)
    assert live.recv(1_000).startswith(b"HTTP/1.1 101")
    with running.http.stream("POST", "/v1/audio/speech", json={"model": "tts-1", "input": "Hi."}) as answer:
        assert answer.status_code == 200
        lose_patience()
        assert is_hung_up(connect())  # the time for a head is over
        assert triton.open == 1
    live.setblocking(False)
    with pytest.raises(BlockingIOError):
        live.recv(1)


def test_what_the_other_side_has_not_taken_is_counted_wherever_it_waits():
    async def count():
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            other.connect(server.getsockname())
            accepted, _ = server.accept()
            transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=accepted)
            found = [unread_bytes(transport)]
            transport.write(bytes(8 << 20))
            found.append(unread_bytes(transport))
            transport.abort()
            await asyncio.sleep(0)
            return [*found, unread_bytes(transport)]

    before, written, after = asyncio.run(count())
    assert (before, after) == (0, 0)
    assert (8 << 20) - 65_536 < written <= 8 << 20

"""Connections that do not say what they want are hung up on; those that did are not, however long they take."""

import asyncio
import socket

import pytest
from websockets.frames import Frame, Opcode

from gsv_gateway.connections import HeadInTime, InTurns, TextOrBytes, unread_bytes

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
    answer = b""
    while not answer.endswith(b'{"status":"ok"}'):
        answer += connection.recv(1_000)
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


@pytest.fixture
def unread_whole(start, triton, chunk_answer, eventually):
    """A gateway, and a client that has read nothing of a whole answer of five minutes, which is spoken."""
    triton.answers = [chunk_answer(0, seconds=300.0, last=True)]
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        running = start()
        client.connect(("127.0.0.1", running.port))
        body = b'{"model":"tts-1","input":"Hello.","response_format":"pcm","stream":false}'
        client.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        eventually(lambda: held(running) > 0)
        yield running, client


def held(running):
    """What the gateway holds for all its connections, in bytes."""
    connections = list(running.server.server_state.connections)
    return sum(each.transport.get_write_buffer_size() for each in connections)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"rest_s": 0.02, "held_rest_s": 0.02}, {"held_rest_s": 0.02, "much_bytes": 0}])
def test_who_does_not_take_the_end_of_an_answer_is_hung_up_on(monkeypatch, options, request, eventually):
    for name, value in options.items():
        monkeypatch.setattr(HeadInTime, name, value)
    running, _ = request.getfixturevalue("unread_whole")
    eventually(lambda: held(running) == 0)


@pytest.mark.slow
def test_who_takes_the_end_of_an_answer_late_has_all_of_it(monkeypatch, request):
    monkeypatch.setattr(HeadInTime, "held_rest_s", 0.02)
    _, client = request.getfixturevalue("unread_whole")
    client.settimeout(PATIENCE_S)
    head, _, body = client.recv(65_536).partition(b"\r\n\r\n")
    assert b"200 OK" in head
    while len(body) < 300 * 24_000 * 2:
        body += client.recv(1 << 20)
    assert len(body) == 300 * 24_000 * 2


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


@pytest.fixture
def live(connect, running, eventually):
    """A WebSocket of the page, and how the gateway sees it."""
    connection = connect()
    connection.sendall(UPGRADE)
    assert connection.recv(1_000).startswith(b"HTTP/1.1 101")
    (seen,) = [each for each in running.server.server_state.connections if isinstance(each, TextOrBytes)]
    return connection, seen


def frames(opcode, *parts):
    """A message in parts, as a client sends it."""
    made = []
    for number, part in enumerate(parts):
        frame = Frame(Opcode.CONT if number else opcode, part, fin=number == len(parts) - 1)
        made.append(bytes(frame.serialize(mask=True, extensions=[])))
    return made


def test_pongs_are_not_kept_for_who_reads_none(live, eventually):
    connection, seen = live
    pings = frames(Opcode.PING, bytes(125))[0] * 1_000
    for _ in range(100):  # 13 MB, more than the buffers of the kernel hold
        connection.sendall(pings)
    assert seen.transport.get_write_buffer_size() < 200_000


def test_a_message_in_many_parts_takes_no_more_room_than_in_one(live, eventually):
    connection, seen = live
    parts = frames(Opcode.TEXT, b'{"type":', *[b""] * 10_000, b'"start"', b"}")
    connection.sendall(b"".join(parts[:-1]))
    eventually(lambda: bytes((seen.frames and seen.frames[0]) or b"").endswith(b'"start"'))
    assert len(seen.frames) == 1
    connection.sendall(parts[-1])
    assert b'"started"' in connection.recv(1_000)


def test_what_came_in_one_go_is_taken_a_little_at_a_time_and_none_is_lost(monkeypatch, running, clip):
    taken = []

    def take(self, data, usual=HeadInTime.take):
        taken.append(data)
        usual(self, data)

    monkeypatch.setattr(HeadInTime, "take", take)
    files = {"audio_sample": clip + bytes(1 << 20)}
    assert running.http.post("/v1/audio/voices", data={"name": "ann"}, files=files).status_code == 200
    assert max(map(len, taken)) <= InTurns.piece_bytes
    assert len(b"".join(taken)) > len(clip) + (1 << 20)


def test_requests_that_wait_behind_another_are_all_answered(connect):
    connection, count = connect(), 2_000
    connection.sendall(WHOLE * count)
    answers = b""
    while answers.count(b"HTTP/1.1 200") < count:
        answers += connection.recv(1 << 20)


def test_messages_that_wait_are_all_obeyed(live):
    connection, _ = live
    connection.settimeout(PATIENCE_S)
    connection.sendall(
        frames(Opcode.TEXT, b'{"type":"start"}')[0] + frames(Opcode.TEXT, b'{"type":"interrupt"}')[0] * 3_000
    )
    answers = b""
    while answers.count(b'"interrupted"') < 3_000:
        answers += connection.recv(1 << 20)


@pytest.mark.parametrize(
    "head",
    [b"/v1/audio/speech HTTP/1.1", b"/v1/audio/voices HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B"],
)
@pytest.mark.parametrize("body", [b"Content-Length: 99\r\n\r\n--B", b"Transfer-Encoding: chunked\r\n\r\nno size\r\n"])
def test_who_leaves_before_its_body_has_come_leaves_no_trace(connect, caplog, eventually, head, body):
    caplog.set_level("INFO")
    connection = connect()
    connection.sendall(b"POST " + head + b"\r\nHost: x\r\n" + body)
    connection.close()
    eventually(lambda: "status=499" in caplog.text)
    assert "Traceback" not in caplog.text

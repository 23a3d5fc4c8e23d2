"""Who takes nothing is waited for, but not while others are refused."""

import asyncio
import contextlib

import pytest
from websockets.frames import Frame, Opcode

from gsv_client.transport import Arrival
from gsv_gateway.settings import Limits
from gsv_gateway.stalls import ABORT, UNREAD, ClientStalled, Stalls

from .test_many_clients import REQUEST, connected

NEVER_S = 1e6
LIMITS = Limits(stall_s=60.0, crowded_stall_s=5.0)
PCM_BYTES_S = 48_000


class Kernel:
    """One whose buffers are full: a piece waits until it was asked `looks` times, 0.1 s apart, what it still has."""

    def __init__(self, looks, read_bytes_s, crowded=True):
        self.now_s, self.left, self.looks, self.read_bytes_s, self.aborted = 0.0, 4_000_000, looks, read_bytes_s, 0
        self.stalls = Stalls(LIMITS, lambda: self.now_s)
        self.crowded, self.room = crowded, asyncio.Event()
        self.taking = self.stalls.of({UNREAD: self.unread, ABORT: self.abort})

    def unread(self):
        self.looks, self.now_s, self.left = self.looks - 1, self.now_s + 0.1, self.left - self.read_bytes_s // 10
        if self.crowded:
            self.stalls.note_refusal()
        if self.looks < 0:
            self.room.set()
        return self.left

    def abort(self):
        self.aborted += 1

    async def take(self, _):
        await self.room.wait()
        self.left += 10 * PCM_BYTES_S


def waits(kernel):
    """Whether a piece is waited for until there is room, where ten seconds of sound were sent before."""

    async def wait():
        looks, kernel.looks = kernel.looks, NEVER_S
        kernel.room.set()
        await kernel.taking.hand(kernel.take, b"", 10 * PCM_BYTES_S, 10.0)
        kernel.looks = looks
        kernel.room.clear()
        await kernel.taking.hand(kernel.take, b"", 10 * PCM_BYTES_S, 20.0)

    try:
        asyncio.run(wait())
    except ClientStalled:
        return False
    return True


@pytest.fixture(autouse=True)
def _look_often(monkeypatch):
    monkeypatch.setattr("gsv_gateway.stalls._LOOK_EVERY_S", 0.001)


@pytest.mark.slow
def test_who_plays_what_it_takes_is_waited_for_although_a_piece_waits_half_a_minute():
    assert waits(Kernel(300, PCM_BYTES_S))
    assert waits(Kernel(300, PCM_BYTES_S // 2))


@pytest.mark.parametrize("read_bytes_s", [0, 1_000])
def test_who_takes_nothing_or_nearly_nothing_while_a_piece_waits_is_hung_up_on(read_bytes_s):
    kernel = Kernel(300, read_bytes_s)
    assert not waits(kernel)
    assert kernel.aborted == 1
    assert 5.0 < kernel.now_s < 8.0


@pytest.mark.slow
def test_a_piece_that_waits_is_waited_for_while_nobody_is_refused_but_not_for_ever():
    assert waits(Kernel(300, 0, crowded=False))
    assert not waits(Kernel(900, 0, crowded=False))


def test_a_cancellation_is_none_of_a_stall():
    async def cancel():
        waiting = asyncio.ensure_future(Stalls(LIMITS).of({}).hand(lambda _: asyncio.Event().wait(), b""))
        asyncio.get_running_loop().call_soon(waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(cancel())


def test_who_reads_is_served_although_a_crowd_that_reads_nothing_holds_every_stream(
    start, triton, chunk_answer, eventually
):
    usual, triton.answers = triton.answers, [chunk_answer(index, seconds=5.0) for index in range(40)]
    running = start(limits=Limits(streams=10, stall_s=NEVER_S, crowded_stall_s=0.2))
    with contextlib.ExitStack() as stack:
        connected(stack, running.port, 10, REQUEST)
        eventually(lambda: len(triton.spoken) == 10)
        triton.answers = usual
        eventually(lambda: running.say().status_code == 200)


class Client:
    """One whose kernel takes `window` bytes at most, and who reads what the test says; five seconds is a stall."""

    def __init__(self, window=0):
        self.now_s, self.window, self.sent, self.read, self.sent_s = 100.0, window, 0, 0, 0.0
        self.is_half_taken = False
        self.stalls = Stalls(LIMITS, lambda: self.now_s, lambda: self.is_half_taken)
        self.taking = self.stalls.of({UNREAD: lambda: max(0, self.sent - self.read - self.window)})

    def hear(self, seconds, reads=0, num_bytes=100, audio_s=0.0, crowded=True):
        """Be sent a piece every second; say whether all of them were."""

        async def taken(_):
            self.sent += num_bytes

        for _ in range(seconds):
            if crowded:
                self.stalls.note_refusal()
            self.sent_s += audio_s
            try:
                asyncio.run(self.taking.hand(taken, b"", num_bytes, self.sent_s))
            except ClientStalled:
                return False
            self.now_s += 1
            self.read += reads
        return True


def test_what_fits_into_the_kernels_buffers_is_not_taken():
    assert not Client().hear(10)


def test_what_the_clients_own_kernel_has_is_taken_until_it_is_full():
    client = Client(window=2_000)
    assert client.hear(20)
    assert not client.hear(10)


def test_who_reads_slowly_is_waited_for():
    assert Client().hear(100, reads=1)  # of what nobody knows how long it sounds
    assert Client().hear(100, reads=20, audio_s=1.0)


def test_who_reads_less_than_a_tenth_of_what_a_player_does_is_cut_off():
    assert not Client().hear(100, reads=5, audio_s=1.0)


def test_who_pauses_and_goes_on_is_waited_for_each_time():
    client = Client()
    for _ in range(20):
        assert client.hear(3, audio_s=1.0)
        assert client.hear(1, reads=100, audio_s=1.0)


def test_who_reads_nothing_is_waited_for_while_nobody_is_refused_but_not_for_ever():
    client = Client()
    assert client.hear(60, crowded=False)
    assert not client.hear(5, crowded=False)


def test_who_reads_nothing_is_cut_off_where_half_of_the_streams_are_taken():
    client = Client()
    client.is_half_taken = True
    assert not client.hear(10, crowded=False)


def test_who_has_enough_to_play_need_not_read_more_before_it_is_heard():
    fast = {"num_bytes": 100, "audio_s": 10.0}  # ten seconds of sound a second
    paused = Client(window=1_000)  # it has taken a hundred seconds of sound, and plays that
    assert paused.hear(100, **fast)
    assert not paused.hear(20, **fast)


def test_a_long_wait_for_the_first_sound_is_none_of_the_clients():
    client = Client()
    client.now_s, client.sent = client.now_s + 60, 300  # the head of the answer is on its way
    assert client.hear(5)


def upgrade(path):
    """A request for a WebSocket."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


def frame(message):
    """What a client says over one."""
    return bytes(Frame(Opcode.TEXT, message.encode()).serialize(mask=True, extensions=[]))


@pytest.mark.parametrize(
    ("api", "first", "messages"),
    [
        ("openai", REQUEST, ()),
        ("live", upgrade("/live"), ('{"type":"start"}', '{"type":"text","text":"Hello. "}')),
        ("deepgram-live", upgrade("/v1/speak"), ('{"type":"Speak","text":"Hello. "}',)),
    ],
    ids=["http", "live", "deepgram"],
)
def test_who_reads_nothing_is_cut_off_although_the_kernel_would_take_more(
    start, triton, chunk_answer, eventually, api, first, messages
):
    async def endless(model, inputs):
        triton.open += 1
        try:
            for number in range(10_000):
                yield Arrival(chunk_answer(number), 0.0)
                await asyncio.sleep(0.001)
        finally:
            triton.open -= 1

    triton.stream = endless
    running = start(limits=Limits(stall_s=NEVER_S, crowded_stall_s=0.05))

    def is_cut():
        running.gateway.stalls.note_refusal()
        return triton.open == 0

    with contextlib.ExitStack() as stack:
        for client in connected(stack, running.port, 3, first, window_bytes=4_096):
            for number, message in enumerate(messages):
                assert number or client.recv(4_096).startswith(b"HTTP/1.1 101")
                client.sendall(frame(message))
        eventually(lambda: triton.open == 3)
        eventually(is_cut)
        eventually(lambda: len(running.server.server_state.connections) == 0)
    assert running.gateway.streams.active == 0
    cut = f'gsv_gateway_cancelled_total{{api="{api}",reason="stalled"}} 3.0'
    eventually(lambda: cut in running.http.get("/metrics").text)

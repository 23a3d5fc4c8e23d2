"""Who takes nothing is waited for, but not while others are refused."""

import asyncio
import contextlib

import pytest

from gsv_client.transport import Arrival
from gsv_gateway.settings import Limits
from gsv_gateway.stalls import UNREAD, ClientStalled, Stalls

from .test_many_clients import REQUEST, connected

SOON, NEVER_S = Limits(stall_s=1e6, crowded_stall_s=0.01), 1e6


def test_a_client_that_takes_what_is_sent_is_no_stall():
    async def taken():
        await asyncio.sleep(0)

    stalls = Stalls(SOON)
    stalls.note_refusal()
    asyncio.run(stalls.wait(taken()))


def test_a_client_that_takes_nothing_is_cut_off_where_others_were_refused():
    async def refuse_another(stalls):
        waiting = asyncio.ensure_future(stalls.wait(asyncio.Event().wait()))
        stalls.note_refusal()
        await waiting

    with pytest.raises(ClientStalled):
        asyncio.run(refuse_another(Stalls(SOON, clock=lambda: 0.0)))


def test_a_client_that_takes_nothing_is_waited_for_while_nobody_is_refused():
    async def wait():
        taken = asyncio.Event()

        def looked():
            taken.set()
            return 0.0

        await Stalls(SOON, clock=looked).wait(taken.wait())

    asyncio.run(wait())


def test_a_cancellation_is_none_of_a_stall():
    async def cancel():
        waiting = asyncio.ensure_future(Stalls(SOON).wait(asyncio.Event().wait()))
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
        self.now_s, self.window, self.sent, self.read = 100.0, window, 0, 0
        self.is_half_taken = False
        self.stalls = Stalls(Limits(stall_s=60.0, crowded_stall_s=5.0), lambda: self.now_s, lambda: self.is_half_taken)
        self.taking = self.stalls.of({UNREAD: lambda: max(0, self.sent - self.read - self.window)})

    def hear(self, seconds, reads=0, num_bytes=100, audio_s=0.0, crowded=True):
        """Be sent a piece every second; say whether all of them were."""

        async def taken(_):
            self.sent += num_bytes

        for number in range(seconds):
            if crowded:
                self.stalls.note_refusal()
            try:
                asyncio.run(self.taking.hand(taken, b"", num_bytes, audio_s * (number + 1)))
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
    assert Client().hear(100, reads=1)


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


def test_who_reads_nothing_is_cut_off_although_the_kernel_would_take_more(start, triton, chunk_answer, eventually):
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
        connected(stack, running.port, 3, REQUEST, window_bytes=4_096)
        eventually(lambda: triton.open == 3)
        eventually(is_cut)
    assert running.gateway.streams.active == 0

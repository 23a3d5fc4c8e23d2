"""Who takes nothing is waited for, but not while others are refused."""

import asyncio
import contextlib

import pytest

from gsv_gateway.settings import Limits
from gsv_gateway.stalls import ClientStalled, Stalls

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
        eventually(lambda: running.gateway.streams.active == 10)
        triton.answers = usual
        assert running.say().status_code == 503
        eventually(lambda: running.say().status_code == 200)

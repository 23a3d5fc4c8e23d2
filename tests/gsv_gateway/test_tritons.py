import asyncio

import pytest

from gsv_client import AsyncClient, ConnectionFailed, ConnectionLost, InvalidRequest
from gsv_gateway.tritons import Tritons


@pytest.fixture
def servers(make_triton):
    made = [make_triton(), make_triton()]
    for server in made:
        server.add_voice("ann")
    return made


def tritons(servers, clock=lambda: 0.0):
    clients = [AsyncClient(f"127.0.0.1:{n + 1}", retries=0, transport=each) for n, each in enumerate(servers)]
    return Tritons(clients, clock)


def spoken(servers):
    return [len(server.spoken) for server in servers]


async def say(group):
    async with group.speak("Hello.", {"voice": "ann"}) as speech:
        return [chunk async for chunk in speech.chunks]


def test_every_chunk_is_handed_over_once(servers):
    assert [chunk.index for chunk in asyncio.run(say(tritons(servers)))] == [0, 1, 2]


def test_the_server_that_speaks_least_is_asked(servers, wait, chunk_answer):
    async def body():
        group = tritons(servers)
        servers[0].answers = [chunk_answer(0), wait]
        async with group.speak("Long.", {"voice": "ann"}):
            await say(group)
            await say(group)

    asyncio.run(body())
    assert spoken(servers) == [1, 2]


def test_a_server_that_is_not_reached_is_passed_over_and_left_alone_for_a_while(servers):
    now = [0.0]

    async def body():
        group = tritons(servers, lambda: now[0])
        servers[0].refusal = ConnectionFailed("down")
        await say(group)
        await say(group)
        assert spoken(servers) == [1, 2]
        servers[0].refusal = None
        now[0] = 10.0
        await say(group)

    asyncio.run(body())
    assert spoken(servers) == [2, 2]


@pytest.mark.parametrize("failure", [ConnectionLost("gone"), InvalidRequest("no")])
def test_what_may_have_run_or_will_never_do_is_not_tried_elsewhere(servers, failure):
    servers[0].refusal = failure
    with pytest.raises(type(failure)):
        asyncio.run(say(tritons(servers)))
    assert spoken(servers) == [1, 0]


def test_where_none_is_reached_the_failure_is_told(servers):
    for server in servers:
        server.refusal = ConnectionFailed("down")
    with pytest.raises(ConnectionFailed, match="down"):
        asyncio.run(say(tritons(servers)))


def test_a_stream_that_is_left_is_cancelled_and_counted_out(servers, wait, chunk_answer):
    async def body():
        group = tritons(servers[:1])
        servers[0].answers = [chunk_answer(0), wait]
        async with group.speak("Long.", {"voice": "ann"}):
            assert (group.all[0].streams, servers[0].open) == (1, 1)
        assert (group.all[0].streams, servers[0].open) == (0, 0)

    asyncio.run(body())


def test_a_stream_that_fails_at_once_is_counted_out(servers):
    async def body():
        group = tritons(servers[:1])
        servers[0].answers = []
        with pytest.raises(Exception, match="without audio"):
            await say(group)
        assert group.all[0].streams == 0

    asyncio.run(body())

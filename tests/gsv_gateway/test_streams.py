"""One caller may have every stream, until another asks; then it has its share."""

import contextlib

import pytest

from gsv_client import ServerBusy
from gsv_gateway.access import Caller
from gsv_gateway.problems import RequestRefused
from gsv_gateway.settings import Limits
from gsv_gateway.streams import StreamLimit

from .test_many_clients import REQUEST, connected

ANN, BOB = Caller(address="10.0.0.1"), Caller(address="10.0.0.2")


@pytest.fixture
def held():
    with contextlib.ExitStack() as stack:
        yield lambda limit, caller: stack.enter_context(limit.taken(caller))


def refusal(limit, caller):
    with pytest.raises(RequestRefused) as refused, limit.taken(caller):
        pass
    assert refused.value.retry_after_s
    return refused.value.status, refused.value.code


def fill(held, limit, caller):
    """Take as many as may be had; return how many."""
    for count in range(1_000):
        try:
            held(limit, caller)
        except RequestRefused:
            return count
    raise AssertionError("there is no limit")


def test_who_is_alone_may_have_every_stream(held, clock):
    limit = StreamLimit(Limits(streams=8), clock)
    assert fill(held, limit, ANN) == 8
    assert refusal(limit, ANN) == (503, "server_busy")


def test_while_another_asks_nobody_has_more_than_the_share(held, clock):
    limit = StreamLimit(Limits(streams=8, share=0.75), clock)
    held(limit, BOB)
    assert fill(held, limit, ANN) == 6
    assert refusal(limit, ANN) == (429, "share_taken")
    held(limit, BOB)
    assert refusal(limit, BOB) == (503, "server_busy")


def test_who_has_not_asked_for_a_minute_holds_nobody_back(held, clock):
    limit = StreamLimit(Limits(streams=8), clock)
    held(limit, BOB)
    clock.now_s += 61
    assert fill(held, limit, ANN) == 7


def test_of_many_who_ask_one_is_always_another(held, clock):
    limit = StreamLimit(Limits(streams=8), clock)
    for number in range(100):
        with limit.taken(Caller(address=f"10.0.1.{number}")):
            pass
    assert fill(held, limit, ANN) == 6


def test_the_share_is_one_of_what_the_servers_speak_at_once(held, clock):
    limit = StreamLimit(Limits(streams=256), clock)
    held(limit, BOB)
    limit.note_refusal(64)
    assert fill(held, limit, ANN) == 48


def test_servers_that_are_too_slow_for_more_are_full_for_a_while(held, clock):
    limit = StreamLimit(Limits(streams=256), clock)
    held(limit, BOB)
    for _ in range(7):
        held(limit, ANN)
    limit.note_refusal(None)
    assert refusal(limit, ANN) == (429, "share_taken")
    clock.now_s += 11
    held(limit, ANN)


def test_streams_are_half_taken_by_what_the_servers_speak_at_once(held, clock):
    limit = StreamLimit(Limits(streams=256), clock)
    for _ in range(32):
        held(limit, ANN)
    assert not limit.is_half_taken()
    limit.note_refusal(64)
    assert limit.is_half_taken()


@pytest.mark.parametrize("streams", [1, 2])
def test_who_is_alone_at_a_small_server_is_in_nobodys_way(held, clock, streams):
    limit = StreamLimit(Limits(streams=streams), clock)
    held(limit, ANN)
    assert not limit.is_half_taken()


def test_a_share_of_nearly_nothing_is_one_stream(held, clock):
    limit = StreamLimit(Limits(streams=8, share=0.01), clock)
    held(limit, BOB)
    assert fill(held, limit, ANN) == 1


def test_a_share_of_all_holds_nobody_back(held, clock):
    limit = StreamLimit(Limits(streams=8, share=1.0), clock)
    held(limit, BOB)
    assert fill(held, limit, ANN) == 7


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        (Caller(address="10.0.0.1"), Caller(address="10.0.0.2"), False),
        (Caller("aaaaaaaa", address="10.0.0.1"), Caller("bbbbbbbb", address="10.0.0.1"), False),
        (Caller("aaaaaaaa", address="10.0.0.1"), Caller("aaaaaaaa", address="10.0.0.2"), True),
        (Caller(address="2001:db8:0:1::1"), Caller(address="2001:db8:0:1:ffff::2"), True),
        (Caller(address="2001:db8:0:1::1"), Caller(address="2001:db8:0:2::1"), False),
        (Caller(address="::ffff:10.0.0.1"), Caller(address="::ffff:10.0.0.2"), False),
        (Caller(address="::ffff:10.0.0.1"), Caller(address="10.0.0.1"), True),
        (Caller(address="fe80::1%eth0"), Caller(address="fe80::2%eth0"), True),
        (Caller(address=""), Caller(address=""), True),
    ],
)
def test_a_key_is_one_and_without_keys_an_address_or_a_household(held, clock, first, second, are_one):
    limit = StreamLimit(Limits(streams=8), clock)
    held(limit, first)
    assert fill(held, limit, second) == (7 if are_one else 6)


def test_a_key_has_no_more_than_its_own_limit(held, clock):
    limit, key = StreamLimit(Limits(streams=8), clock), Caller("aaaaaaaa", streams=2)
    assert fill(held, limit, key) == 2
    assert refusal(limit, key) == (429, "too_many_streams")


def test_streams_that_end_are_given_back(clock):
    limit = StreamLimit(Limits(streams=1), clock)
    for _ in range(3):
        with limit.taken(ANN), pytest.raises(RequestRefused), limit.taken(BOB):
            pass
    assert limit.active == 0


def test_a_crowd_at_one_address_leaves_room_for_another_on_a_server_that_is_full(start, triton, wait, eventually):
    usual, most = triton.answers, 8

    async def answered(model, inputs, stream=triton.stream):
        if triton.open >= most:
            raise ServerBusy(f"{most} streams are running, the most allowed; retry after 1.0 s")
        async for each in stream(model, inputs):
            yield each

    triton.stream = answered
    running = start()
    assert running.say().status_code == 200
    with contextlib.ExitStack() as stack:
        triton.answers = [*usual[:1], wait]
        crowd = connected(stack, running.port, most, REQUEST, "127.0.0.2")
        eventually(lambda: triton.open == most)
        (refused,) = connected(stack, running.port, 1, REQUEST, "127.0.0.2")
        assert refused.recv(65_536).startswith(b"HTTP/1.1 503")
        for each in crowd[:2]:
            each.close()
        eventually(lambda: triton.open == most - 2)
        (held_back,) = connected(stack, running.port, 1, REQUEST, "127.0.0.2")
        assert held_back.recv(65_536).startswith(b"HTTP/1.1 429")
        triton.answers = usual
        assert running.say().status_code == 200
    eventually(lambda: triton.open == 0)

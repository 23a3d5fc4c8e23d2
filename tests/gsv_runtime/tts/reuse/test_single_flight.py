import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gsv_runtime.errors import Cancelled, DeadlineExceeded, InternalError, InvalidRequest, ServerBusy
from gsv_runtime.tts.reuse.single_flight import Abandoned, SingleFlights

LIMIT_S = 20


def unhurried():
    """A follower that never gives up."""


@pytest.fixture
def flights():
    return SingleFlights()


def test_one_leads_and_all_others_get_every_piece_in_order(flights):
    flight, leads = flights.join("key")
    assert leads
    followers = [flights.join("key") for _ in range(10)]
    assert not any(leads for _, leads in followers)
    with ThreadPoolExecutor(10) as pool:
        heard = [pool.submit(list, follower.follow(0, unhurried)) for follower, _ in followers]
        for number in range(5):
            flight.publish(number)
        flight.finish()
        assert [each.result(LIMIT_S) for each in heard] == [[0, 1, 2, 3, 4]] * 10
    assert len(flights) == 0


def test_who_comes_late_gets_the_pieces_from_the_first_on(flights):
    flight, _ = flights.join("key")
    flight.publish("a")
    late, leads = flights.join("key")
    flight.publish("b")
    flight.finish()
    assert not leads
    assert list(late.follow(0, unhurried)) == ["a", "b"]
    assert list(late.follow(1, unhurried)) == ["b"]


def test_another_key_is_another_flight(flights):
    assert flights.join("key")[1]
    assert flights.join("other")[1]


def test_after_the_end_the_next_leads(flights):
    flights.join("key")[0].finish()
    assert flights.join("key")[1]


def test_one_follower_of_a_leader_that_left_leads_next_and_the_others_follow_it(flights):
    first, _ = flights.join("key", seed=7)
    first.publish("a")
    heard = first.follow(0, unhurried)
    assert next(heard) == "a"
    first.abandon()
    with pytest.raises(Abandoned):
        next(heard)
    assert [leads for _, leads in (flights.join("key", seed=7) for _ in range(3))] == [True, False, False]


def test_an_abandoned_flight_does_not_end_the_one_that_took_its_place(flights):
    first, _ = flights.join("key")
    first.abandon()
    second, leads = flights.join("key")
    assert leads
    first.finish()
    first.abandon()
    assert flights.join("key") == (second, False)


@pytest.mark.parametrize("failure", [Cancelled("x"), DeadlineExceeded("x"), ServerBusy("x"), InternalError("x")])
def test_a_failure_that_need_not_be_the_followers_lets_one_of_them_try(flights, failure):
    flight, _ = flights.join("key")
    flight.fail(failure)
    with pytest.raises(Abandoned):
        next(flight.follow(0, unhurried))
    assert flights.join("key")[1]


def test_a_request_at_fault_is_told_to_all_that_are_the_same(flights):
    flight, _ = flights.join("key")
    flight.fail(InvalidRequest("too long"))
    with pytest.raises(InvalidRequest, match="too long"):
        next(flight.follow(0, unhurried))


def test_a_stage_that_fails_again_fails_all_and_not_one_after_the_other(flights):
    flight, _ = flights.join("key")
    flight.fail(InternalError("vocoder"))
    flight, leads = flights.join("key", failures=flight.failures)
    assert leads
    flight.fail(InternalError("vocoder again"))
    with pytest.raises(InternalError, match="again"):
        next(flight.follow(0, unhurried))


@pytest.mark.slow
def test_a_follower_that_has_no_more_patience_stops_waiting(flights):
    flight, _ = flights.join("key")

    def impatient():
        raise Cancelled("the client has left")

    with pytest.raises(Cancelled):
        next(flight.follow(0, impatient))
    assert not flights.join("key")[1]


def test_a_thousand_who_ask_at_once_have_one_leader(flights):
    together = threading.Barrier(50)

    def ask(_):
        together.wait(LIMIT_S)
        return [flights.join("key")[1] for _ in range(20)]

    with ThreadPoolExecutor(50) as pool:
        assert sum(sum(leads) for leads in pool.map(ask, range(50))) == 1

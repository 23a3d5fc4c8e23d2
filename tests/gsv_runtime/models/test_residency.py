"""Which fine-tunes stay loaded, by a table of events; no clock and no stage."""

from dataclasses import replace

import pytest

from gsv_runtime.contract import S1, S2
from gsv_runtime.models.catalogue import Checkpoint
from gsv_runtime.models.residency import Load, Residency, Unload

from ..conftest import FACTS, first_of

PATIENCE_S = 2.0
FIRST = replace(first_of(FACTS), checkpoints={S1: Checkpoint(1, "", 10), S2: Checkpoint(2, "", 10)})


def tune(number, s1=None, s2=None, nbytes=10):
    """A fine-tune with weights of its own, unless it shares some."""
    own = {S1: Checkpoint(s1 or 100 + number, "", nbytes), S2: Checkpoint(s2 or 200 + number, "", nbytes)}
    return replace(FIRST, name=f"m{number}", first=False, pinned=False, checkpoints=own)


A, B, C = tune(1), tune(2), tune(3)


@pytest.fixture
def residency():
    """Room for two fine-tunes."""
    return Residency(FIRST, limit_bytes=40, patience_s=PATIENCE_S)


def load(residency, fine_tune, lease, now_s=0.0):
    assert not residency.ask(lease, fine_tune, now_s)
    assert residency.next_step(now_s) == Load(fine_tune)
    residency.loaded(fine_tune, now_s)
    assert residency.ask(lease, fine_tune, now_s)


def test_a_fine_tune_is_loaded_by_the_first_who_asks_and_all_who_wait_enter(residency):
    assert not residency.ask(1, A, 0)
    assert not residency.ask(2, A, 0)
    assert residency.next_step(0) == Load(A)
    assert residency.next_step(0) is None  # under way
    assert not residency.ask(1, A, 0)
    residency.loaded(A, 1)
    assert residency.ask(1, A, 1)
    assert residency.ask(2, A, 1)
    assert (residency.in_use(A), residency.num_waiting(A)) == (2, 0)


def test_who_waited_holds_it_from_the_moment_it_is_loaded(residency):
    """Else the next to be loaded would find it unused, and nobody would ever be served."""
    residency = Residency(FIRST, limit_bytes=20, patience_s=PATIENCE_S)
    residency.ask(1, A, 0)
    residency.ask(2, B, 0)
    assert residency.next_step(0) == Load(A)
    residency.loaded(A, 0.1)
    assert residency.next_step(0.1) is None
    assert residency.ask(1, A, 0.2)
    residency.release(1, 0.3)
    assert residency.next_step(0.3) == Unload(A, {S1: 101, S2: 201})


def test_a_lease_that_nobody_comes_for_ends(residency):
    residency.ask(1, A, 0)
    residency.next_step(0)
    residency.loaded(A, 1)
    assert residency.in_use(A) == 1
    assert residency.next_step(10) is None
    assert residency.in_use(A) == 0


def test_the_least_recently_used_makes_room(residency):
    load(residency, A, 1, 0)
    load(residency, B, 2, 1)
    residency.release(2, 2)
    residency.release(1, 3)  # A was used last
    assert not residency.ask(3, C, 4)
    assert residency.next_step(4) == Unload(B, {S1: 102, S2: 202})
    residency.unloaded(B)
    assert residency.next_step(4) == Load(C)


def test_one_in_use_never_makes_room(residency):
    load(residency, A, 1)
    load(residency, B, 2)
    assert not residency.ask(3, C, 0)
    assert residency.next_step(0) is None
    residency.release(1, 1)
    assert residency.next_step(1) == Unload(A, {S1: 101, S2: 201})


def test_a_pinned_one_never_makes_room(residency):
    load(residency, A, 1)
    residency.pin(A, True)
    load(residency, B, 2)
    residency.release(1, 5)
    residency.release(2, 9)
    assert not residency.ask(3, C, 10)
    assert residency.next_step(10) == Unload(B, {S1: 102, S2: 202})


def test_who_waits_for_room_too_long_has_one_in_use_closed_to_newcomers(residency):
    load(residency, A, 1, 0)
    load(residency, B, 2, 1)
    assert not residency.ask(3, C, 2)
    assert residency.next_step(2) is None
    assert residency.ask(4, A, 2.5)  # not yet
    residency.ask(3, C, 2 + PATIENCE_S)
    assert residency.next_step(2.1 + PATIENCE_S) is None
    assert residency.ask(5, A, 4.2), "A was used after B, and stays open"
    assert not residency.ask(6, B, 4.2)
    residency.release(2, 4.3)
    assert residency.next_step(4.3) == Unload(B, {S1: 102, S2: 202})
    residency.unloaded(B)
    assert residency.next_step(4.3) == Load(C)
    residency.loaded(C, 4.4)
    assert residency.ask(3, C, 4.4)
    residency.release(3, 4.5)
    assert residency.next_step(4.5) == Unload(C, {S1: 103, S2: 203}), "B's newcomer is next"


def test_what_waits_is_loaded_in_the_order_of_its_coming(residency):
    for lease, fine_tune in ((1, C), (2, A), (3, B)):
        residency.ask(lease, fine_tune, 0)
    order = []
    for now_s in range(6):
        step = residency.next_step(now_s / 10)
        if isinstance(step, Load):
            order.append(step.fine_tune.name)
            residency.loaded(step.fine_tune, now_s / 10)
            for lease, fine_tune in ((1, C), (2, A), (3, B)):
                if fine_tune is step.fine_tune:
                    assert residency.ask(lease, fine_tune, now_s / 10)
                    residency.release(lease, now_s / 10)
        elif isinstance(step, Unload):
            residency.unloaded(step.fine_tune)
    assert order == ["m3", "m1", "m2"]


def test_shared_weights_count_once_and_stay_while_one_that_has_them_is_loaded():
    residency = Residency(FIRST, limit_bytes=30, patience_s=PATIENCE_S)
    with_b = tune(4, s1=102)
    load(residency, B, 1)
    load(residency, with_b, 2)  # 10 for the s1 of both, 10 for each s2
    assert residency.loaded_bytes == 30
    residency.release(1, 1)
    assert residency.unload(B) == Unload(B, {S2: 202})


def test_what_the_first_has_is_never_dropped_and_takes_no_room():
    residency = Residency(FIRST, limit_bytes=10, patience_s=PATIENCE_S)
    with_first = tune(5, s1=1)
    load(residency, with_first, 1)
    assert residency.loaded_bytes == 10
    residency.release(1, 1)
    assert residency.unload(with_first) == Unload(with_first, {S2: 205})


def test_what_would_never_fit_is_refused_with_the_numbers(residency):
    with pytest.raises(LookupError, match="needs 60 bytes, and 40 may be loaded; raise model_memory"):
        residency.ask(1, tune(6, nbytes=30), 0)


def test_pinned_ones_that_leave_no_room_are_named(residency):
    for number, fine_tune in enumerate((A, B), 1):
        load(residency, fine_tune, number)
        residency.pin(fine_tune, True)
    with pytest.raises(LookupError, match=r"beside the pinned ones, .*; unpin others or raise model_memory"):
        residency.ask(3, C, 0)


def test_a_load_that_fails_is_told_to_all_who_wait_once(residency):
    residency.ask(1, A, 0)
    residency.next_step(0)
    residency.failed(A, LookupError("no memory"))
    with pytest.raises(LookupError, match="no memory"):
        residency.ask(1, A, 0)
    assert not residency.ask(1, A, 0)
    assert residency.next_step(0) == Load(A)


def test_who_does_not_ask_again_is_not_waited_for(residency):
    residency.ask(1, A, 0)
    assert residency.next_step(10) is None
    assert residency.num_waiting(A) == 0


def test_one_in_use_or_not_loaded_is_not_unloaded_on_request(residency):
    assert residency.unload(A) is None
    load(residency, A, 1)
    assert residency.unload(A) is None
    residency.release(1, 1)
    assert residency.unload(A) == Unload(A, {S1: 101, S2: 201})


def test_one_that_the_repository_has_lost_goes_when_nobody_uses_it(residency):
    load(residency, A, 1)
    load(residency, B, 2)
    residency.pin(A, True)
    assert residency.unload_unlisted([FIRST, A, B]) is None
    assert residency.unload_unlisted([FIRST, B]) is None, "a request uses it"
    residency.release(1, 1)
    residency.release(2, 1)
    assert residency.unload_unlisted([FIRST, B]) == Unload(A, {S1: 101, S2: 201})
    residency.unloaded(A)
    assert not residency.is_pinned(A)
    assert residency.unload_unlisted([FIRST, B]) is None


def test_what_is_loaded_under_another_name_is_not_lost(residency):
    load(residency, A, 1)
    residency.release(1, 1)
    assert residency.unload_unlisted([replace(A, name="again")]) is None


def test_a_loaded_one_waits_to_be_unloaded_while_another_is_loaded(residency):
    load(residency, A, 1)
    residency.release(1, 1)
    assert not residency.must_wait(A)
    residency.ask(2, B, 1)
    residency.next_step(1)
    assert residency.must_wait(A)
    assert not residency.must_wait(C), "there is nothing to unload"
    residency.loaded(B, 2)
    assert not residency.must_wait(A)


def test_the_first_needs_no_room_and_is_always_there(residency):
    assert residency.is_loaded(FIRST)
    assert residency.is_pinned(FIRST)
    assert residency.loaded_bytes == 0

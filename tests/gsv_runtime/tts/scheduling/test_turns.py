import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.tts.scheduling.turns import TurnQueue


def in_order(queue, turns):
    """Turns in the order in which they get the only slot."""
    order = []
    while len(order) < len(turns):
        (running,) = [turn for turn in turns if queue.is_running(turn)]
        order.append(running.due_s)
        queue.leave(running)
    return order


def places(queue):
    """How many are taken, and how many turns wait for one."""
    return len(queue._running), len(queue._waiting)


def test_places_are_given_while_there_are_any():
    queue = TurnQueue(2)
    turns = [queue.join(0.0) for _ in range(3)]
    assert [queue.is_running(turn) for turn in turns] == [True, True, False]
    assert places(queue) == (2, 1)


def test_who_is_due_first_is_next_and_equals_go_as_they_came():
    queue = TurnQueue(1)
    turns = [queue.join(due_s) for due_s in (0, 9, 5, 7, 5)]
    assert in_order(queue, turns) == [0, 5, 5, 7, 9]
    assert turns[2].number < turns[4].number


def test_kept_places_are_given_only_to_those_who_have_heard_nothing_and_they_need_not_wait_for_others():
    queue = TurnQueue(3, kept=1)
    heard = [queue.join(0.0) for _ in range(3)]
    unheard = [queue.join(5.0, is_unheard=True) for _ in range(2)]
    assert [queue.is_running(turn) for turn in heard] == [True, True, False]
    assert [queue.is_running(turn) for turn in unheard] == [True, False]
    queue.leave(unheard[0])
    assert queue.is_running(unheard[1]), "the place is the one that is kept"
    queue.leave(unheard[1])
    assert not queue.is_running(heard[2])
    queue.leave(heard[0])
    assert queue.is_running(heard[2])


def test_a_turn_given_up_while_waiting_takes_no_place():
    queue = TurnQueue(1)
    first, given_up, last = queue.join(0), queue.join(1), queue.join(2)
    queue.leave(given_up)
    queue.leave(first)
    assert queue.is_running(last)
    assert places(queue) == (1, 0)


def test_a_turn_cannot_be_left_twice():
    queue = TurnQueue(1)
    turn = queue.join(0)
    queue.leave(turn)
    with pytest.raises(ValueError, match="not in list"):
        queue.leave(turn)


def test_those_who_have_heard_something_get_their_places_however_many_newcomers_come():
    queue = TurnQueue(12, kept=2)
    newcomers = [queue.join(0.0, is_unheard=True) for _ in range(12)]
    heard = [queue.join(1.0) for _ in range(10)]
    for newcomer in newcomers:
        queue.join(2.0, is_unheard=True)
        queue.leave(newcomer)
    assert all(map(queue.is_running, heard))


def test_when_all_of_a_crowd_have_been_heard_a_newcomer_gets_in_at_once_however_late_their_streams_are():
    queue = TurnQueue(12, kept=2)
    crowd = [queue.join(float(number), is_unheard=True) for number in range(12)]
    streams = [queue.join(12.0 + number) for number in range(12)]  # each wants its next sentence
    for turn in crowd[:8]:
        queue.leave(turn)
    assert sum(map(queue.is_running, streams)) == 6
    newcomers = [queue.join(50.0, is_unheard=True) for _ in range(3)]
    assert list(map(queue.is_running, newcomers)) == [True, False, False]
    for turn in crowd[8:11]:
        queue.leave(turn)
    assert sum(map(queue.is_running, streams)) == 9, "after each newcomer who went before them they get two places"
    assert list(map(queue.is_running, newcomers)) == [True, True, False]


def test_streams_that_are_late_get_two_of_three_places_in_an_endless_flow_of_newcomers():
    queue, number_of = TurnQueue(12, kept=2), {True: 0, False: 0}
    running, waiting = [], [queue.join(0.0) for _ in range(100)]
    for _ in range(90):
        waiting += [queue.join(9.0, is_unheard=True) for _ in range(2)]
        came = [turn for turn in waiting if queue.is_running(turn)]
        waiting = [turn for turn in waiting if not queue.is_running(turn)]
        running += came
        for turn in came:
            number_of[turn.is_unheard] += 1
        queue.leave(running.pop(0))
    assert 60 <= number_of[False] <= 72
    assert number_of[True] >= 30


@pytest.mark.slow
@given(st.integers(1, 4), st.integers(0, 3), st.lists(st.tuples(st.sampled_from("hul"), st.integers(0, 50))))
def test_no_place_is_free_while_anyone_waits_who_may_have_it_and_none_is_given_twice(slots, kept, events):
    kept = min(kept, slots - 1)
    queue, inside = TurnQueue(slots, kept), []
    for what, number in events:
        if what != "l" or not inside:
            inside.append(queue.join(number, is_unheard=what == "u"))
        else:
            queue.leave(inside.pop(number % len(inside)))
        running = {turn for turn in inside if queue.is_running(turn)}
        waiting, heard = set(inside) - running, {turn for turn in inside if not turn.is_unheard}
        assert places(queue) == (len(running), len(waiting))
        assert len(running) <= slots
        assert len(running & heard) <= slots - kept
        if len(running) < slots:
            assert waiting <= heard
            is_kept = slots - len(running) <= kept and len(running & heard) >= slots // 2
            assert not waiting or len(running & heard) == slots - kept or is_kept

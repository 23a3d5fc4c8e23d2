"""Which sequences advance, told from plans alone."""

from collections import namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.t2s.scheduler import CallResult, Scheduler
from gsv_runtime.t2s.slots import Move

Turn = namedtuple("Turn", ("moves", "prefill", "step", "span"))


def scheduler(num_slots=4, **how):
    return Scheduler(
        **{"spans": range(1, num_slots + 1), "repetition_window": 0, "repetition_least_distinct": 0, **how}
    )


def start(target, sequence_id, num_tokens=5, max_tokens=100, is_unheard=False):
    target.open(sequence_id, prompt_rows=10, num_prompt_tokens=4, max_tokens=max_tokens, now_s=0)
    target.ask(sequence_id, num_tokens, now_s=0, is_unheard=is_unheard)


def turn(target, token=1):
    """One round of one step as the decoder runs it; returns the plans."""
    joins = target.plan_joins()
    for sequence_id in joins.prefill:
        target.record(sequence_id, token, ended=False)
    step = target.plan_step()
    for sequence_id in step.sequence_ids:
        target.record(sequence_id, token, ended=False)
    return Turn(joins.moves, joins.prefill, step.sequence_ids, step.span)


def test_one_sequence_joins_between_two_steps_of_those_that_run_and_steps_with_them_at_once():
    target = scheduler()
    for sequence_id in (1, 2, 3):
        start(target, sequence_id)
    plans = [turn(target) for _ in range(4)]
    assert [plan.prefill for plan in plans] == [(1,), (2,), (3,), ()]
    assert [plan.step for plan in plans] == [(1,), (1, 2), (1, 2, 3), (1, 2, 3)]


def test_as_many_join_between_launches_as_told_and_as_there_are_slots_for():
    target = scheduler(num_slots=4, most_joins=3)
    for sequence_id in (1, 2, 3, 4, 5):
        start(target, sequence_id, num_tokens=50)
    assert [turn(target).prefill for _ in range(3)] == [(1, 2, 3), (4,), ()]


def test_a_step_may_bring_as_many_tokens_as_somebody_may_have():
    target = scheduler(most_joins=2)
    start(target, 1, num_tokens=2)
    start(target, 2, num_tokens=50, max_tokens=9)
    for sequence_id in target.plan_joins().prefill:
        target.record(sequence_id, 1, ended=False)
    assert target.plan_step().most_tokens == 8, "all but the first of the 9 that the second may have"
    assert (target[1].token_limit, target[2].token_limit) == (4, 9)


def test_a_call_is_answered_once_and_with_as_many_tokens_as_asked():
    target = scheduler()
    start(target, 1, num_tokens=3)
    answers = []
    while target.has_work:
        turn(target, token=7)
        answers += target.answers(now_s=0)
    assert answers == [CallResult(1, (7, 7, 7), "")]
    assert list(target.answers(now_s=0)) == []


def test_a_sequence_between_calls_rides_along_at_most_one_call_ahead():
    target = scheduler()
    start(target, 1, num_tokens=2)
    turn(target)
    turn(target)
    assert len(list(target.answers(now_s=0))) == 1
    start(target, 2, num_tokens=50)
    for _ in range(20):
        turn(target)
    assert len(target[1].tokens) == 4
    assert len(target[2].tokens) == 21
    target.ask(1, 2, now_s=0)
    assert list(target.answers(now_s=0)) == [CallResult(1, (1, 1), "")]


def test_nothing_is_decoded_when_nobody_waits_for_it():
    target = scheduler()
    start(target, 1, num_tokens=1)
    turn(target)
    list(target.answers(now_s=0))
    assert not target.has_work
    assert target.plan_step().sequence_ids == ()


def test_sequences_beyond_the_slots_wait_without_spinning_until_one_is_free():
    target = scheduler(num_slots=1)
    start(target, 1, num_tokens=1)
    turn(target)
    list(target.answers(now_s=0))
    start(target, 2)
    assert not target.has_work
    target.close(1)
    assert target.plan_joins().prefill == (2,)


def test_the_last_tokens_come_with_the_reason_and_the_slot_is_free_before_they_are_fetched():
    target = scheduler()
    start(target, 1, num_tokens=2, max_tokens=3)
    for _ in range(3):
        turn(target)
        if not target[1].num_delivered:
            first = list(target.answers(now_s=0))
    assert first == [CallResult(1, (1, 1), "")]
    target.ask(1, 2, now_s=0)
    turn(target)
    assert target.slots_in_use == 0
    assert list(target.answers(now_s=0)) == [CallResult(1, (1,), "limit")]
    target.ask(1, 2, now_s=0)
    assert list(target.answers(now_s=0)) == [CallResult(1, (), "limit")]


@pytest.mark.parametrize("steps_ahead", [0, 1, 3])
def test_an_answer_in_full_says_nothing_of_an_end_that_was_drawn_after_it(steps_ahead):
    """How far a launch ran ahead is chance; what callers see, and so whether a take is said again, is not."""
    target = scheduler()
    start(target, 1, num_tokens=4)
    for _ in range(4):
        target.plan_joins()
        target.record(1, 7, ended=False)
    answers = [] if steps_ahead else list(target.answers(now_s=0))
    target.ask(1, 3, now_s=0) if answers else None
    for _ in range(steps_ahead - 1):
        target.record(1, 8, ended=False)
    target.record(1, 0, ended=True)
    answers += target.answers(now_s=0)
    if steps_ahead:
        target.ask(1, 3, now_s=0)
        answers += target.answers(now_s=0)
    assert answers == [CallResult(1, (7, 7, 7, 7), ""), CallResult(1, (8,) * max(steps_ahead - 1, 0), "eos")]


def test_a_limit_is_told_with_the_token_that_reaches_it():
    target = scheduler()
    start(target, 1, num_tokens=4, max_tokens=4)
    target.plan_joins()
    for _ in range(4):
        target.record(1, 7, ended=False)
    assert list(target.answers(now_s=0)) == [CallResult(1, (7, 7, 7, 7), "limit")]


def test_a_sequence_that_ends_at_once_answers_without_tokens():
    target = scheduler()
    start(target, 1)
    target.plan_joins()
    target.record(1, 1024, ended=True)
    assert list(target.answers(now_s=0)) == [CallResult(1, (), "eos")]


def test_a_loop_ends_as_repetition():
    target = scheduler(2, repetition_window=4, repetition_least_distinct=2)
    start(target, 1, num_tokens=9)
    while target.has_work:
        turn(target)
    assert list(target.answers(now_s=0)) == [CallResult(1, (1, 1, 1, 1), "repetition")]


def test_the_hole_of_a_sequence_that_left_is_closed_so_that_the_batch_stays_small():
    target = scheduler()
    for sequence_id in (1, 2, 3):
        start(target, sequence_id, num_tokens=50)
    for _ in range(4):
        turn(target)
    target.close(1)
    plan = turn(target)
    assert plan.moves == (Move(2, 0),)
    assert plan.span == 2
    assert target.in_slot(0).sequence_id == 3


def test_with_few_spans_the_least_that_reaches_is_run_and_nobody_is_moved_but_for_a_smaller_one():
    target = scheduler(spans=(2, 8))
    for sequence_id in (1, 2, 3, 4):
        start(target, sequence_id, num_tokens=50)
    plans = [turn(target) for _ in range(4)]
    assert [plan.span for plan in plans] == [2, 2, 8, 8]
    target.close(1)
    plan = turn(target)
    assert (plan.span, plan.moves) == (8, ()), "three do not fit the smaller span, so the hole stays"
    assert target.in_slot(0) is None
    target.close(3)
    plan = turn(target)
    assert (plan.span, plan.moves) == (2, (Move(3, 0),))
    assert [target.in_slot(slot).sequence_id for slot in (0, 1)] == [4, 2]


def test_with_one_span_every_step_runs_all_slots_and_nobody_is_moved():
    target = scheduler(spans=(4,))
    for sequence_id in (1, 2, 3):
        start(target, sequence_id, num_tokens=50)
    plans = [turn(target) for _ in range(3)]
    target.close(1)
    plans.append(turn(target))
    assert [plan.span for plan in plans] == [4] * 4
    assert [plan.moves for plan in plans] == [()] * 4
    assert target.in_slot(0) is None
    assert target.in_slot(2).sequence_id == 3
    start(target, 4)
    turn(target)
    assert target.in_slot(0).sequence_id == 4


def crowded(rows_cost, streams=3):
    """A scheduler of four slots in which streams run."""
    target = scheduler(num_slots=4, rows_cost=rows_cost)
    for sequence_id in range(1, streams + 1):
        start(target, sequence_id, num_tokens=90)
    for _ in range(streams):
        turn(target)
    return target


def test_who_has_heard_nothing_gets_three_rounds_of_four_alone_in_the_first_slot():
    target = crowded(rows_cost=True)
    start(target, 9, num_tokens=9, is_unheard=True)
    plans = [turn(target) for _ in range(9)]
    assert plans[0].moves == (Move(0, 3),)
    assert [target.in_slot(slot).sequence_id for slot in (0, 3)] == [9, 1]
    assert [plan.step for plan in plans] == 2 * [(9,), (9,), (9,), (1, 2, 3, 9)] + [(1, 2, 3, 9)]
    assert [plan.span for plan in plans] == 2 * [1, 1, 1, 4] + [4]
    assert [answer.sequence_id for answer in target.answers(now_s=0)] == [9], "the last round was not its alone"


def test_where_rows_cost_nothing_or_all_have_heard_nothing_every_round_is_for_all():
    target = crowded(rows_cost=False)
    start(target, 9, is_unheard=True)
    assert [turn(target).step for _ in range(2)] == 2 * [(1, 2, 3, 9)]
    target = scheduler(rows_cost=True)
    for sequence_id in (1, 2):
        start(target, sequence_id, is_unheard=True)
    assert [turn(target).step for _ in range(3)] == [(1,), (1, 2), (1, 2)]


def test_who_was_heard_since_makes_room_for_the_next_and_waits_for_nobody():
    target = crowded(rows_cost=True, streams=1)
    start(target, 8, num_tokens=2, is_unheard=True)
    turn(target)
    list(target.answers(now_s=0))
    target.ask(8, 90, now_s=0)
    start(target, 9, is_unheard=True)
    plan = turn(target)
    assert (plan.moves, plan.step, plan.span) == ((Move(0, 2),), (9,), 1)
    assert [target.in_slot(slot).sequence_id for slot in range(3)] == [9, 1, 8]


def test_who_has_heard_nothing_is_prefilled_before_streams_that_came_earlier():
    target = scheduler(num_slots=4)
    for sequence_id in (1, 2):
        start(target, sequence_id)
    start(target, 9, is_unheard=True)
    assert [turn(target).prefill for _ in range(3)] == [(9,), (1,), (2,)]


def test_a_stream_is_prefilled_after_three_newcomers_who_came_later():
    target = scheduler(num_slots=9)
    start(target, 1)
    for sequence_id in range(2, 9):
        start(target, sequence_id, is_unheard=True)
    assert [turn(target).prefill for _ in range(5)] == [(2,), (3,), (4,), (1,), (5,)]


@pytest.mark.parametrize("rows_cost", [False, True])
def test_newcomers_of_a_word_who_never_end_silence_no_stream(rows_cost):
    target, heard = scheduler(num_slots=12, rows_cost=rows_cost), []
    start(target, 0, num_tokens=100)
    for newcomer in range(1, 12):
        start(target, newcomer, num_tokens=12, max_tokens=12, is_unheard=True)
    for number in range(200):
        turn(target, token=number)
        for answer in list(target.answers(now_s=0)):
            target.close(answer.sequence_id)
            heard.append(answer.sequence_id)
            start(target, 12 + len(heard), num_tokens=12, max_tokens=12, is_unheard=True)
    # a round of four is for all
    assert 0 in heard or len(target[0].tokens) >= 45


def test_an_idle_sequence_is_forgotten_and_a_waiting_one_is_not():
    target = scheduler(num_slots=1)
    start(target, 1, num_tokens=1)
    turn(target)
    list(target.answers(now_s=10))
    start(target, 2)
    assert target.reap(now_s=69, idle_s=60) == []
    assert target.reap(now_s=71, idle_s=60) == [1]
    with pytest.raises(InvalidRequest, match="start a new one"):
        target.ask(1, 1, now_s=72)
    assert target.plan_joins().prefill == (2,)


def test_a_second_call_before_the_answer_is_refused():
    target = scheduler()
    start(target, 1)
    with pytest.raises(InvalidRequest, match="unanswered call"):
        target.ask(1, 1, now_s=0)


def _follow(slots, moves, target):
    """Whose rows lie in which slot, after these moves in order; those that are there must be where they were copied."""
    rows = {slot: sequence_id for sequence_id, slot in slots.items()}
    for move in moves:
        rows[move.target] = rows.get(move.source)
    now = {s: target[s].slot for s in target.sequence_ids if target[s].slot is not None}
    assert all(rows[slot] == sequence_id for sequence_id, slot in now.items() if sequence_id in slots)
    return now


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.integers(1, 3),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(0, 4), st.booleans()), max_size=60),
)
def test_under_any_order_of_calls_every_call_is_answered_in_full_and_no_slot_is_shared(num_slots, rows_cost, events):
    target, asked, got, slots = scheduler(num_slots, rows_cost=rows_cost), {}, {}, {}
    for sequence_id, num_tokens, action, is_unheard in events:
        if action == 0:
            target.close(sequence_id)
            asked.pop(sequence_id, None)
        elif sequence_id not in target:
            start(target, sequence_id, num_tokens, max_tokens=9, is_unheard=is_unheard)
            asked[sequence_id], got[sequence_id] = num_tokens, []
        elif sequence_id not in asked:
            target.ask(sequence_id, num_tokens, now_s=0, is_unheard=is_unheard)
            asked[sequence_id] = num_tokens
        plan = turn(target, token=len(got))
        held = [target.in_slot(slot) for slot in range(num_slots)]
        owners = [sequence.sequence_id for sequence in held if sequence is not None]
        assert len(owners) == len(set(owners)) == target.slots_in_use
        assert len(plan.prefill) <= 1
        slots = _follow(slots, plan.moves, target)
        for answer in target.answers(now_s=0):
            wanted = asked.pop(answer.sequence_id)
            got[answer.sequence_id] += answer.tokens
            assert len(answer.tokens) == wanted or answer.finish_reason == "limit"
            assert len(got[answer.sequence_id]) <= 9
    while target.has_work:
        turn(target)
        for answer in target.answers(now_s=0):
            asked.pop(answer.sequence_id)
    holders = sum(target.in_slot(slot) is not None for slot in range(num_slots))
    assert not asked or holders == num_slots

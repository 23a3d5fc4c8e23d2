"""Calls to a model that may die while it has them."""

import queue
import threading
from functools import partial

import pytest

from gsv_runtime.triton import watched_calls
from gsv_runtime.triton.watched_calls import ProcessDied, Unwanted, WatchedCalls

PATIENCE_S = 10.0


class Processes:
    """Model processes that a test starts and kills."""

    def __init__(self, monkeypatch):
        self.alive = {1}
        self.asked = 0
        monkeypatch.setattr(watched_calls, "is_running", lambda pid: pid in self.alive)

    def __call__(self):
        self.asked += 1
        return {"t2s": frozenset(self.alive)} if self.alive else {}


@pytest.fixture
def processes(monkeypatch):
    return Processes(monkeypatch)


def calls(processes, max_lost=100, when_too_many=lambda: None):
    return WatchedCalls(processes, max_lost, when_too_many, poll_s=0.01, wanted_poll_s=0.005)


def test_a_call_gives_what_it_returns_or_raises(processes):
    watched = calls(processes)
    assert watched.run("t2s", lambda: 5) == 5
    with pytest.raises(KeyError, match="who"):
        watched.run("t2s", lambda: dict[str, int]()["who"])


def test_a_call_that_raises_timeout_error_is_not_taken_for_one_that_waits(processes):
    with pytest.raises(TimeoutError):
        calls(processes).run("t2s", lambda: (_ for _ in ()).throw(TimeoutError()))


def test_a_slow_call_of_a_living_process_is_waited_for(processes):
    started, go_on = threading.Event(), threading.Event()

    def slow():
        started.set()
        assert go_on.wait(PATIENCE_S)
        return "done"

    threading.Thread(target=lambda: (started.wait(PATIENCE_S), go_on.set())).start()
    assert calls(processes).run("t2s", slow) == "done"


def test_a_call_is_not_made_while_a_dead_process_has_no_successor(processes):
    watched, made = calls(processes), []
    watched.run("t2s", lambda: made.append("before"))
    processes.alive.clear()
    for _ in range(2):
        with pytest.raises(ProcessDied, match="t2s"):
            watched.run("t2s", lambda: made.append("between"))
    processes.alive.add(2)
    watched.run("t2s", lambda: made.append("after"))
    assert made == ["before", "after"]


def test_a_call_is_given_up_when_its_process_dies(processes):
    over, started = threading.Event(), threading.Event()

    def hang():
        started.set()
        over.wait(PATIENCE_S)

    threading.Thread(target=lambda: (started.wait(PATIENCE_S), processes.alive.clear())).start()
    with pytest.raises(ProcessDied, match="t2s"):
        calls(processes).run("t2s", hang)
    over.set()


def test_calls_after_a_death_go_to_the_process_that_came_instead(processes):
    watched = calls(processes)
    assert watched.run("t2s", lambda: 1) == 1
    processes.alive = {2}
    assert watched.run("t2s", lambda: 2) == 2
    processes.alive = {3}
    assert watched.run("t2s", lambda: 3) == 3
    assert processes.asked == 3


def test_whoever_looks_first_while_there_is_no_process_sees_the_next_one_die_too(processes):
    """As `tts` does when it comes back while `t2s` is being loaded."""
    watched, over = calls(processes), threading.Event()
    processes.alive.clear()
    with pytest.raises(ProcessDied, match="t2s"):
        watched.run("t2s", lambda: "nobody is there")
    processes.alive.add(1)
    assert watched.run("t2s", lambda: "here") == "here"

    def die():
        processes.alive.clear()
        over.wait(PATIENCE_S)

    with pytest.raises(ProcessDied, match="t2s"):
        watched.run("t2s", die)
    over.set()


def test_a_call_is_left_when_its_answer_is_not_wanted_any_more(processes):
    wanted, over, ended = threading.Event(), threading.Event(), threading.Event()
    wanted.set()

    def hang():
        wanted.clear()
        over.wait(PATIENCE_S)
        ended.set()

    watched = calls(processes, max_lost=0, when_too_many=lambda: pytest.fail("an unwanted call is not a lost one"))
    for _ in range(3):
        wanted.set()
        with pytest.raises(Unwanted, match="t2s"):
            watched.run("t2s", hang, wanted.is_set)
        assert not ended.is_set(), "the call goes on"
    over.set()
    assert ended.wait(PATIENCE_S)
    wanted.set()
    assert watched.run("t2s", lambda: "the next", wanted.is_set) == "the next"


def test_what_a_call_returns_that_was_left_is_handed_over_but_not_what_it_raises(processes):
    handed_over, over, wanted = queue.SimpleQueue(), threading.Event(), threading.Event()

    def late(outcome):
        over.wait(PATIENCE_S)
        return outcome()

    for outcome in (lambda: dict[str, str]()["who"], lambda: "late"):
        with pytest.raises(Unwanted):
            calls(processes).run("t2s", partial(late, outcome), wanted.is_set, handed_over.put)
    over.set()
    assert handed_over.get(timeout=PATIENCE_S) == "late"
    wanted.set()
    assert calls(processes).run("t2s", lambda: "in time", wanted.is_set, handed_over.put) == "in time"
    assert handed_over.empty()


def test_a_call_that_is_wanted_is_given_up_too_when_its_process_dies(processes):
    over = threading.Event()

    def die():
        processes.alive.clear()
        over.wait(PATIENCE_S)

    with pytest.raises(ProcessDied, match="t2s"):
        calls(processes).run("t2s", die, lambda: True)
    over.set()


def test_too_many_lost_calls_end_the_process(processes):
    over, ended = threading.Event(), []
    watched = calls(processes, max_lost=2, when_too_many=lambda: ended.append(True))
    for number in range(3):
        processes.alive = {number}

        def die(number=number):
            processes.alive = {number + 1}
            over.wait(PATIENCE_S)

        with pytest.raises(ProcessDied):
            watched.run("t2s", die)
        assert bool(ended) is (number == 2)
    over.set()


@pytest.mark.slow
def test_threads_that_have_nothing_to_do_end(processes):
    watched, together = calls(processes), threading.Barrier(5)
    callers = [threading.Thread(target=watched.run, args=("t2s", lambda: together.wait(PATIENCE_S))) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    workers = [thread for thread in threading.enumerate() if thread.name == "watched-call"]
    assert workers
    for worker in workers:
        worker.join(PATIENCE_S)
        assert not worker.is_alive()
    assert watched.run("t2s", lambda: "another comes") == "another comes"


@pytest.mark.slow
def test_threads_are_used_again_and_keep_no_answer(processes):
    import gc
    import weakref

    class Answer:
        pass

    watched, names, kept = calls(processes), set(), []

    def call():
        names.add(threading.current_thread().ident)
        answer = Answer()
        kept.append(weakref.ref(answer))
        return answer

    for _ in range(20):
        watched.run("t2s", call)
    gc.collect()
    assert len(names) <= 3
    assert not any(reference() for reference in kept)

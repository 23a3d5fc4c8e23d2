"""Requests for the same sentence at once: one computes, the others join it, and nobody is stuck."""

import dataclasses
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from gsv_runtime.errors import Cancelled, DeadlineExceeded, InternalError
from gsv_runtime.tts.scheduling.admission import Refused

from ...conftest import answer
from .speaking import LIMIT_S, SETTINGS, audio, same, sources


class Gate:
    """Holds the vocoder back until it is opened; counts who came."""

    def __init__(self, make_stages):
        self.opened, self.reached = threading.Event(), threading.Event()
        self.plain = make_stages().answers["vocoder"]

    def __call__(self, inputs, sequence):
        self.reached.set()
        assert self.opened.wait(LIMIT_S)
        return self.plain(inputs, sequence)


def num_single_flights(service):
    """Sentences that are being computed, or looked for, for whoever wants them."""
    return len(service.cache._sentences.flights)


def wait_for_followers(service, number):
    """Until so many requests wait for flights that others lead."""
    poll = threading.Event()
    for _ in range(int(LIMIT_S / 0.01)):
        if service.cache.num_following >= number:
            return
        poll.wait(0.01)
    raise AssertionError("they do not come")


@pytest.mark.slow
@pytest.mark.parametrize("streaming", ["chunk", "sentence"])
@pytest.mark.parametrize("seeding", [{}, {"seed": None, "cache": "audio"}], ids=["seeded", "any seed"])
def test_a_hundred_identical_requests_at_once_are_computed_once(service, ask, make_stages, counts, streaming, seeding):
    gate = Gate(make_stages)
    with ThreadPoolExecutor(100) as pool:
        jobs = [
            pool.submit(answer, service, ask(streaming=streaming, **seeding), lambda: make_stages(vocoder=gate))
            for _ in range(100)
        ]
        wait_for_followers(service, 99)
        gate.opened.set()
        replies = [job.result(LIMIT_S) for job in jobs]
    assert counts.sequences == 2
    assert counts.calls("hubert") == counts.calls("text_frontend") - 1 == 1
    assert all(same(replies[0], each) for each in replies)
    assert Counter(source for each in replies for source in set(sources(each))).keys() <= {
        "computed",
        "joined",
        "memory",
    }
    assert num_single_flights(service) == 0


@pytest.mark.parametrize("seeding", [{}, {"seed": None, "cache": "audio"}], ids=["seeded", "any seed"])
def test_when_the_leader_leaves_in_the_middle_a_follower_goes_on_and_nobody_hears_it(
    service, ask, make_stages, counts, seeding
):
    """The leader sends one piece and is gone; the others have heard that piece, and get the rest of the same take."""
    asked = ask("ab,cde", streaming="chunk", **seeding)
    leader = service.admit(lambda: asked)
    gate = Gate(make_stages)
    plain, calls = make_stages().answers["vocoder"], Counter()

    def second_call_waits(inputs, sequence):
        calls["vocoder"] += 1
        return plain(inputs, sequence) if calls["vocoder"] == 1 else gate(inputs, sequence)

    has_left = threading.Event()
    replies = leader.replies(lambda: make_stages(vocoder=second_call_waits), has_left.is_set)
    first = next(replies)
    with ThreadPoolExecutor(5) as pool:
        followers = [pool.submit(answer, service, asked, make_stages) for _ in range(5)]
        wait_for_followers(service, 5)
        replies.close()
        leader.leave(Cancelled("gone"))
        heard = [follower.result(LIMIT_S) for follower in followers]
    assert all(same(heard[0], each) for each in heard)
    assert heard[0][0]["waveform"].tobytes() == first.outputs["waveform"].tobytes()
    if not seeding:
        assert same(heard[0], answer(service, ask("ab,cde", streaming="chunk", cache="off"), make_stages))
    assert {"joined", "computed"} <= {source for each in heard for source in sources(each)}
    assert num_single_flights(service) == 0


@pytest.mark.slow
def test_a_follower_whose_deadline_passes_stops_waiting_and_the_leader_goes_on(service, ask, make_stages):
    gate = Gate(make_stages)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(answer, service, ask("ab"), lambda: make_stages(vocoder=gate))
        assert gate.reached.wait(LIMIT_S)
        follower = pool.submit(answer, service, ask("ab", deadline_s=0.3), make_stages)
        with pytest.raises(DeadlineExceeded):
            follower.result(LIMIT_S)
        gate.opened.set()
        assert sources(leader.result(LIMIT_S)) == ["computed"]


@pytest.mark.slow
def test_a_follower_that_leaves_stops_waiting(service, ask, make_stages):
    gate, gone = Gate(make_stages), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(answer, service, ask("ab"), lambda: make_stages(vocoder=gate))
        assert gate.reached.wait(LIMIT_S)
        follower = pool.submit(answer, service, ask("ab"), make_stages, gone.is_set)
        wait_for_followers(service, 1)
        gone.set()
        with pytest.raises(Cancelled):
            follower.result(LIMIT_S)
        gate.opened.set()
        leader.result(LIMIT_S)
    assert service.cache.num_following == 0


@pytest.mark.slow
def test_requests_that_wait_for_each_others_sentences_all_end(service, ask, make_stages):
    texts = ["ab,cd,ef", "ef,ab,cd", "cd,ef,ab", "ef,cd,ab"] * 5
    alone = {text: audio(answer(service, ask(text, cache="off"), make_stages)).size for text in texts}
    with ThreadPoolExecutor(20) as pool:
        jobs = [
            pool.submit(answer, service, ask(text, seed=None, cache="audio", streaming="chunk"), make_stages)
            for text in texts
        ]
        replies = [job.result(LIMIT_S) for job in jobs]
    assert [audio(each).size for each in replies] == [alone[text] for text in texts]
    assert num_single_flights(service) == 0


def test_a_stage_that_fails_fails_those_who_wait_too_and_not_the_next(service, ask, make_stages):
    gate = threading.Event()

    def broken(_inputs, _sequence):
        assert gate.wait(LIMIT_S)
        raise InternalError("stage vocoder failed")

    with ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(answer, service, ask("ab"), lambda: make_stages(vocoder=broken)) for _ in range(20)]
        wait_for_followers(service, 19)
        gate.set()
        failures = [job.exception(LIMIT_S) for job in jobs]
    assert all(isinstance(failure, InternalError) for failure in failures)
    assert num_single_flights(service) == service.cache.num_following == 0
    assert sources(answer(service, ask("ab"), make_stages)) == ["computed"]


def test_what_is_there_is_not_refused_for_a_late_start_and_what_is_not_is_refused_before_anything_is_sent(
    start, ask, make_stages, counts
):
    now_s = [0.0]
    service = start(dataclasses.replace(SETTINGS, max_start_s=1.0), clock=lambda: now_s[0])
    known = answer(service, ask("ab,cde"), make_stages)
    slow = service.admit(lambda: ask("slow", cache="off"))
    replies = slow.replies(make_stages, lambda: False)
    now_s[0] += 9.0
    next(replies)  # started after 9 s, so that the next would be late
    waiting = service.admit(lambda: ask("waits", cache="off"))
    for _ in range(50):  # their early starts say nothing of how fast speech is made
        assert same(known, answer(service, ask("ab,cde"), make_stages))
    with pytest.raises(Refused, match="speech would start in about"):
        service.admit(lambda: ask("ab,cde", cache="off"))
    job = service.admit(lambda: ask("ab,new"))
    with pytest.raises(Refused, match="speech would start in about"):
        next(job.replies(make_stages, lambda: False))
    job.leave(Refused("start", "x"))
    assert counts.sums[("gsv_refusals_total", "start")] == 2
    for each in (slow, waiting):
        each.leave(None)

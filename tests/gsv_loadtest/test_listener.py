"""What a listener makes of what a client hands it."""

import time
from contextlib import contextmanager
from types import SimpleNamespace

import gevent
import numpy as np
import pytest

from gsv_client import Chunk
from gsv_client.errors import InternalError, ServerBusy
from gsv_loadtest.listener import Listener
from gsv_loadtest.utterances import Utterance

UTTERANCE = Utterance("Good morning.", "ann", 7, "short")
TONE = (0.5 * np.sin(np.arange(16_000) / 20)).astype(np.float32)


class FakeClient:
    """Yields what it was told to, and keeps what it was asked."""

    def __init__(self, *steps):
        self.steps, self.asked, self.closed = steps, [], False

    @contextmanager
    def stream(self, text, **options):
        self.asked.append((text, options))
        try:
            yield _Stream(self.steps)
        finally:
            self.closed = True


class _Stream:
    def __init__(self, steps):
        self.playback = SimpleNamespace(elapsed_s=0.0)
        self._steps = iter(steps)
        self._index = 0

    def __iter__(self):
        return self

    def __next__(self):
        step = next(self._steps)
        if isinstance(step, Exception):
            raise step
        if step is None:
            gevent.sleep(10)
        self.playback.elapsed_s, samples = step
        self._index += 1
        return Chunk(samples, 32_000, self._index - 1)


def hear(*steps, due_s=0.0, leaves_after_s=None, alone=()):
    client = FakeClient(*steps)
    listener = Listener(client, "grpc", time.perf_counter(), dict(alone))
    return client, listener.hear(UTTERANCE, due_s, leaves_after_s)


def test_speech_is_asked_for_with_its_voice_and_seed_and_counted():
    client, outcome = hear((0.25, TONE), (1.0, TONE))
    assert client.asked == [("Good morning.", {"voice": "ann", "seed": 7, "cache": "off", "retries": 0})]
    assert (outcome.kind, outcome.audio_s, outcome.problems) == ("ok", 1.0, ())
    assert outcome.underruns_s == pytest.approx((0.25,))


def test_waits_count_from_when_the_request_was_due_and_not_from_when_it_was_sent():
    _, outcome = hear((0.25, TONE), due_s=-3.0)
    assert outcome.late_s >= 3.0
    assert outcome.ttfa_s == pytest.approx(0.25 + outcome.late_s)
    assert outcome.elapsed_s >= 3.0


def test_a_refusal_is_busy_and_one_in_the_middle_of_speech_is_a_failure():
    _, refused = hear(ServerBusy("64 streams are running; retry after 2.5 s"))
    assert (refused.kind, refused.failed) == ("busy", False)
    _, broken = hear((0.25, TONE), ServerBusy("stage t2s is being started"))
    assert (broken.kind, broken.failed) == ("ServerBusy", True)


def test_an_error_is_told_by_its_name_with_its_message():
    _, outcome = hear((0.25, TONE), InternalError("t2s has died"))
    assert (outcome.kind, outcome.message, outcome.failed) == ("InternalError", "t2s has died", True)
    assert outcome.audio_s == 0.5


def test_a_listener_who_leaves_closes_the_stream():
    client, outcome = hear((0.25, TONE), None, leaves_after_s=0.01)
    assert (outcome.kind, outcome.failed) == ("cancelled", False)
    assert client.closed


def test_speech_that_differs_from_itself_alone_is_a_problem():
    _, same = hear((0.25, TONE), alone={UTTERANCE: TONE}.items())
    assert same.problems == ()
    _, other = hear((0.25, TONE), alone={UTTERANCE: TONE[::-1]}.items())
    assert other.failed
    assert "dB to the run alone" in other.problems[0]

"""What is counted of a stream, from its arrival to its end."""

import types
from collections import Counter

import pytest

from gsv_runtime.contract import TOO_MANY_STREAMS
from gsv_runtime.errors import Cancelled, VoiceNotFound
from gsv_runtime.tts.scheduling.admission import AdmissionLimits, Refused
from gsv_runtime.tts.stream_ledger import StreamLedger

REQUEST = types.SimpleNamespace(priority="interactive", deadline_s=3600.0, cache="off")


class Counts:
    """Metrics, by name and labels."""

    def __init__(self):
        self.sums = Counter()

    def add(self, name, value=1.0, **labels):
        self.sums[(name, *labels.values())] += value

    observe = set = add


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(counts, clock):
    return StreamLedger(AdmissionLimits(max_streams=1, max_start_s=10.0, max_batch_start_s=60.0), counts, clock)


def test_a_stream_that_ends_well_is_counted_with_its_first_audio_its_sound_and_its_pace(ledger, counts, clock):
    playback, refusal = ledger.let_in(REQUEST)
    assert refusal is None
    clock.now_s += 0.5
    ledger.sent(playback, 2.0, "", is_computed=True)
    ledger.sent(playback, 2.0, "eos", is_computed=True)
    clock.now_s += 1.5
    ledger.left(playback, None)
    assert counts.sums == {
        ("gsv_requests_total", "interactive"): 1,
        ("gsv_streams",): 0,
        ("gsv_ttfa_seconds",): 0.5,
        ("gsv_chunks_total",): 2,
        ("gsv_audio_seconds_total",): 4.0,
        ("gsv_sentences_total", "eos"): 1,
        ("gsv_rtf",): 0.5,
    }


def test_words_at_fault_are_counted_by_their_kind(ledger, counts):
    ledger.at_fault(["swallowed", "repeated", "swallowed"])
    assert counts.sums[("gsv_swallowed_words_total", "swallowed")] == 2
    assert counts.sums[("gsv_swallowed_words_total", "repeated")] == 1


def test_audio_that_comes_after_all_before_it_was_heard_is_an_underrun_of_so_long(ledger, counts, clock):
    playback, _ = ledger.let_in(REQUEST)
    ledger.sent(playback, 1.0, "", is_computed=True)
    clock.now_s += 1.75
    ledger.sent(playback, 1.0, "eos", is_computed=True)
    assert counts.sums[("gsv_underruns_total",)] == 1
    assert counts.sums[("gsv_underrun_seconds_total",)] == pytest.approx(0.75)


def test_one_beyond_the_places_is_refused_until_one_leaves(ledger, counts):
    playback, _ = ledger.let_in(REQUEST)
    with pytest.raises(Refused, match="1 streams are running"):
        ledger.check_room()
    with pytest.raises(Refused) as refused:
        ledger.let_in(REQUEST)
    ledger.failed(refused.value)
    assert counts.sums[("gsv_refusals_total", TOO_MANY_STREAMS)] == 1
    assert counts.sums[("gsv_streams",)] == 1
    ledger.left(playback, None)
    ledger.check_room()
    assert ("gsv_rtf",) not in counts.sums  # it sent nothing


@pytest.mark.parametrize(
    ("failure", "series"),
    [
        (Cancelled("the client has left"), ("gsv_cancels_total",)),
        (VoiceNotFound("no such voice"), ("gsv_failures_total", "VoiceNotFound")),
        (OSError("disk"), ("gsv_failures_total", "InternalError")),
    ],
)
def test_a_stream_that_fails_gives_its_place_back_and_is_counted_by_what_ended_it(ledger, counts, failure, series):
    playback, _ = ledger.let_in(REQUEST)
    ledger.left(playback, failure)
    assert counts.sums[series] == 1
    assert counts.sums[("gsv_streams",)] == 0
    ledger.check_room()

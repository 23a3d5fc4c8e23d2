"""`tts` as a whole, without Triton: who is let in, what is sent, what is counted."""

import dataclasses
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gsv_runtime.errors import Cancelled, DeadlineExceeded, InternalError, InvalidRequest
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.tts.scheduling.admission import Refused
from gsv_runtime.tts.service import SpeechService
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import VoiceStore

from ..conftest import SETTINGS, answer, first_of

LIMIT_S = 20


class Counts:
    """Metrics, by name and labels."""

    def __init__(self):
        self.sums, self.observed = Counter(), Counter()

    def add(self, name, value=1.0, **labels):
        self.sums[(name, *labels.values())] += value

    def set(self, name, value):
        self.sums[(name,)] = value

    def observe(self, name, value, **labels):
        assert value >= 0
        self.observed[(name, *labels.values())] += 1


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def service(facts, tmp_path, counts):
    service = SpeechService(SETTINGS, Catalogue(tmp_path, first_of(facts)), tmp_path, tmp_path, counts)
    yield service
    service.close()


@pytest.fixture
def inputs(make_recording):
    def make(text="ab,cde", **more):
        texts = {"text": text, "prompt_text": "this is what is said in the clip", "streaming": "sentence", **more}
        arrays = {name: np.array([value], object) for name, value in texts.items() if isinstance(value, str)}
        numbers = {name: np.array([value]) for name, value in more.items() if not isinstance(value, str)}
        return arrays | numbers | {"reference_audio": np.array([make_recording()], object), "seed": np.array([4])}

    return make


def test_chunks_are_numbered_and_only_the_last_is_final(service, inputs, make_stages):
    replies = answer(service, inputs("ab,cde,f"), make_stages)
    assert [reply["chunk_index"][0] for reply in replies] == [0, 1, 2]
    assert [reply["final"][0] for reply in replies] == [False, False, True]
    assert [reply["finish_reason"][0] for reply in replies] == ["eos"] * 3


def test_audio_is_the_same_however_it_is_streamed_by_sentence_or_off(service, inputs, make_stages):
    sentences = answer(service, inputs(), make_stages)
    (whole,) = answer(service, inputs(streaming="off"), make_stages)
    assert np.array_equal(whole["waveform"], np.concatenate([reply["waveform"] for reply in sentences]))


def test_streaming_by_chunks_starts_with_less_of_the_sentence_and_gives_as_much_audio(service, inputs, make_stages):
    chunks = answer(service, inputs("ab", streaming="chunk"), make_stages)
    (sentence,) = answer(service, inputs("ab"), make_stages)
    assert [chunk["waveform"].size for chunk in chunks] == [4 * 1280, 4 * 1280]
    assert sentence["waveform"].size == 8 * 1280


def test_what_was_done_is_counted(service, inputs, make_stages, counts):
    answer(service, inputs("ab,cde", priority="batch"), make_stages)
    assert counts.sums[("gsv_requests_total", "batch")] == 1
    assert counts.sums[("gsv_chunks_total",)] == 2
    assert counts.sums[("gsv_audio_seconds_total",)] == pytest.approx(2 * 8 * 0.04 + 0.3)
    assert counts.sums[("gsv_sentences_total", "eos")] == 2
    assert counts.sums[("gsv_streams",)] == 0
    assert counts.observed[("gsv_ttfa_seconds",)] == counts.observed[("gsv_rtf",)] == 1
    assert counts.observed[("gsv_stage_seconds", "vocoder")] == 2
    assert counts.observed[("gsv_queue_wait_seconds", "t2s")] == 2


def test_the_request_beyond_the_places_is_refused_and_counted_and_a_place_left_is_given_again(
    service, inputs, make_stages, counts
):
    jobs = [service.admit(inputs) for _ in range(3)]
    with pytest.raises(Refused, match="3 streams are running"):
        service.admit(inputs)
    assert counts.sums[("gsv_refusals_total", "streams")] == 1
    jobs.pop().leave(None)
    assert len(answer(service, inputs(), make_stages)) == 2


def test_a_request_at_fault_is_told_before_it_takes_a_place(service, inputs, counts):
    for _ in range(5):
        with pytest.raises(InvalidRequest, match="priority is 'urgent'"):
            service.admit(lambda: inputs(priority="urgent"))
    assert counts.sums[("gsv_failures_total", "InvalidRequest")] == 5
    assert counts.sums[("gsv_streams",)] == 0


def test_a_client_that_leaves_is_counted_and_its_slot_is_free_when_the_request_has_ended(
    service, inputs, make_stages, counts
):
    opened = []

    def open_stages():
        opened.append(make_stages())
        return opened[-1]

    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        answer(service, inputs("ab," * 100), open_stages, is_cancelled=lambda: next(asked) > 20)
    sequences = [call for stages in opened for call in stages.sequences_of("t2s")]
    assert sum(call.start for call in sequences) == sum(call.end for call in sequences)
    assert counts.sums[("gsv_cancels_total",)] == 1
    assert len(answer(service, inputs(), make_stages)) == 2


def test_a_deadline_that_passes_ends_the_request(facts, tmp_path, inputs, make_stages, counts):
    now_s = iter(range(100_000))
    service = SpeechService(
        SETTINGS, Catalogue(tmp_path, first_of(facts)), tmp_path, tmp_path, counts, clock=lambda: float(next(now_s))
    )
    with pytest.raises(DeadlineExceeded):
        answer(service, inputs("ab," * 100, deadline_s=30.0), make_stages)
    assert counts.sums[("gsv_failures_total", "DeadlineExceeded")] == 1
    service.close()


def test_a_stage_that_fails_fails_the_request_and_not_the_next(service, inputs, make_stages, counts):
    def broken(_inputs, _sequence):
        raise InternalError("stage vocoder failed")

    with pytest.raises(InternalError):
        answer(service, inputs(), lambda: make_stages(vocoder=broken))
    assert counts.sums[("gsv_failures_total", "InternalError")] == 1
    assert len(answer(service, inputs(), make_stages)) == 2


def test_tokens_of_the_next_sentence_are_made_while_the_first_is_decoded(service, inputs, make_stages):
    """The first sentence's vocoder waits until the second sentence has asked t2s."""
    second_began = threading.Event()
    lock, starts = threading.Lock(), []
    make = make_stages()
    t2s, vocoder = make.answers["t2s"], make.answers["vocoder"]

    def counted(given, sequence):
        with lock:
            starts.append(sequence.start)
            if sum(starts) == 2:
                second_began.set()
        return t2s(given, sequence)

    def patient(given, sequence):
        assert second_began.wait(LIMIT_S)
        return vocoder(given, sequence)

    assert len(answer(service, inputs("ab,cde"), lambda: make_stages(t2s=counted, vocoder=patient))) == 2


@pytest.mark.slow
def test_many_requests_at_once_give_what_each_gives_alone(facts, tmp_path, inputs, make_stages):
    from dataclasses import replace

    service = SpeechService(replace(SETTINGS, max_streams=20), Catalogue(tmp_path, first_of(facts)), tmp_path, tmp_path)
    asked = [inputs("ab,cde" + "f" * number, streaming="chunk") for number in range(1, 11)]

    def audio(request):
        return np.concatenate([outputs["waveform"] for outputs in answer(service, request, make_stages)])

    alone = [audio(request) for request in asked]
    with ThreadPoolExecutor(10) as pool:
        together = list(pool.map(audio, asked))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    service.close()


def test_a_full_house_reads_no_inputs(service, inputs):
    jobs = [service.admit(inputs) for _ in range(3)]
    with pytest.raises(Refused):
        service.admit(lambda: pytest.fail("must not be read"))
    for job in jobs:
        job.leave(None)


def test_the_log_is_told_whose_voice_how_long_a_text_and_how_much_speech(service, inputs, make_stages):
    job = service.admit(lambda: inputs("ab,cde"))
    before = dict(job.facts())
    spoken_s = sum(reply.outputs["waveform"].size for reply in job.replies(make_stages, lambda: False)) / 32_000
    assert before == {"voice": "-", "characters": 6, "audio_s": 0.0}
    facts = job.facts()
    assert facts["audio_s"] == pytest.approx(spoken_s, abs=0.01)
    assert facts["ttfa_ms"] >= 0
    job.leave(None)


def test_a_voice_of_other_weights_speaks_after_its_recording_was_read_anew(facts, tmp_path, inputs, make_stages):
    reference = ReferenceRequest(inputs()["reference_audio"][0], "this is what is said in the clip", "en", trim=False)
    old = dataclasses.replace(facts, weights_digest="those before")
    VoiceStore(tmp_path / "voices").add("ann", derive_voice(reference, make_stages(), old), reference)
    service = SpeechService(SETTINGS, Catalogue(tmp_path, first_of(facts)), tmp_path, tmp_path)
    by_name = inputs() | {"voice": np.array(["ann"], object)}
    for name in ("reference_audio", "prompt_text"):
        del by_name[name]
    stages = [make_stages() for _ in range(2)]
    spoken = [answer(service, by_name, lambda each=each: each) for each in stages]
    service.close()
    assert [len(each.inputs_of("reference_encoder")) for each in stages] == [1, 0]
    np.testing.assert_array_equal(spoken[0][0]["waveform"], spoken[1][0]["waveform"])


def test_speech_is_brought_to_the_loudness_that_a_request_or_its_voice_wants(service, facts, inputs, make_stages):
    reference = ReferenceRequest(inputs()["reference_audio"][0], "this is what is said in the clip", "en", trim=False)
    voice = derive_voice(reference, make_stages(), facts)
    service.context.voices.add("plain", voice, reference)
    service.context.voices.add("loud", voice, reference, loudness=-30.0)

    def said(name, **more):
        by_name = inputs(**more) | {"voice": np.array([name], object)}
        for surplus in ("reference_audio", "prompt_text"):
            del by_name[surplus]
        return np.concatenate([reply["waveform"] for reply in answer(service, by_name, make_stages)])

    plain = said("plain")
    loud = said("loud")
    gain = np.abs(loud).max() / np.abs(plain).max()
    assert gain != pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(loud, plain * gain, atol=1e-6)
    np.testing.assert_array_equal(said("loud", loudness=np.float32(0)), plain)
    np.testing.assert_array_equal(said("plain", loudness=np.float32(-30)), said("loud"))

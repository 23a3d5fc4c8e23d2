"""Streamed speech of the demo voice against the same speech decoded at once."""

import numpy as np
import pytest

from gsv_bench import streaming_cost, streaming_quality
from gsv_bench.streaming import DEMO_WEIGHTS
from gsv_bench.streaming_quality import Sentence, Voices, snr_db
from gsv_build.deployment import PRESETS
from gsv_runtime import contract
from gsv_runtime.tts.synthesis.chunking import chunk_schedule

pytestmark = pytest.mark.slow

SCHEDULE = chunk_schedule(PRESETS["cpu"].model(contract.TTS).settings)


@pytest.fixture(scope="module")
def quality():
    """A recording of 4 s, resynthesised."""
    voices = Voices(DEMO_WEIGHTS)
    _, voice = next(voices.voices())
    sentence = Sentence("recording", voice.prompt_tokens, voice.prompt_phones, voice.global_condition)
    return streaming_quality.measure(sentence, SCHEDULE, voices)


def test_windows_and_cross_fades_change_nothing_that_could_be_heard(quality):
    assert len(quality.chunk_snr_db) >= 3
    assert quality.windows_snr_db > 100


def test_a_stream_is_within_30_db_of_offline_on_the_same_grid(quality):
    assert quality.same_grid_snr_db > 30


def test_what_the_encoder_could_not_know_fades_with_the_tokens_it_knows(quality):
    """The text encoder attends to the whole sentence, so early chunks differ; see decision 11."""
    assert quality.whole_snr_db > 10
    assert quality.chunk_snr_db[-1] > quality.chunk_snr_db[0] + 20


def test_no_step_at_a_seam_stands_out(quality):
    assert max(quality.seam_steps) < max(1.0, quality.other_step)


def test_snr_is_a_ratio_of_powers():
    signal = np.ones(10, np.float32)
    assert snr_db(signal, 0.9 * signal) == pytest.approx(20, abs=1e-3)
    assert snr_db(signal, signal) == 200


class Proportional:
    """Decoding costs a millisecond a token, and 30 more each sentence."""

    def decode(self, num_tokens, schedule):
        return 30.0 + num_tokens, {}


def test_a_text_costs_what_its_sentences_cost():
    """Sentences of 2 s: three are at least 5 s, thirty are 60."""
    found = streaming_cost.measure_text(Proportional(), SCHEDULE, [20] * 40, 5, 60, rounds=1)
    assert (found.num_sentences, found.short_s, found.long_s) == (30, 6.0, 60.0)
    assert (found.short_ms, found.long_ms) == (3 * 80, 30 * 80)
    assert found.ratio == pytest.approx(1.0)


def test_a_text_that_is_too_short_is_no_measurement():
    with pytest.raises(ValueError, match="need 1500; take a longer one"):
        streaming_cost.measure_text(Proportional(), SCHEDULE, [20] * 29, 5, 60, rounds=1)

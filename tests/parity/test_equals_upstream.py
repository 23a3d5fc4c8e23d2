"""Every stage and the whole path against what upstream's own modules computed, at official sizes with the same weights.

One file, because one worker then draws the networks for both. Of a stage, the error is the largest difference over
upstream's root mean square: 1e-4 is a hundred times what float32 sums in another order cost here
(`python -m gsv_build parity`), and far below what any wrong constant, axis or mask costs.
"""

import numpy as np
import pytest

from gsv_build.checks import parity
from gsv_build.checks.upstream_data import MAX_STAGE_ERROR
from gsv_runtime.versions import SUPPORTED, ModelVersion

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("reference", parity.REFERENCES)
def test_signal_processing_hubert_and_speaker_encoder_equal_upstream(data, networks, reference):
    errors = list(parity.reference_errors(data, networks, reference))
    assert len(errors) == 5
    assert [error for error in errors if not error.error <= error.limit] == []


def test_bert_equals_upstream(data, networks):
    assert parity.bert_error(data, networks).error <= MAX_STAGE_ERROR


def test_t2s_prefill_and_thirty_greedy_steps_equal_upstream(data, networks):
    assert parity.t2s_error(data, networks.t2s).error <= MAX_STAGE_ERROR


@pytest.mark.parametrize("version", SUPPORTED, scope="module")  # all tests of a version, then those of the next
def test_quantizer_reference_encoder_acoustic_vocoder_and_a_voice_of_two_references_equal_upstream(
    data, networks, version
):
    errors = list(parity.sovits_errors(data, version, networks))
    assert len(errors) == 11
    assert [error for error in errors if not error.error <= error.limit] == []


@pytest.mark.parametrize("version", parity.WHOLE_PATH_VERSIONS, scope="module")
def test_waveforms_equal_upstreams_for_two_references(data, networks, version):
    """Greedy (top_k = 1) and without noise, sentence by sentence.

    v2 says three texts; the others share its T2S and differ behind it, so they say one. `python -m gsv_build parity`
    says all that are kept, and with `--server` through a Triton server.
    """
    texts = parity.texts_of(version) if version is ModelVersion.V2 else ("weather",)
    kept = {name.removeprefix(f"waveform_{version.value}_") for name in data.arrays("whole_path")}
    assert {f"{each}_{text}_0" for each in parity.REFERENCES for text in parity.texts_of(version)} <= kept
    matches = list(parity.module_path_matches(data, networks.of(version), version, texts))
    assert len(matches) == 2 * len(texts)
    assert [match for match in matches if not (match.same_tokens and match.snr_db >= parity.MIN_SNR_DB)] == []


@pytest.mark.parametrize("version", SUPPORTED)
def test_one_reference_alone_would_be_noticed(data, version):
    both = data.arrays("several_references")[f"global_condition_{version.value}"]
    for reference in parity.REFERENCES:
        one = data.arrays(f"stages_{version.value}")[f"global_condition_{reference}"]
        assert parity.relative_error(one, both) > 100 * MAX_STAGE_ERROR


def test_a_swapped_channel_would_be_noticed():
    upstream = parity.normal("anything", (4, 50))
    assert parity.relative_error(upstream, upstream) == 0
    assert parity.relative_error(upstream[::-1], upstream) > 100 * MAX_STAGE_ERROR
    with pytest.raises(ValueError, match="shape"):
        parity.relative_error(upstream.T, upstream)


def test_snr_of_a_thousandth_of_noise_is_sixty_decibels():
    clean = np.sin(np.arange(32_000) / 20)
    noise = np.cos(np.arange(32_000) / 20)
    assert parity.snr_db(clean + 1e-3 * noise, clean) == pytest.approx(60, abs=0.1)
    assert parity.snr_db(clean[1:], clean) == -np.inf

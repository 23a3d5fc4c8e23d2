"""From text and reference to waveform: our pipeline over PyTorch stages against upstream's, sentence by sentence.

Greedy (top_k = 1) and without noise, two references. v2 says three texts; the others share its T2S and differ behind
it, so they say one. `python -m gsv_build parity` says all, and with `--server` through a Triton server.
"""

import pytest

from gsv_build.checks import parity
from gsv_runtime.versions import ModelVersion

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("version", parity.WHOLE_PATH_VERSIONS)
def test_waveforms_equal_upstreams_for_two_references(data, networks, version):
    texts = tuple(parity.TEXTS) if version is ModelVersion.V2 else ("weather",)
    matches = list(parity.module_path_matches(data, networks.of(version), version, texts))
    assert len(matches) == 2 * len(texts)
    assert [match for match in matches if not (match.same_tokens and match.snr_db >= parity.MIN_SNR_DB)] == []

"""From text and reference to waveform: our pipeline over PyTorch stages against upstream's, sentence by sentence.

Greedy (top_k = 1) and without noise, three texts, two references. The same comparison through a Triton server is
`python -m gsv_build parity --server`.
"""

import pytest

from gsv_build.checks import parity


@pytest.mark.parametrize("version", parity.WHOLE_PATH_VERSIONS)
def test_waveforms_equal_upstreams_for_three_texts_and_two_references(data, networks, version):
    matches = list(parity.module_path_matches(data, networks.of(version), version))
    assert len(matches) == 6
    assert [match for match in matches if not (match.same_tokens and match.snr_db >= parity.MIN_SNR_DB)] == []

"""A version that needs a speaker encoder, from official files to speech; v2 is what the other tests here run."""

import numpy as np
import pytest

from gsv_runtime.versions import ModelVersion

from ..small_repositories import built_repository
from .conftest import Server, recording


@pytest.fixture(scope="module")
def pro_server(tmp_path_factory):
    running = Server(built_repository(ModelVersion.V2_PRO_PLUS), tmp_path_factory.mktemp("server-pro"))
    running.start()
    yield running
    running.stop()


def test_v2proplus_speaks_and_its_timbre_follows_the_reference(pro_server):
    def speak(pitch_hz):
        inputs = {"text": "Hello world.", "language": "en", "seed": 3, "top_k": 1, "noise_scale": 0.0}
        chunks, error = pro_server.client.say(inputs | {"reference_audio": recording(pitch_hz=pitch_hz)})
        assert error is None
        return np.concatenate([chunk.waveform for chunk in chunks])

    low = speak(110)
    assert np.array_equal(low, speak(110))
    high = speak(400)
    assert low.size == high.size  # without a transcript the tokens depend on the text alone
    assert not np.allclose(low, high)

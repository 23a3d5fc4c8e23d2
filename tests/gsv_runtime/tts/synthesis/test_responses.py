"""What a client is sent."""

import numpy as np

from gsv_runtime.tts.synthesis.responses import pcm16


def test_full_scale_does_not_wrap():
    samples = np.array([1.0, -1.0, 0.0, 2.0, -2.0], dtype=np.float32)
    assert np.frombuffer(pcm16(samples), "<i2").tolist() == [32767, -32767, 0, 32767, -32768]

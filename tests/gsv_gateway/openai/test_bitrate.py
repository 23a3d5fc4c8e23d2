"""Opus at the rate that a client asks for."""

import io

import av
import numpy as np
import pytest

from gsv_gateway.audio.encoders import opus_encoder


def bits_a_second(bit_rate, seconds=8):
    """Of a hum that is never the same."""
    times = np.arange(48_000 * seconds) / 48_000
    generator = np.random.default_rng(1)
    hum = 0.2 * np.sin(2 * np.pi * (150 + 40 * np.sin(3 * times)) * times) + 0.05 * generator.standard_normal(
        times.size
    )
    encoder = opus_encoder(48_000, bit_rate)
    data = encoder.encode(hum.astype(np.float32)) + encoder.finish()
    with av.open(io.BytesIO(data)) as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    assert decoded == pytest.approx(48_000 * seconds, abs=48_000 // 10)
    return len(data) * 8 / seconds


@pytest.mark.slow
@pytest.mark.parametrize("bit_rate", [6_000, 9_000, 12_000, 16_000, 24_000])
def test_a_stream_of_few_bits_is_little_more_than_them(bit_rate):
    assert bit_rate * 0.6 < bits_a_second(bit_rate) < bit_rate * 1.25 + 2_000


def test_a_client_gets_the_rate_that_it_asks_for(running):
    sizes = [len(running.say(response_format="opus", bitrate=rate).content) for rate in (6_000, 24_000, 0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2


@pytest.mark.parametrize(("wanted", "rate"), [("mp3", 24_000), ("opus", 5)])
def test_a_rate_that_there_is_not_is_refused(running, wanted, rate):
    answer = running.say(response_format=wanted, bitrate=rate)
    assert answer.status_code == 400
    assert "need 6000 to 510000 and response_format opus" in answer.json()["error"]["message"]

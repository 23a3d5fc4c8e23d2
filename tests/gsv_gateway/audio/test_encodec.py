"""EnCodec's bytes; with graphs of real shape it is tested by tests/gsv_build/test_encodec.py."""

import numpy as np
import pytest

from gsv_gateway.audio.encodec import Encodec
from gsv_gateway.audio.formats import encodec_format
from gsv_gateway.openai.fields import SpeechBody
from gsv_gateway.problems import RequestRefused

HOP, WIDTH, KERNEL, TABLES = 4, 3, 3, 4


class Graphs(dict):
    """Stands for graphs: features and latents are means of hops, samples are latents repeated."""

    def run(self, graph, *inputs):
        if graph == "analysis":
            means = inputs[0].reshape(-1, HOP).mean(axis=1)
            return [np.repeat(means[np.newaxis, np.newaxis], WIDTH, axis=1).astype(np.float32)]
        if graph == "memory":
            features, hidden, cell = inputs
            return [features, hidden + features.shape[2], cell]
        if graph == "leave":
            return [inputs[0][:, :1, KERNEL - 1 :]]
        return [np.repeat(inputs[0][:, 0], HOP, axis=1)]


class Model(Encodec):
    """The codec before those graphs."""

    def run(self, graph, *inputs):
        return self.graphs.run(graph, *inputs)


@pytest.fixture
def model():
    tables = np.stack([np.linspace(-1, 1, 1024) / 8**number for number in range(TABLES)])[:, :, np.newaxis]
    return Model(Graphs(), tables.astype(np.float32), "encodec_24khz", 24_000, HOP, WIDTH, KERNEL)


def test_what_is_written_is_read_again(model):
    samples = np.repeat(np.linspace(-0.9, 0.9, 40, dtype=np.float32), HOP)
    assert np.allclose(model.decode(model.whole(samples, 10**6)), samples, atol=1e-4)


def test_a_stream_is_cut_anywhere(model):
    samples = np.random.default_rng(0).uniform(-1, 1, 203).astype(np.float32)
    encoder = model.encoder(10**6)
    data = b"".join(encoder.encode(samples[start : start + 9]) for start in range(0, 203, 9)) + encoder.finish()
    assert np.array_equal(model.decode(data)[:203], model.decode(model.whole(samples, 10**6)))


def test_a_body_that_asks_for_it_gets_it_at_its_rate_and_no_other(model):
    body = SpeechBody(model="tts-1", input="Hello.", response_format="encodec", bitrate=120_000)
    wanted = body.wanted(model)
    assert (wanted.format.media_type, wanted.rate_hz) == ("application/x-ecdc", 24_000)
    assert model.bit_rates == (60_000, 240_000)
    assert b'"nc": 2' in wanted.format.whole(np.zeros(64, np.float32), 24_000)
    assert b'"nc": 1' in encodec_format(model, 60_000).open(24_000).finish()
    for wrong in ({"bitrate": 6_000}, {"sample_rate": 48_000}):
        with pytest.raises(RequestRefused, match="need"):
            body.model_copy(update=wrong).wanted(model)
    with pytest.raises(RequestRefused, match="--encodec"):
        body.wanted()

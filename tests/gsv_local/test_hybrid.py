"""A device that makes audio of a server's tokens, before a server that the test tells what to send."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from gsv_client import Client, InternalError, InvalidRequest
from gsv_client.decoders import decoding
from gsv_client.transport import Arrival
from gsv_local import hybrid
from gsv_local.hybrid import HybridTransport


class Remote:
    """Sends these answers, and keeps what it was asked."""

    encoding = "float32"

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def stream(self, model, inputs):
        self.asked.append({name: array[0] for name, array in inputs.items()})
        for answer in self.answers:
            yield Arrival(answer, 0.0)

    def close(self):
        pass


class Decoder:
    """Makes 10 samples of each token, in two pieces; the second when the sentence is over."""

    def __init__(self, phones, facts):
        self.phones, self.facts, self.is_complete = phones, facts, False

    def push(self, tokens, finished):
        yield np.full(10 * tokens.size, 0.5, np.float32)
        if finished:
            self.is_complete = True
            yield np.full(1, 0.25, np.float32)


@pytest.fixture
def device():
    """Opens no graph."""
    kept = {}
    return SimpleNamespace(
        last_voice="",
        decoding_s=0.0,
        kept=kept,
        keep_voice=lambda content, condition: kept.update({content: condition}),
        sentence=lambda phones, facts: Decoder(phones, facts),
    )


def answer(number, tokens, reason="", first=False, final=False, condition=()):
    facts = {"voice": "v", "pause_s": 0.001, "gain": 1.5, "weights": "w"}
    return {
        "waveform": np.zeros(0, np.float32),
        "sample_rate_hz": np.array([32_000]),
        "chunk_index": np.array([number]),
        "sentence_index": np.array([0]),
        "sentence": np.array([b"a sentence"], object),
        "finish_reason": np.array([reason.encode()], object),
        "final": np.array([final]),
        "semantic_tokens": np.arange(tokens, dtype=np.int32),
        "phones": np.arange(3 if first else 0, dtype=np.int32),
        "decoding": np.array([json.dumps(facts).encode() if first else b""], object),
        "global_condition": np.array(condition, np.float32),
    }


def test_tokens_become_audio_with_the_pause_after_their_sentence(device):
    remote = Remote([answer(0, 2, first=True, condition=[1, 2]), answer(1, 3, "eos", final=True)])
    with Client(transport=HybridTransport(remote, device)) as client:
        audio = client.synthesize("Hello.", voice="ann")
    assert audio.samples.size == 50 + 1 + 32  # 1 ms of pause
    assert np.allclose(audio.samples[:50], 0.75)
    assert [chunk.index for chunk in audio.chunks] == [0, 1, 2]
    assert [chunk.final for chunk in audio.chunks] == [False, False, True]
    assert [chunk.finish_reason for chunk in audio.chunks] == ["", "", "eos"]
    assert remote.asked[0]["answer"] == b"tokens"
    assert "known_voice" not in remote.asked[0]
    assert device.kept["v"].tolist() == [1, 2]


def test_a_voice_that_the_device_has_is_named(device):
    device.last_voice = "v"
    remote = Remote([answer(0, 1, "eos", first=True, final=True)])
    list(HybridTransport(remote, device).stream("tts", {}))
    assert remote.asked[0]["known_voice"] == b"v"
    assert device.kept == {}


def test_tokens_of_a_sentence_that_did_not_begin_are_the_servers_fault(device):
    with pytest.raises(InternalError, match="did not begin"):
        list(HybridTransport(Remote([answer(0, 1)]), device).stream("tts", {}))


def test_a_bundle_of_other_weights_is_refused(monkeypatch):
    monkeypatch.setattr(hybrid, "DecodingModels", lambda *_: None)
    monkeypatch.setattr(hybrid, "read_settings", lambda *_: {})
    bundle = SimpleNamespace(facts=SimpleNamespace(weights_digest="other"), folder=None, parameters={})
    with pytest.raises(InternalError, match="other weights than this device's bundle"):
        hybrid.DeviceDecoder(bundle).sentence(np.zeros(1), {"weights": "w", "voice": "v"})


def test_the_client_finds_the_device_and_names_what_there_is():
    assert decoding("device") is hybrid.decoding_transport
    with pytest.raises(InvalidRequest, match="decode is 'moon'; have server, device"):
        Client(decode="moon")

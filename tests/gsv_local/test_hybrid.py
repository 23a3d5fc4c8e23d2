"""A device that makes audio of a server's tokens or latents, before a server that the test tells what to send."""

import asyncio
import json
from types import SimpleNamespace

import numpy as np
import pytest

from gsv_client import AsyncClient, Client, InternalError, InvalidRequest
from gsv_client.transport import Arrival
from gsv_local import device as device_module
from gsv_local.device import DeviceDecoder
from gsv_local.hybrid import AsyncHybridTransport, HybridTransport
from gsv_runtime.tts.codec_file import write_codec

from ..small_repositories import random_codec

CODEC = random_codec(6, "w")


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


class AsyncRemote(Remote):
    async def stream(self, model, inputs):
        for arrival in super().stream(model, inputs):
            yield arrival

    async def close(self):
        pass


class Decoder:
    """Makes 10 samples of each token, in two pieces; the second when the sentence is over."""

    is_complete = False

    def push(self, response, finished):
        yield np.full(10 * response["semantic_tokens"].size, 0.5, np.float32)
        if finished:
            self.is_complete = True
            yield np.full(1, 0.25, np.float32)


@pytest.fixture
def device():
    """Opens no graph."""
    return SimpleNamespace(
        voice=None,
        answer="tokens",
        latent_kbit_s=0.0,
        sentence=lambda response, facts, condition: Decoder(),
        timed=lambda waveforms: waveforms,
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
    assert device.voice[0] == "v"
    assert device.voice[1].tolist() == [[1, 2]]


def test_words_come_with_the_piece_of_audio_that_they_end_in(device):
    def told(word, end_s):
        return json.dumps({"text": word, "start": 0, "end": 1, "start_s": 0.0, "end_s": end_s}).encode()

    fault = json.dumps({"text": "two", "start": 0, "end": 1, "fault": "swallowed"}).encode()
    first = answer(0, 3200, first=True, condition=[1, 2])  # 1 s of sound
    last = answer(1, 3200, "eos", final=True)
    first["words"] = np.array([told("one", 0.5), told("two", 1.5)], object)
    last["words"] = np.array([told("three", 9.0)], object)  # at its sentence's end, however late
    last["word_faults"] = np.array([fault], object)
    with Client(transport=HybridTransport(Remote([first, last]), device)) as client:
        audio = client.synthesize("Hello.", voice="ann", timestamps="word")
    assert [[word.text for word in chunk.words] for chunk in audio.chunks] == [["one"], ["two"], ["three"]]
    assert [[word.text for word in chunk.word_faults] for chunk in audio.chunks] == [[], [], ["two"]]


def test_asyncio_gets_the_same(device):
    remote = AsyncRemote([answer(0, 2, first=True, condition=[1, 2]), answer(1, 3, "eos", final=True)])

    async def say():
        async with AsyncClient(transport=AsyncHybridTransport(remote, device)) as client:
            return await client.synthesize("Hello.", voice="ann")

    audio = asyncio.run(say())
    assert audio.samples.size == 50 + 1 + 32
    assert [chunk.final for chunk in audio.chunks] == [False, False, True]
    assert remote.asked[0]["answer"] == b"tokens"


def test_latents_are_asked_for_at_their_rate(device):
    device.answer, device.latent_kbit_s = "latents", 6.0
    remote = Remote([answer(0, 1, "eos", first=True, final=True, condition=[1, 2])])
    list(HybridTransport(remote, device).stream("tts", {}))
    assert (remote.asked[0]["answer"], remote.asked[0]["latent_kbit_s"]) == (b"latents", 6.0)


def test_a_voice_that_the_device_has_is_named(device):
    device.voice = "v", np.ones((1, 2), np.float32)
    remote = Remote([answer(0, 1, "eos", first=True, final=True)])
    list(HybridTransport(remote, device).stream("tts", {}))
    assert remote.asked[0]["known_voice"] == b"v"


def test_a_request_keeps_its_voice_whoever_speaks_meanwhile(device):
    conditions = []
    device.sentence = lambda response, facts, condition: conditions.append(condition.tolist()) or Decoder()
    device.voice = "v", np.full((1, 2), 7, np.float32)
    remote = Remote([answer(0, 1, "eos", first=True), answer(1, 1, "eos", first=True, final=True)])
    speech = HybridTransport(remote, device).stream("tts", {})
    next(speech)
    device.voice = "other", np.full((1, 2), 8, np.float32)
    list(speech)
    assert conditions == [[[7, 7]], [[7, 7]]]
    assert device.voice[0] == "v"  # it spoke last


def test_a_voice_that_was_neither_sent_nor_here_is_the_servers_fault(device):
    device.voice = "other", np.ones((1, 2), np.float32)
    remote = Remote([answer(0, 1, "eos", first=True, final=True)])
    with pytest.raises(InternalError, match="did not send the voice that speaks"):
        list(HybridTransport(remote, device).stream("tts", {}))


def test_tokens_of_a_sentence_that_did_not_begin_are_the_servers_fault(device):
    with pytest.raises(InternalError, match="did not begin"):
        list(HybridTransport(Remote([answer(0, 1)]), device).stream("tts", {}))


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Opens a device of a bundle with these files; no graph is loaded. Returns what graphs it wanted, and it."""

    def open_with(*files, **options):
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        if device_module.CODEC_FILE in files:
            write_codec(tmp_path / device_module.CODEC_FILE, CODEC)
        facts = SimpleNamespace(weights_digest="w", latent_dim=6, vocoder_receptive_field_frames=2)
        bundle = SimpleNamespace(
            facts=facts,
            folder=tmp_path,
            parameters={},
            has_file=lambda start: any(name.startswith(start) for name in files),
        )
        return DeviceDecoder(bundle, **options)

    monkeypatch.setattr(device_module, "DecodingModels", lambda folder, settings, needed: needed)
    monkeypatch.setattr(device_module, "read_settings", lambda *_: {})
    return open_with


ACOUSTIC, VOCODER = "acoustic/1/model.onnx", "vocoder/1/model.onnx"
DECODING = {
    "weights": "w",
    "voice": "v",
    "schedule": [4, 8, 2, 10, 1],
    "codec": "",
    "seed": 1,
    "noise_scale": 0.5,
    "speed": 1.0,
}
CONDITION = np.ones((1, 4), np.float32)


def test_who_has_the_acoustic_model_asks_for_tokens_and_who_has_not_for_latents(opened):
    assert opened(ACOUSTIC, VOCODER).answer == "tokens"
    light = opened(VOCODER, device_module.CODEC_FILE)
    assert (light.answer, light.latent_kbit_s) == ("latents", 8.0)
    asked = opened(ACOUSTIC, VOCODER, device_module.CODEC_FILE, latent_kbit_s=4)
    assert (asked.answer, asked.latent_kbit_s) == ("latents", 4)


def test_only_the_graphs_that_are_needed_are_opened(opened):
    assert [model.name for model in opened(ACOUSTIC, VOCODER, latent_kbit_s=0)._models] == ["vocoder"]
    assert [model.name for model in opened(ACOUSTIC, VOCODER)._models] == ["acoustic", "vocoder"]


def test_a_bundle_without_codec_says_how_to_get_one(opened):
    with pytest.raises(InvalidRequest, match="make codec"):
        opened(VOCODER)
    assert opened(VOCODER, latent_kbit_s=0).latent_kbit_s == 0.0


def test_a_server_of_other_weights_or_another_codec_is_refused(opened):
    light = opened(VOCODER, device_module.CODEC_FILE)
    with pytest.raises(InternalError, match="other weights than this device's bundle"):
        light.sentence({}, {**DECODING, "weights": "other"}, CONDITION)
    with pytest.raises(InternalError, match="another codec of latents"):
        light.sentence({}, {**DECODING, "codec": "other"}, CONDITION)


@pytest.mark.parametrize("flat", [False, True])
def test_frames_are_read_whether_they_come_with_their_shape_or_flat(opened, flat):
    latents = np.random.default_rng(0).standard_normal((6, 9)).astype(np.float32)
    for kbit_s in (0, 4):
        decoder = opened(VOCODER, device_module.CODEC_FILE, latent_kbit_s=kbit_s)
        codec = decoder._codec
        sentence = decoder.sentence({}, {**DECODING, "codec": codec.digest if codec else ""}, CONDITION)
        codes = codec.encode(latents, 10) if codec else np.zeros((9, 0), np.uint8)
        response = {"latents": latents.T, "latent_codes": codes}
        frames = sentence._frames({name: each.ravel().tolist() if flat else each for name, each in response.items()})
        np.testing.assert_allclose(frames, codec.decode(codes) if codec else latents, atol=1e-6)


def test_the_client_names_what_can_decode():
    with pytest.raises(InvalidRequest, match="decode is 'moon'; have server, device"):
        Client(decode="moon")
    with pytest.raises(InvalidRequest, match="decode is 'moon'; have server, device"):
        AsyncClient(decode="moon")


def test_a_bundle_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "no.gsv").write_bytes(b"no")
    with pytest.raises(InvalidRequest, match="is no bundle"):
        Client(decode="device", bundle=tmp_path / "no.gsv")
    with pytest.raises(InvalidRequest, match=r"gone\.gsv cannot be read: No such file"):
        Client(decode="device", bundle=tmp_path / "gone.gsv")


@pytest.mark.parametrize("rate", ["8", True, -1, 100, float("nan")])
def test_a_rate_that_is_none_is_refused_before_anything_is_opened(rate, tmp_path):
    with pytest.raises(InvalidRequest, match=r"latent_kbit_s is .*; need a number, 0 to 12"):
        Client(decode="device", bundle=tmp_path / "gone.gsv", latent_kbit_s=rate)


@pytest.mark.parametrize("options", [{"bundle": "voice.gsv"}, {"latent_kbit_s": 8}])
def test_what_only_a_device_needs_is_not_ignored(options):
    with pytest.raises(InvalidRequest, match='add decode="device"'):
        Client(**options)

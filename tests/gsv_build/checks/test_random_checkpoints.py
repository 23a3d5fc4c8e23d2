"""A random set is complete, official in form, well-behaved and reproducible."""

import hashlib

import pytest
import torch

from gsv_build.__main__ import main
from gsv_build.checkpoints import (
    load_bert,
    load_hubert,
    load_sovits,
    load_speaker_encoder,
    load_t2s,
    load_vocabulary,
)
from gsv_build.checks.random_checkpoints import official_shapes, random_vocabulary, write_random_checkpoints
from gsv_build.size_presets import network_sizes
from gsv_runtime.versions import SUPPORTED, ModelVersion

pytestmark = pytest.mark.slow

# Number of tensors, and SHA-256 over their sorted "name shape" lines, as upstream's own modules (48b1a01) and
# transformers 5.23.0 list them: without the training-only enc_q and seg_1, without BERT's last two layers and heads.
PUBLISHED = {
    "hubert": (211, "4e09341cd63cd8d4f80f272e628b86167716b52505877fd39bb0c2bd760d680d"),
    "bert": (357, "0991e2e30e557b0301411a78c5e1ac2ffadf143a1a969422d8944d8ebf720c37"),
    "speaker_encoder": (999, "b8299996a06e585ec18fc2ef8bfacffeeb66270a348852e02fc7d97e486ca894"),
}
T2S_V1 = (295, "bd0d95fedfc8339e6bfae7d59056188687fc8e4e0f90e78fcce1b99099fb967e")
T2S_V2 = (295, "42062984402495b166c4840cc48bc0c7f30ffb515bfa1aceccbcf2a8f2b2804e")
PUBLISHED_BY_VERSION = {
    ModelVersion.V1: (T2S_V1, (673, "58b86ceba19ad2d8d56fd91d46dcf702930f3a679aaf3fbeeb5ace7a57c0a2bc")),
    ModelVersion.V2: (T2S_V2, (673, "810cd973d8c745bf1dbac87e501867db19a95fff4ddc989d0d7f7af6be67e488")),
    ModelVersion.V2_PRO: (T2S_V2, (678, "029428bcfb5b64e5a80085dc362146092dbaf68eadda3a99d779d3a84f3550dc")),
    ModelVersion.V2_PRO_PLUS: (T2S_V2, (678, "d46aa884f0810b5515ce72396732982b9049b5356c220b5f18db55fe4fdd0efb")),
}


def listing_digest(shapes):
    lines = "\n".join(f"{name} {list(shape)}" for name, shape in sorted(shapes.items()))
    return len(shapes), hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize("version", SUPPORTED)
def test_official_sizes_have_exactly_the_published_tensors(version):
    found = {file: listing_digest(shapes) for file, shapes in official_shapes(network_sizes(version)).items()}
    t2s, sovits = PUBLISHED_BY_VERSION[version]
    assert found == {"s1": t2s, "s2": sovits, **PUBLISHED}


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    directory = tmp_path_factory.mktemp("weights")
    return write_random_checkpoints(directory, ModelVersion.V2, "small", seed=3)


@torch.no_grad()
def test_a_set_carries_speech_like_levels_from_audio_to_waveform(small_set):
    sovits, hubert = load_sovits(small_set.sovits), load_hubert(small_set.hubert)
    torch.manual_seed(0)
    features = hubert.module(0.1 * torch.randn(1, 32_000))
    tokens = sovits.module.quantizer(features).reshape(1, -1)
    assert tokens.unique().numel() > tokens.numel() // 2, "the prompt collapsed onto few tokens"
    frames = 2 * tokens.shape[1]
    condition = sovits.module.reference_encoder(torch.rand(1, 1025, 80))
    phones, noise = torch.randint(1, 300, (1, 30)), 0.5 * torch.randn(1, sovits.sizes.latent, frames)
    lengths = [torch.tensor([[length]]) for length in (tokens.shape[1], 30, frames)]
    places = torch.arange(float(frames))[None]
    latents = sovits.module.acoustic(tokens, lengths[0], phones, lengths[1], condition, noise, places, lengths[2])
    waveform = sovits.module.vocoder(latents, lengths[2], condition)
    level = waveform.square().mean().sqrt()
    assert 0.005 < level < 0.4, "inaudible or saturated"
    assert waveform.abs().max() < 0.99


def test_a_set_reads_back_whole(small_set):
    t2s, bert = load_t2s(small_set.t2s), load_bert(small_set.bert)
    assert t2s.sizes == network_sizes(ModelVersion.V2, "small").t2s
    assert t2s.info == "random weights, not trained"
    assert len(load_vocabulary(small_set.bert)) == bert.sizes.vocabulary
    assert small_set.speaker_encoder is None


def test_every_layer_is_different(small_set):
    layers = load_t2s(small_set.t2s).module.typed_layers
    assert not torch.equal(layers[0].qkv.weight, layers[1].qkv.weight)


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(small_set, tmp_path):
    again = write_random_checkpoints(tmp_path / "again", ModelVersion.V2, "small", seed=3)
    other = write_random_checkpoints(tmp_path / "other", ModelVersion.V2, "small", seed=4)
    assert again.sovits.read_bytes() == small_set.sovits.read_bytes()
    assert other.sovits.read_bytes() != small_set.sovits.read_bytes()


def test_the_pro_set_has_a_speaker_encoder_of_the_dimension_that_its_model_reads(tmp_path, capsys):
    assert main(["random", "--version", "v2Pro", "-o", str(tmp_path), "--fp32"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"
    encoder = load_speaker_encoder(tmp_path / "sv" / "pretrained_eres2netv2w24s4ep4.ckpt")
    with torch.no_grad():
        assert encoder.module(torch.zeros(1, 64, 80)).shape == (1, 20_480)
    assert load_sovits(tmp_path / "s2.pth").sizes.version is ModelVersion.V2_PRO


def test_an_unknown_size_is_named():
    with pytest.raises(ValueError, match="'huge' is unknown; need one of official, small"):
        network_sizes(ModelVersion.V2, "huge")


def test_a_random_vocabulary_has_special_tokens_where_chinese_bert_has_them():
    tokens = random_vocabulary(21_128)
    assert (tokens[0], tokens[100:104]) == ("[PAD]", ["[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    assert len(set(tokens)) == 21_128
    assert "中" in tokens

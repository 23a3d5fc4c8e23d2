"""What is saved in an official format loads to the same network; what does not belong is refused."""

import collections
import json
import sys
import types
from dataclasses import replace
from functools import partial

import pytest
import torch

from gsv_build.checkpoints import (
    CheckpointError,
    HostileCheckpoint,
    KeyMismatch,
    UnreadableCheckpoint,
    UnsupportedCheckpoint,
    load_bert,
    load_hubert,
    load_sovits,
    load_speaker_encoder,
    load_t2s,
    load_vocabulary,
    save_bert,
    save_hubert,
    save_sovits,
    save_speaker_encoder,
    save_t2s,
)
from gsv_build.checkpoints.keys_s2 import CODEBOOK, SovitsModules
from gsv_build.checks.random_checkpoints import random_vocabulary
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import SpeakerEncoderSizes
from gsv_runtime.versions import SUPPORTED, ModelVersion

SMALL = network_sizes(ModelVersion.V2, "small")
BERT_SIZES = replace(SMALL.bert, vocabulary=300)
ENCODER_SIZES = SpeakerEncoderSizes(channels=4, blocks=(1, 2, 1, 1), base_width=32, scale=2, expansion=2)
# fp16 keeps 11 bits of a weight below 2.
PRECISION = {True: 1e-3, False: 1e-6}


def assert_same(found, expected, tolerance):
    theirs = expected.state_dict()
    assert found.state_dict().keys() == theirs.keys()
    for name, tensor in found.state_dict().items():
        torch.testing.assert_close(
            tensor, theirs[name], atol=tolerance, rtol=tolerance, msg=partial("{}: {}".format, name)
        )
        assert not tensor.is_floating_point() or tensor.dtype is torch.float32
    assert not found.training


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(5)


@pytest.mark.parametrize("half", [True, False])
def test_t2s_round_trip(half, tmp_path):
    module = T2S(SMALL.t2s)
    save_t2s(tmp_path / "s1.ckpt", module, "GPT-e8", half)
    checkpoint = load_t2s(tmp_path / "s1.ckpt")
    assert (checkpoint.sizes, checkpoint.info) == (SMALL.t2s, "GPT-e8")
    assert checkpoint.config["model"]["EOS"] == 1024
    assert_same(checkpoint.module, module, PRECISION[half])


@pytest.mark.slow
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("version", SUPPORTED)
def test_sovits_round_trip(version, half, tmp_path):
    sizes = network_sizes(version, "small").sovits
    modules = SovitsModules.of(sizes)
    modules.acoustic.codebook.data.copy_(modules.quantizer.codebook)
    save_sovits(tmp_path / "s2.pth", modules, sizes, half=half)
    head = (tmp_path / "s2.pth").read_bytes()[:2]
    assert head == {ModelVersion.V2_PRO: b"05", ModelVersion.V2_PRO_PLUS: b"06"}.get(version, b"PK")
    checkpoint = load_sovits(tmp_path / "s2.pth")
    assert checkpoint.sizes == sizes
    for name, module in checkpoint.module.items():
        assert_same(module, getattr(modules, name), PRECISION[half])


def test_the_codebook_and_its_running_mean_which_are_equal_stand_in_the_file_once(s2):
    weights = torch.load(s2, weights_only=True)["weight"]
    folder = CODEBOOK.removesuffix("embed")
    assert weights[CODEBOOK].data_ptr() == weights[f"{folder}embed_avg"].data_ptr()


@pytest.mark.parametrize("safetensors", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_hubert_round_trip(half, safetensors, tmp_path):
    module = Hubert(SMALL.hubert)
    save_hubert(tmp_path / "hubert", module, half, safetensors)
    checkpoint = load_hubert(tmp_path / "hubert")
    assert checkpoint.sizes == SMALL.hubert
    assert_same(checkpoint.module, module, PRECISION[half])


@pytest.mark.parametrize("safetensors", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_bert_round_trip(half, safetensors, tmp_path):
    module = Bert(BERT_SIZES)
    vocabulary = random_vocabulary(300)
    save_bert(tmp_path / "bert", module, vocabulary, half, safetensors)
    checkpoint = load_bert(tmp_path / "bert")
    assert checkpoint.sizes == BERT_SIZES
    assert_same(checkpoint.module, module, PRECISION[half] * 4)  # embeddings reach 4
    assert load_vocabulary(tmp_path / "bert") == vocabulary


@pytest.mark.parametrize("half", [True, False])
def test_speaker_encoder_round_trip(half, tmp_path):
    module = SpeakerEncoder(ENCODER_SIZES)
    save_speaker_encoder(tmp_path / "sv.ckpt", module, half)
    checkpoint = load_speaker_encoder(tmp_path / "sv.ckpt")
    assert checkpoint.sizes == ENCODER_SIZES
    assert_same(checkpoint.module, module, PRECISION[half])


def edited(path, edit):
    """Loads a file, lets `edit` change what is in it, and writes it back."""
    content = torch.load(path, weights_only=True)
    edit(content)
    torch.save(content, path)
    return path


@pytest.fixture
def s1(tmp_path):
    save_t2s(tmp_path / "s1.ckpt", T2S(SMALL.t2s))
    return tmp_path / "s1.ckpt"


@pytest.fixture
def s2(tmp_path):
    modules = SovitsModules.of(SMALL.sovits)
    modules.acoustic.codebook.data.copy_(modules.quantizer.codebook)
    save_sovits(tmp_path / "s2.pth", modules, SMALL.sovits)
    return tmp_path / "s2.pth"


def test_missing_and_surplus_tensors_are_listed_together(s1):
    def edit(content):
        content["weight"]["model.extra.weight"] = content["weight"].pop("model.h.layers.1.norm1.weight")

    with pytest.raises(
        KeyMismatch, match=r"1 missing: model\.h\.layers\.1\.norm1\.weight; 1 surplus: model\.extra\.weight"
    ):
        load_t2s(edited(s1, edit))


@pytest.mark.slow
def test_training_only_tensors_of_s2_are_passed_over(s2):
    load_sovits(edited(s2, lambda content: content["weight"].update({"enc_q.pre.weight": torch.zeros(1)})))


@pytest.mark.slow
def test_a_surplus_tensor_of_s2_is_an_error(s2):
    with pytest.raises(KeyMismatch, match=r"1 surplus: dec\.extra"):
        load_sovits(edited(s2, lambda content: content["weight"].update({"dec.extra": torch.zeros(1)})))


@pytest.mark.slow
def test_config_as_hparams_loads_as_a_dict_does(s2, monkeypatch):
    module = types.ModuleType("utils")

    class HParams:
        pass

    HParams.__module__, HParams.__qualname__ = "utils", "HParams"
    vars(module)["HParams"] = HParams
    monkeypatch.setitem(sys.modules, "utils", module)

    def bag(fields):
        made = HParams()
        made.__dict__.update({key: bag(value) if isinstance(value, dict) else value for key, value in fields.items()})
        return made

    expected = load_sovits(s2)
    found = load_sovits(edited(s2, lambda content: content.update(config=bag(content["config"]))))
    assert found.sizes == expected.sizes
    assert found.config == expected.config


def test_a_lora_file_is_refused_with_a_sentence(s2):
    with pytest.raises(UnsupportedCheckpoint, match=r"LoRA .*it holds lora_rank 32"):
        load_sovits(edited(s2, lambda content: content.update(lora_rank=32)))


@pytest.mark.parametrize(("digits", "sentence"), [(b"02", "v3 model"), (b"03", "v3 LoRA"), (b"04", "v4 LoRA")])
def test_v3_and_lora_are_refused_by_their_head_before_anything_is_read(digits, sentence, tmp_path):
    (tmp_path / "s2.pth").write_bytes(digits + b" nothing that could be read")
    with pytest.raises(UnsupportedCheckpoint, match=sentence):
        load_sovits(tmp_path / "s2.pth")


def test_a_head_that_lies_is_an_error(s2):
    s2.write_bytes(b"05" + s2.read_bytes()[2:])
    with pytest.raises(CheckpointError, match="says v2Pro"):
        load_sovits(s2)


def test_a_training_checkpoint_is_told_from_a_weights_file(tmp_path):
    torch.save({"model": {}, "optimizer": {}, "iteration": 3}, tmp_path / "G_8.pth")
    with pytest.raises(
        CheckpointError, match="no entry weight and no entry config; it holds iteration, model, optimizer"
    ):
        load_sovits(tmp_path / "G_8.pth")


def test_an_s2_given_as_s1_is_an_error_that_says_so(s2):
    with pytest.raises(
        CheckpointError, match=r"is an s2 \(SoVITS, \.pth\) file; need an s1 \(GPT, \.ckpt\); give it as S2"
    ):
        load_t2s(s2)


def test_an_s1_given_as_s2_is_an_error_that_says_so(s1):
    with pytest.raises(CheckpointError, match=r"is an s1 \(GPT, \.ckpt\) file; need an s2 \(SoVITS, \.pth\)"):
        load_sovits(s1)


def test_a_missing_file_says_how_to_get_it(tmp_path):
    for load in (load_t2s, load_sovits, load_speaker_encoder, load_hubert, load_bert):
        with pytest.raises(UnreadableCheckpoint, match="python -m gsv_build weights"):
            load(tmp_path / "absent")


@pytest.fixture
def hubert_directory(tmp_path):
    save_hubert(tmp_path / "hubert", Hubert(SMALL.hubert), half=False)
    return tmp_path / "hubert"


def test_the_newer_spelling_of_hubert_weight_norm_loads_the_same(hubert_directory):
    before = load_hubert(hubert_directory)

    def edit(content):
        for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
            tensor = content.pop(f"encoder.pos_conv_embed.conv.{old}")
            content[f"encoder.pos_conv_embed.conv.parametrizations.weight.{new}"] = tensor

    edited(hubert_directory / "pytorch_model.bin", edit)
    assert_same(load_hubert(hubert_directory).module, before.module, 0)


def test_hubert_inside_a_larger_model_loads_without_its_head(hubert_directory):
    def edit(content):
        for name in list(content):
            content[f"hubert.{name}"] = content.pop(name)
        content["lm_head.weight"] = torch.zeros(5, 64)

    edited(hubert_directory / "pytorch_model.bin", edit)
    assert load_hubert(hubert_directory).sizes == SMALL.hubert


def test_bert_with_heads_prefix_older_norm_names_and_all_layers_loads(tmp_path):
    module = Bert(BERT_SIZES)
    save_bert(tmp_path, module, random_vocabulary(300), half=False)

    def edit(content):
        for name, tensor in list(content.items()):
            for layer in (2, 3):
                content[f"bert.{name.replace('layer.0', f'layer.{layer}')}"] = tensor
            older = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            content[f"bert.{older}"] = content.pop(name)
            if older != name:
                content.pop(f"bert.{name}", None)
        content["bert.embeddings.position_ids"] = torch.arange(512)[None]
        content["bert.pooler.dense.bias"] = content["cls.predictions.bias"] = torch.zeros(3)

    edited(tmp_path / "pytorch_model.bin", edit)
    assert_same(load_bert(tmp_path).module, module, 0)


def test_the_segment_embedding_is_added_to_the_positions(tmp_path):
    module = Bert(BERT_SIZES)
    save_bert(tmp_path, module, random_vocabulary(300), half=False)
    edited(
        tmp_path / "pytorch_model.bin",
        lambda content: content["embeddings.token_type_embeddings.weight"].copy_(torch.tensor([[0.5], [9.0]])),
    )
    torch.testing.assert_close(load_bert(tmp_path).module.positions.weight, module.positions.weight + 0.5)


@pytest.mark.slow
def test_the_unused_head_of_the_speaker_encoder_is_passed_over(tmp_path):
    save_speaker_encoder(tmp_path / "sv.ckpt", SpeakerEncoder(ENCODER_SIZES))
    path = edited(tmp_path / "sv.ckpt", lambda content: content.update({"seg_1.weight": torch.zeros(1)}))
    assert load_speaker_encoder(path).sizes == ENCODER_SIZES
    with pytest.raises(KeyMismatch, match="1 surplus: seg_3"):
        load_speaker_encoder(edited(path, lambda content: content.update({"seg_3": torch.zeros(1)})))


def test_a_speaker_encoder_of_another_kind_is_named(tmp_path):
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "sv.ckpt")
    with pytest.raises(KeyMismatch, match="need ERes2NetV2"):
        load_speaker_encoder(tmp_path / "sv.ckpt")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("hidden_size", "many", "hidden_size is 'many'; need a whole number"),
        ("num_hidden_layers", 10**9, "need a whole number from 1 to 256"),
        ("num_attention_heads", 7, "not a multiple of num_attention_heads 7"),
        ("do_stable_layer_norm", True, "do_stable_layer_norm is True; need False"),
        ("feat_extract_norm", "batch", "need 'group' or 'layer'"),
        ("conv_stride", [5, 2], "conv_stride is .*need 7 whole numbers"),
        ("conv_dim", [], "need 1 to 64 whole numbers"),
        ("layer_norm_eps", -1, "need a number between 0 and 1"),
        ("model_type", "wav2vec2", "describes a 'wav2vec2' model; need 'hubert'"),
        ("intermediate_size", 99, r"6 of another shape: .*need \[99"),
    ],
)
def test_a_wrong_hubert_config_names_the_field(field, value, message, hubert_directory):
    path = hubert_directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(CheckpointError, match=message):
        load_hubert(hubert_directory)


def test_a_hostile_config_inside_s1_is_refused(s1):
    content = torch.load(s1, weights_only=True)
    content["config"] = collections.ChainMap()
    torch.save(content, s1)
    with pytest.raises(HostileCheckpoint, match=r"asks for collections\.ChainMap"):
        load_t2s(s1)

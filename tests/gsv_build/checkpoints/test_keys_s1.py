"""Official s1 names and sizes, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from gsv_build.checkpoints import keys_s1
from gsv_build.checkpoints.errors import CheckpointError, KeyMismatch
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes

TINY = T2SSizes(hidden=32, heads=4, layers=2, feed_forward=48, num_phones=20, vocabulary=33, bert_dim=12)


def config(**changes: Any) -> dict[str, Any]:
    model = {
        "hidden_dim": 32,
        "embedding_dim": 32,
        "head": 4,
        "n_layer": 2,
        "vocab_size": 33,
        "phoneme_vocab_size": 20,
        "EOS": 32,
    }
    return {"model": {**model, **changes}}


@pytest.mark.slow
def test_official_sizes_have_the_official_295_names_and_77606402_numbers() -> None:
    with torch.device("meta"):
        weights = keys_s1.from_module(T2S(T2SSizes()))
    assert len(weights) == 295
    assert sum(tensor.numel() for tensor in weights.values()) == 77_606_402
    shapes = {name: list(tensor.shape) for name, tensor in weights.items()}
    assert shapes["model.h.layers.23.self_attn.in_proj_weight"] == [1536, 512]
    assert shapes["model.h.layers.0.self_attn.out_proj.bias"] == [512]
    assert shapes["model.h.layers.7.linear2.weight"] == [512, 2048]
    assert shapes["model.h.layers.7.norm2.weight"] == [512]
    assert shapes["model.ar_text_embedding.word_embeddings.weight"] == [732, 512]
    assert shapes["model.ar_audio_position.alpha"] == [1]
    assert shapes["model.ar_predict_layer.weight"] == [1025, 512]


@pytest.mark.slow
def test_weights_survive_both_ways_also_from_half_precision() -> None:
    weights = keys_s1.from_module(T2S(TINY))
    halves = {name: tensor.half() for name, tensor in weights.items()}
    module = keys_s1.to_module(halves, keys_s1.t2s_sizes(config(), halves))
    assert module.sizes == TINY
    assert not module.training
    for name, tensor in keys_s1.from_module(module).items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, halves[name].float())


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        ({"max_sec": 54}, 1500),  # official files
        ({"max_sec": 10}, 500),  # 50 a second, as upstream counts
        ({"max_sec": 2.5}, 125),
        ({"max_sec": 1e-9}, 1),
        ({"max_sec": 0}, 1500),
        ({"max_sec": -1}, 1500),
        ({"max_sec": float("nan")}, 1500),
        ({"max_sec": float("inf")}, 1500),
        ({"max_sec": True}, 1500),
        ({"max_sec": "10"}, 1500),
        ({}, 1500),
        (None, 1500),
        ([], 1500),
    ],
)
def test_the_longest_sentence_of_the_config_bounds_a_sentence(data: object, tokens: int) -> None:
    weights = keys_s1.from_module(T2S(TINY))
    assert keys_s1.t2s_sizes({**config(), "data": data}, weights).max_tokens == tokens


def test_heads_that_were_pruned_show_in_the_tensors() -> None:
    sizes = replace(TINY, heads=3, pruned_heads=1)
    module = T2S(sizes)
    weights = keys_s1.from_module(module)
    assert list(weights["model.h.layers.0.self_attn.in_proj_weight"].shape) == [3 * 24, 32]
    found = keys_s1.t2s_sizes(config(head=3), weights)
    assert (found.heads, found.pruned_heads, found.head_dim) == (3, 1, 8)
    read = keys_s1.to_module(weights, found)
    torch.testing.assert_close(read.state_dict(), module.state_dict())
    with pytest.raises(CheckpointError, match="head is 5"):
        keys_s1.t2s_sizes(config(head=5), weights)


def test_missing_and_surplus_tensors_are_listed() -> None:
    weights = keys_s1.from_module(T2S(TINY))
    del weights["model.h.layers.1.norm1.bias"]
    weights["model.h.layers.1.norm3.bias"] = torch.zeros(32)
    with pytest.raises(KeyMismatch, match=r"1 missing: model.h.layers.1.norm1.bias; 1 surplus: .*norm3"):
        keys_s1.to_module(weights, TINY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_layer", 3),
        ("vocab_size", 1025),
        ("phoneme_vocab_size", 21),
        ("hidden_dim", 512),
        ("embedding_dim", 16),
        ("EOS", 5),
        ("head", 5),
        ("head", "4"),
    ],
)
def test_a_config_that_contradicts_the_tensors_is_refused_by_field(field: str, value: object) -> None:
    weights = keys_s1.from_module(T2S(TINY))
    with pytest.raises(CheckpointError, match=field):
        keys_s1.t2s_sizes(config(**{field: value}), weights)


def test_another_kind_of_checkpoint_is_refused() -> None:
    with pytest.raises(KeyMismatch, match="s1"):
        keys_s1.t2s_sizes(config(), {"enc_p.ssl_proj.weight": torch.zeros(2, 2)})

"""What pruning leaves of a T2S: what does nothing goes first, and what stays computes as before."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_build.checkpoints import load_t2s, save_t2s
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_compress.t2s_pruning import head_importance, narrower, pruned, with_fewer_heads
from gsv_compress.t2s_student import batches_of, hidden_states
from gsv_compress.teacher import Sentence
from gsv_demo.batches import Batch


@pytest.fixture
def batches(sentences: list[Sentence]) -> Sequence[Batch]:
    """What importance is measured on."""
    return list(itertools.islice(batches_of(sentences, 4, np.random.default_rng(0)), 2))


def logits(model: T2S, batch: Batch) -> torch.Tensor:
    return hidden_states(model, batch)[2]


def test_channels_that_do_nothing_are_the_first_to_go(teacher: T2S, batches: Sequence[Batch]) -> None:
    for layer in teacher.typed_layers:
        layer.contract.weight[:, ::3] = 0.0
    narrow = narrower(teacher, 1 / 3, batches)
    assert narrow.sizes.feed_forward == 64
    torch.testing.assert_close(logits(narrow, batches[0]), logits(teacher, batches[0]))


def test_heads_that_add_nothing_are_the_first_to_go(teacher: T2S, batches: Sequence[Batch]) -> None:
    width = teacher.sizes.head_dim
    for index, layer in enumerate(teacher.typed_layers):
        layer.attention_output.weight[:, index * width : (index + 1) * width] = 0.0  # another one in every layer
    fewer = with_fewer_heads(teacher, 0.25, batches)
    assert (fewer.sizes.heads, fewer.sizes.pruned_heads, fewer.sizes.head_dim) == (3, 1, width)
    torch.testing.assert_close(logits(fewer, batches[0]), logits(teacher, batches[0]))


def test_a_heads_importance_is_the_length_of_what_it_adds(teacher: T2S, batches: Sequence[Batch]) -> None:
    before = head_importance(teacher, batches[:1])[3]
    width = teacher.sizes.head_dim
    teacher.typed_layers[3].attention_output.weight[:, width : 2 * width] *= 3.0
    after = head_importance(teacher, batches[:1])[3]
    torch.testing.assert_close(after, before * torch.tensor([1.0, 3.0, 1.0, 1.0]))


def test_of_sixteen_heads_a_third_less_leaves_twelve_and_one_always_stays(batches: Sequence[Batch]) -> None:
    sizes = T2SSizes(hidden=32, heads=16, layers=1, feed_forward=64, num_phones=40, vocabulary=33, bert_dim=8)
    model = T2S(sizes).eval().requires_grad_(False)
    assert with_fewer_heads(model, 0.3, batches).sizes.heads == 12
    assert with_fewer_heads(model, 0.99, batches).sizes.heads == 1


def test_a_pruned_one_is_a_checkpoint_as_any_other_and_can_be_pruned_again(
    teacher: T2S, batches: Sequence[Batch], tmp_path: Path
) -> None:
    student = pruned(teacher, 0.3, batches)
    save_t2s(tmp_path / "s1.ckpt", student, half=False)
    read = load_t2s(tmp_path / "s1.ckpt")
    assert (read.sizes.heads, read.sizes.pruned_heads, read.sizes.feed_forward) == (3, 1, 64)
    torch.testing.assert_close(logits(read.module, batches[0]), logits(student, batches[0]))
    again = with_fewer_heads(read.module, 0.3, batches)
    assert (again.sizes.heads, again.sizes.pruned_heads) == (2, 2)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2])
def test_a_share_that_leaves_nothing_to_do_is_refused(teacher: T2S, share: float) -> None:
    with pytest.raises(ValueError, match="share between 0 and 1"):
        pruned(teacher, share, [])

"""T2S without the heads and the feed-forward channels that matter least on what the teacher said.

Every layer loses as many. What is left is copied as it is; `t2s_student.teach` heals it.

Source: Michel et al. 2019, "Are Sixteen Heads Really Better than One?", for whole heads. Different on purpose: a head's
importance is what it adds to the sum, not a gradient, so that heads and channels are measured by one rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from gsv_build.graphs.graph_quantisation import BLOCK_VALUES
from gsv_build.modules.t2s import T2S, TransformerLayer
from gsv_build.sizes import T2SSizes
from gsv_compress.t2s_student import hidden_states
from gsv_demo.batches import Batch

Heard = Callable[[int, Tensor], None]  # takes a layer's index and what a linear layer of it reads or gives


def check_share(share: float) -> None:
    """Let shares pass that leave something in, and something out.

    Raises:
        ValueError: the share does neither.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"prune {share:g} of heads and channels; need a share between 0 and 1")


def pruned_sizes(sizes: T2SSizes, share: float) -> T2SSizes:
    """Sizes after a share of heads and channels has gone; of 16 heads, 0.3 leaves 12.

    Raises:
        ValueError: the share leaves nothing, or less than nothing out.
    """
    check_share(share)
    heads = min(math.ceil((1.0 - share) * sizes.heads), max(1, sizes.heads - 1))
    blocks = max(1, round((1.0 - share) * sizes.feed_forward / BLOCK_VALUES))  # 8-bit weights share a scale in blocks
    return replace(
        sizes,
        heads=heads,
        pruned_heads=sizes.pruned_heads + sizes.heads - heads,
        feed_forward=BLOCK_VALUES * blocks,
    )


def pruned(model: T2S, share: float, batches: Sequence[Batch]) -> T2S:
    """The model without the least important heads and feed-forward channels of every layer.

    Args:
        model: to prune.
        share: of heads and of channels that is left out; see `pruned_sizes`.
        batches: what importance is measured on.

    Raises:
        ValueError: the share leaves nothing, or less than nothing out.
    """
    return narrower(with_fewer_heads(model, share, batches), share, batches)


@torch.no_grad()
def narrower(model: T2S, share: float, batches: Sequence[Batch]) -> T2S:
    """The model without the least important channels of every feed-forward; arguments and errors as `pruned`."""
    kept = pruned_sizes(model.sizes, share).feed_forward
    state = dict(model.state_dict())
    for index, each in enumerate(channel_importance(model, batches)):
        best = _best(each, kept)
        _select(state, f"layers.{index}.expand", 0, best)
        _select(state, f"layers.{index}.contract", 1, best)
    return _built(replace(model.sizes, feed_forward=kept), state)


@torch.no_grad()
def with_fewer_heads(model: T2S, share: float, batches: Sequence[Batch]) -> T2S:
    """The model without the least important heads of every layer; arguments and errors as `pruned`."""
    sizes, kept = model.sizes, pruned_sizes(model.sizes, share).heads
    state = dict(model.state_dict())
    for index, each in enumerate(head_importance(model, batches)):
        best = _best(each, kept)
        channels = (best[:, None] * sizes.head_dim + torch.arange(sizes.head_dim)).flatten()
        rows = torch.cat([part * sizes.attention + channels for part in range(3)])  # queries, keys, values
        _select(state, f"layers.{index}.qkv", 0, rows)
        _select(state, f"layers.{index}.attention_output", 1, channels)
    return _built(replace(sizes, heads=kept, pruned_heads=sizes.pruned_heads + sizes.heads - kept), state)


def channel_importance(model: T2S, batches: Sequence[Batch]) -> list[Tensor]:
    """For each layer, what each feed-forward channel adds to the sum on average: [feed_forward]."""
    totals = [torch.zeros(model.sizes.feed_forward) for _ in model.typed_layers]

    def hear(index: int, expanded: Tensor) -> None:
        totals[index] += F.relu(expanded).flatten(0, -2).mean(dim=0)

    with _heard(model, lambda layer: layer.expand, hear, reads=False):
        for batch in batches:
            hidden_states(model, batch)
    return [total * layer.contract.weight.norm(dim=0) for total, layer in zip(totals, model.typed_layers, strict=True)]


def head_importance(model: T2S, batches: Sequence[Batch]) -> list[Tensor]:
    """For each layer, the mean length of what each head adds to the sum: [heads]."""
    sizes = model.sizes
    totals = [torch.zeros(sizes.heads) for _ in model.typed_layers]
    outputs = [
        layer.attention_output.weight.view(sizes.hidden, sizes.heads, sizes.head_dim) for layer in model.typed_layers
    ]

    def hear(index: int, merged: Tensor) -> None:
        by_head = merged.unflatten(-1, (sizes.heads, sizes.head_dim)).flatten(0, -3)  # [rows, heads, head_dim]
        added = torch.einsum("rhd,ohd->rho", by_head, outputs[index])
        totals[index] += added.norm(dim=-1).mean(dim=0)

    with _heard(model, lambda layer: layer.attention_output, hear, reads=True):
        for batch in batches:
            hidden_states(model, batch)
    return totals


@contextmanager
def _heard(model: T2S, linear: Callable[[TransformerLayer], nn.Module], hear: Heard, reads: bool) -> Iterator[None]:
    """Have `hear` told what a linear layer of each layer reads, or else what it gives."""

    def hook(index: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _, inputs, given: hear(index, inputs[0] if reads else given)

    handles = [linear(layer).register_forward_hook(hook(index)) for index, layer in enumerate(model.typed_layers)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _best(importance: Tensor, kept: int) -> Tensor:
    """Indices of the most important, in their order."""
    return importance.topk(kept).indices.sort().values


def _select(state: dict[str, Tensor], name: str, axis: int, kept: Tensor) -> None:
    """Keep some outputs (axis 0, with their bias) or inputs (axis 1) of a linear layer."""
    state[f"{name}.weight"] = state[f"{name}.weight"].index_select(axis, kept)
    if axis == 0:
        state[f"{name}.bias"] = state[f"{name}.bias"].index_select(0, kept)


def _built(sizes: T2SSizes, state: dict[str, Tensor]) -> T2S:
    model = T2S(sizes)
    model.load_state_dict(state)
    return model

"""Which of T2S's matrices bear fewer bits: each is rounded by itself, and those that move the tokens most stay float32.

The measure is the divergence of the distribution of the next token, over sentences that the teacher said and no student
was trained on.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation, quantise, restored
from gsv_build.modules.t2s import T2S
from gsv_compress.t2s_student import Batch, hidden_states, spoken_rows

LOG = logging.getLogger("gsv.compress")
MOST_DIVERGENCE = 0.01  # nats a token, of all matrices rounded together
_MOST_KEPT = 0.25  # of the layers' weights


@dataclass(frozen=True)
class Quantising:
    """What was decided.

    Attributes:
        quantisation: for the build.
        divergence: nats a token, of all that is rounded.
        alone: matrix to the divergence of rounding it alone.
        kept_share: of the layers' weights, those that stay float32.
    """

    quantisation: T2SQuantisation
    divergence: float
    alone: Mapping[str, float]
    kept_share: float


@torch.no_grad()
def choose(model: T2S, precision: T2SPrecision, batches: Sequence[Batch]) -> Quantising:
    """Keep as few matrices as possible, the worst first, until the tokens hardly move or a quarter is kept.

    Args:
        model: whose matrices they are.
        precision: INT8 or INT4.
        batches: packed sentences to measure with.
    """
    exact = [_distributions(model, batch) for batch in batches]
    names = [name for name, module in model.named_modules() if name.startswith("layers.") and _is_linear(module)]
    sizes = {name: model.get_parameter(f"{name}.weight").numel() for name in names}
    progress = tqdm(names, desc=f"matrices at {precision.value}", unit="matrix", mininterval=5)
    alone = {name: _divergence(rounded(model, precision, {name}), exact, batches) for name in progress}
    kept: set[str] = set()
    divergence = _divergence(rounded(model, precision, set(names)), exact, batches)
    for name in sorted(names, key=alone.__getitem__, reverse=True):
        share = (sum(sizes[each] for each in kept) + sizes[name]) / sum(sizes.values())
        if divergence <= MOST_DIVERGENCE or share > _MOST_KEPT:
            break
        kept.add(name)
        divergence = _divergence(rounded(model, precision, set(names) - kept), exact, batches)
    LOG.info("quantised precision=%s divergence=%.4f float32=%s", precision.value, divergence, ",".join(sorted(kept)))
    share = sum(sizes[each] for each in kept) / sum(sizes.values())
    return Quantising(T2SQuantisation(precision, frozenset(kept)), divergence, alone, share)


def rounded(model: T2S, precision: T2SPrecision, names: set[str]) -> T2S:
    """A copy of the model with some matrices rounded, as the graph would have them."""
    other = copy.deepcopy(model)
    for name in names:
        weight = other.get_parameter(f"{name}.weight")
        blocks = quantise(weight.detach().numpy(), precision)
        weight.data = torch.from_numpy(restored(blocks, weight.shape[1], precision))
    return other


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)


def _distributions(model: T2S, batch: Batch) -> Tensor:
    """Logarithms of the probabilities of the tokens that would be drawn, [rows, V]."""
    return hidden_states(model, batch)[2][spoken_rows(batch)].log_softmax(-1)


def _divergence(model: T2S, exact: Sequence[Tensor], batches: Sequence[Batch]) -> float:
    """Mean divergence of a model's distributions from the exact ones, in nats a token."""
    total = sum(
        float((theirs.exp() * (theirs - _distributions(model, batch))).sum())
        for theirs, batch in zip(exact, batches, strict=True)
    )
    return total / sum(len(theirs) for theirs in exact)

"""Training steps as CUDA graphs: a step of small networks is thousands of kernels, and launching them takes longer than
running them. A step is recorded once for each kind and shape of batch, and played back.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gsv_demo.batches import Batch

LOG = logging.getLogger(__name__)
_WARM_UPS = 3  # before a step is recorded: allocators, libraries and the optimiser's state must be there
Step = Callable[[Batch], Tensor]


class Recorded:
    """One step, recorded with its own copies of a batch.

    Args:
        step: takes one whole optimiser step; everything that changes from step to step comes in the batch, or lies in
            tensors that stay where they are. Returns a tensor of scalars.
        batch: of the shapes that will be played.
        pool: of the memory that recordings share, since one is played at a time and leaves only its scalars.
    """

    def __init__(self, step: Step, batch: Batch, pool: Any) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in batch.items()}
        self._graph = torch.cuda.CUDAGraph()
        # Other threads pin memory meanwhile.
        with torch.cuda.graph(self._graph, pool=pool, capture_error_mode="thread_local"):
            self._told = step(self._inputs)

    def play(self, batch: Batch) -> Tensor:
        """Take the step with another batch; its scalars."""
        for name, tensor in self._inputs.items():
            tensor.copy_(batch[name], non_blocking=True)
        self._graph.replay()
        return self._told.clone()


class Player:
    """Takes steps: the first few of a kind one kernel after the other, then as a recording."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._recorded: dict[str, Recorded | None] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def take(self, kind: str, step: Step, batch: Batch) -> Tensor:
        """Take one step.

        Args:
            kind: what a recording depends on beside the shapes of the batch.
            step: as `Recorded` wants it.
            batch: on the GPU.

        Returns:
            The step's scalars.
        """
        name = kind + "".join(f" {tuple(tensor.shape)}" for tensor in batch.values())
        if self._taken[name] == _WARM_UPS:
            self._recorded[name] = _recorded(name, step, batch, self._pool)
        self._taken[name] += 1
        recorded = self._recorded.get(name)
        return recorded.play(batch) if recorded is not None else _beside(step, batch)


def _beside(step: Step, batch: Batch) -> Tensor:
    """Take a step on a stream of its own, as what is recorded later must have been run."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        told = step(batch)
    torch.cuda.current_stream().wait_stream(stream)
    return told


def _recorded(name: str, step: Step, batch: Batch, pool: Any) -> Recorded | None:
    """A recording, or nothing where the step cannot be recorded; then it goes on kernel by kernel."""
    try:
        recorded = Recorded(step, batch, pool)
    except RuntimeError as problem:
        torch.cuda.synchronize()
        LOG.warning("step not recorded kind=%s: %s", name, problem)
        return None
    LOG.info("step recorded kind=%s", name)
    return recorded

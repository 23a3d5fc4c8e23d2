"""Batches drawn ahead of the steps that need them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

Batch = dict[str, Tensor]
Draw = Callable[[], Batch]
_WAITING = 6  # batches of each process


class _Endless(IterableDataset[Batch]):
    """Batches without end; every process draws its own."""

    def __init__(self, drawing: Callable[[int], Draw], seed: int) -> None:
        self._drawing, self._seed = drawing, seed

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        draw = self._drawing(random.Random(f"{self._seed} {info.id if info else 0}").getrandbits(31))
        while True:
            yield draw()


def ahead(
    steps: Iterator[int], drawing: Callable[[int], Draw], seed: int, device: str, drawers: int = 0
) -> Iterator[Batch]:
    """A batch for each step, on the device.

    Args:
        steps: of a `Run`.
        drawing: a seed to what draws batches.
        seed: of what is drawn; let it depend on the step that the training goes on from.
        device: "cpu" or "cuda".
        drawers: processes that draw the next batches; 0 draws in this one.
    """
    if not drawers:
        draw = drawing(seed)
        for _ in steps:
            yield _moved(draw(), device)
        return
    loader = DataLoader(
        _Endless(drawing, seed), batch_size=None, num_workers=drawers, prefetch_factor=_WAITING,
        pin_memory=device == "cuda", multiprocessing_context="fork",
    )  # fmt: skip
    drawn = iter(loader)
    for _ in steps:
        yield _moved(next(drawn), device)


def _moved(batch: Batch, device: str) -> Batch:
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def widened(tensor: Tensor, width: int) -> Tensor:
    """[B, N, ...] with zeros behind, [B, width, ...]; as it is where it is as wide already."""
    missing = width - tensor.shape[1]
    if missing <= 0:
        return tensor
    return torch.cat([tensor, tensor.new_zeros(len(tensor), missing, *tensor.shape[2:])], dim=1)

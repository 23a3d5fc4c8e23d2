"""Compares a checkpoint's tensors with what the module needs; nothing is ever loaded in part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from gsv_build.checkpoints.errors import KeyMismatch

RenameTable = Iterable[tuple[str, str | Callable[[re.Match[str]], str]]]

_LISTED = 10  # names shown of each kind; the count is always given


def check_keys(
    found: Mapping[str, Tensor], wanted: Mapping[str, Sequence[int]], tolerated: Iterable[str] = (), subject: str = ""
) -> dict[str, Tensor]:
    """Demand exactly the wanted tensors.

    Args:
        found: what the checkpoint holds, by its own names.
        wanted: name to shape of every tensor needed, by the checkpoint's names.
        tolerated: patterns (whole name) of surplus tensors that inference has no use for.
        subject: what the tensors are of, for the message ("s2 v2Pro").

    Returns:
        The wanted tensors, in the order wanted.

    Raises:
        KeyMismatch: a tensor is missing, surplus or of another shape; the message lists the first of each.
    """
    allowed = [re.compile(pattern) for pattern in tolerated]
    missing = [name for name in wanted if name not in found]
    surplus = [name for name in found if name not in wanted and not any(p.fullmatch(name) for p in allowed)]
    misshapen = [
        f"{name} is {list(found[name].shape)}, need {list(shape)}"
        for name, shape in wanted.items()
        if name in found and tuple(found[name].shape) != tuple(shape)
    ]
    problems = [_listing("missing", missing), _listing("surplus", surplus), _listing("of another shape", misshapen)]
    problems = [problem for problem in problems if problem]
    if problems:
        raise KeyMismatch(
            f"{subject or 'checkpoint'}: {'; '.join(problems)}; need exactly the {len(wanted)} tensors of this "
            "architecture; check that the file belongs to this model and version"
        )
    return {name: found[name] for name in wanted}


def _listing(kind: str, names: Sequence[str]) -> str:
    """'3 missing: a, b, c', or nothing when there are none."""
    if not names:
        return ""
    more = ", ..." if len(names) > _LISTED else ""
    return f"{len(names)} {kind}: {', '.join(names[:_LISTED])}{more}"


def strip_prefix(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Drop `prefix` from the names that carry it, if any does."""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items()}


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Name to shape of a module's parameters and persistent buffers."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def fold_weight_norm(magnitude: Tensor, direction: Tensor, keep: int = 0) -> Tensor:
    """w = direction · magnitude / ‖direction‖, the norm over every axis but `keep`, in float32.

    Source: Salimans and Kingma 2016, "Weight Normalization", equation 2.
    """
    direction, magnitude = direction.float(), magnitude.float()
    magnitude = magnitude.reshape(_norm_shape(direction, keep))
    return torch._weight_norm(direction, magnitude, keep)  # noqa: SLF001 - it has no public name


def split_weight_norm(weight: Tensor, keep: int = 0) -> tuple[Tensor, Tensor]:
    """Inverse of `fold_weight_norm`: magnitude and direction of a weight, the weight itself being the direction."""
    axes = [axis for axis in range(weight.dim()) if axis != keep]
    return weight.float().norm(dim=axes, keepdim=True).to(weight.dtype), weight


def _norm_shape(direction: Tensor, keep: int) -> list[int]:
    """Shape of the magnitude: 1 on every axis but `keep`."""
    return [size if axis == keep else 1 for axis, size in enumerate(direction.shape)]


def rename(name: str, table: RenameTable) -> str:
    """Apply each (pattern, replacement) of a table of name parts in turn."""
    for pattern, replacement in table:
        name = re.sub(pattern, replacement, name)
    return name


def float32(tensor: Tensor) -> Tensor:
    """Half-precision weights widened; counters left as they are."""
    return tensor.float() if tensor.is_floating_point() else tensor

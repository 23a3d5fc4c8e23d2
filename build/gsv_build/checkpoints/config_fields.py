"""Takes fields out of a checkpoint's configuration, which is as little to be trusted as its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gsv_build.checkpoints.errors import CheckpointError

_MOST = 1 << 20  # larger than any size of a network; keeps a forged config from exhausting memory


def count(config: Mapping[str, Any], name: str, most: int = _MOST) -> int:
    """A whole number from 1 to `most`."""
    value = config.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise CheckpointError(f"config: {name} is {value!r}; need a whole number from 1 to {most}; check config.json")
    return value


def counts(config: Mapping[str, Any], name: str, length: int | None = None) -> tuple[int, ...]:
    """A list of whole numbers from 1, of `length` entries where given, at most 64."""
    value = config.get(name)
    entries = value if isinstance(value, list | tuple) else []
    wrong = any(isinstance(entry, bool) or not isinstance(entry, int) or not 1 <= entry <= _MOST for entry in entries)
    if not entries or wrong or len(entries) > 64 or (length is not None and len(entries) != length):
        wanted = f"{length} whole numbers" if length else "1 to 64 whole numbers"
        raise CheckpointError(f"config: {name} is {value!r}; need {wanted}, each at least 1; check config.json")
    return tuple(entries)


def fraction(config: Mapping[str, Any], name: str, default: float) -> float:
    """A number above 0 and below 1."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise CheckpointError(f"config: {name} is {value!r}; need a number between 0 and 1; check config.json")
    return float(value)


def demand(config: Mapping[str, Any], name: str, allowed: tuple[Any, ...], default: Any) -> Any:
    """A field that may only have one of the `allowed` values, since the module builds nothing else."""
    value = config.get(name, default)
    if value not in allowed:
        choices = " or ".join(repr(each) for each in allowed)
        raise CheckpointError(f"config: {name} is {value!r}; need {choices}; other architectures are not built")
    return value

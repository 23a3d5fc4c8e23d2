"""A network of ours in a folder: its sizes and what it is in `config.json`, its tensors beside it in half precision.

Matrices and kernels may be rounded to 8 bits instead, each row with a scale of its own, which lies beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gsv_build.checkpoints.errors import UnreadableCheckpoint
from gsv_build.checkpoints.keys import check_keys, float32, shapes_of
from gsv_build.checkpoints.reading import read_tensors

CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"
_SCALE = ":scale"  # after the name of a rounded tensor
_LARGEST_ROUNDED = 127

Module = TypeVar("Module", bound=nn.Module)


def save_module(folder: Path, module: nn.Module, config: Mapping[str, Any], rounded: bool = False) -> None:
    """Write a network, its tensors whole or not at all.

    Args:
        folder: made if need be.
        module: the network.
        config: what it is, and its sizes.
        rounded: whether tensors of two axes and more are written at 8 bits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{TENSOR_FILE}.part"
    tensors: dict[str, Tensor] = {}
    for key, tensor in module.state_dict().items():
        tensors |= _rounded(key, tensor) if rounded and tensor.dim() > 1 else {key: tensor.half().contiguous()}
    save_file(tensors, partial)
    partial.replace(folder / TENSOR_FILE)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _rounded(key: str, tensor: Tensor) -> dict[str, Tensor]:
    """A tensor at 8 bits, and the scale of each of its rows."""
    rows = tensor.float().flatten(1)
    scale = rows.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / _LARGEST_ROUNDED
    return {key: (rows / scale[:, None]).round().to(torch.int8).view(tensor.shape), f"{key}{_SCALE}": scale}


def _restored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor as float32, those of 8 bits times their scales."""
    found = {}
    for key, tensor in tensors.items():
        scale = tensors.get(f"{key}{_SCALE}")
        if tensor.dtype is torch.int8 and scale is not None and scale.shape == tensor.shape[:1]:
            found[key] = tensor.float() * scale.view(-1, *(1,) * (tensor.dim() - 1))
        elif not (key.endswith(_SCALE) and key.removesuffix(_SCALE) in tensors):
            found[key] = float32(tensor)
    return found


def sizes_in(folder: Path, config: Mapping[str, Any], kind: Any, largest: int) -> Any:
    """Make a dataclass of sizes from a configuration, each from 1 to `largest`.

    Raises:
        UnreadableCheckpoint: a size is missing, unknown, or no whole number that memory can bear.
    """
    names = {field.name for field in fields(kind)}
    wrong = [name for name in names if type(config.get(name)) is not int or not 0 < config[name] <= largest]
    if config.keys() != names or wrong:
        raise UnreadableCheckpoint(
            f"{folder / CONFIG_FILE} gives {', '.join(sorted(config))}; need whole numbers from 1 to {largest} for "
            f"{', '.join(sorted(names))}"
        )
    return kind(**config)


def load_module(folder: Path, make: Callable[[], Module], subject: str) -> Module:
    """Read a network as float32, in evaluation mode.

    Raises:
        CheckpointError: the tensors are missing, damaged, or not those of its sizes.
    """
    with torch.device("meta"):  # no memory is taken before the tensors have been seen
        module = make()
    tensors = check_keys(_restored(read_tensors(folder / TENSOR_FILE)), shapes_of(module), subject=subject)
    module.load_state_dict(tensors, assign=True)
    return module.eval()

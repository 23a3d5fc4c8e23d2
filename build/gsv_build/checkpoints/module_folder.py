"""A network of ours in a folder: its sizes and what it is in `config.json`, its tensors beside it in half precision."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import nn

from gsv_build.checkpoints.errors import UnreadableCheckpoint
from gsv_build.checkpoints.keys import check_keys, float32, shapes_of
from gsv_build.checkpoints.reading import read_tensors

CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"

Module = TypeVar("Module", bound=nn.Module)


def save_module(folder: Path, module: nn.Module, config: Mapping[str, Any]) -> None:
    """Write a network, its tensors whole or not at all; the folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{TENSOR_FILE}.part"
    save_file({key: tensor.detach().half().contiguous() for key, tensor in module.state_dict().items()}, partial)
    partial.replace(folder / TENSOR_FILE)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


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
    tensors = check_keys(read_tensors(folder / TENSOR_FILE), shapes_of(module), subject=subject)
    module.load_state_dict({key: float32(tensor) for key, tensor in tensors.items()}, assign=True)
    return module.eval()

"""Vocoders that take HiFi-GAN's place in a weights directory: a folder with a configuration and tensors.

A kind of vocoder is a plug: a module with the inputs of `contract.VOCODER`, and a row in `VOCODERS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.keys import check_keys, float32, shapes_of
from gsv_build.checkpoints.reading import read_config, read_tensors
from gsv_build.modules import light_vocoder, wavegan
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.modules.wavegan import WaveGan
from gsv_build.sizes import LightVocoderSizes, SovitsSizes, WaveGanSizes
from gsv_runtime.contract import VOCODER, Model
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM

CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"
_LARGEST = 16_384  # size in a configuration


@dataclass(frozen=True)
class VocoderKind:
    """One kind of vocoder.

    Attributes:
        sizes: dataclass of whole numbers; it has `latent` and `global_dim`.
        module: the network, built from its sizes.
        model: what its graph takes and gives: `contract.VOCODER`, or `VOCODER_SPECTRUM`.
        receptive_frames: frames to each side that decide a frame's samples.
    """

    sizes: type[Any]
    module: Callable[[Any], nn.Module]
    model: Model
    receptive_frames: Callable[[Any], int]


VOCODERS: Mapping[str, VocoderKind] = {
    "light": VocoderKind(LightVocoderSizes, LightVocoder, VOCODER_SPECTRUM, light_vocoder.receptive_frames),
    "wavegan": VocoderKind(WaveGanSizes, WaveGan, VOCODER, wavegan.receptive_frames),
}


@dataclass(frozen=True)
class VocoderCheckpoint:
    """A vocoder as it was read: float32, in evaluation mode."""

    kind: VocoderKind
    sizes: Any
    module: nn.Module


def save_vocoder(folder: Path, name: str, module: nn.Module, sizes: Any) -> None:
    """Write a vocoder.

    Args:
        folder: made if need be.
        name: its kind, of `VOCODERS`.
        module: the network.
        sizes: of the kind's dataclass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{TENSOR_FILE}.part"
    save_file({key: tensor.detach().half().contiguous() for key, tensor in module.state_dict().items()}, partial)
    partial.replace(folder / TENSOR_FILE)
    (folder / CONFIG_FILE).write_text(json.dumps({"vocoder": name, **asdict(sizes)}, indent=2) + "\n", encoding="utf-8")


def load_vocoder(folder: Path, sovits: SovitsSizes) -> VocoderCheckpoint:
    """Read a vocoder that goes with an s2.

    Args:
        folder: as `save_vocoder` writes it.
        sovits: sizes of the s2 whose latents it reads.

    Raises:
        CheckpointError: it cannot be read, is of an unknown kind, or was made for another s2.
    """
    config = read_config(folder / CONFIG_FILE)
    name = config.pop("vocoder", None)
    if name not in VOCODERS:
        raise CheckpointError(f"{folder} holds a vocoder {name!r}; need one of {', '.join(sorted(VOCODERS))}")
    kind = VOCODERS[name]
    sizes = _sizes(folder, kind, config)
    for own in ("latent", "global_dim"):
        if getattr(sizes, own) != getattr(sovits, own):
            raise CheckpointError(
                f"{folder} has {own} {getattr(sizes, own)}, the s2 beside it {getattr(sovits, own)}: they do not "
                "belong together; make it again from this s2 (make compress)"
            )
    with torch.device("meta"):  # no memory is taken before the tensors have been seen
        module = kind.module(sizes)
    tensors = check_keys(read_tensors(folder / TENSOR_FILE), shapes_of(module), subject=f"vocoder {name}")
    module.load_state_dict({key: float32(tensor) for key, tensor in tensors.items()}, assign=True)
    return VocoderCheckpoint(kind, sizes, module.eval())


def _sizes(folder: Path, kind: VocoderKind, config: Mapping[str, Any]) -> Any:
    """Sizes of a configuration, every one of them a whole number that memory can bear."""
    names = {field.name for field in fields(kind.sizes)}
    wrong = [name for name in names if type(config.get(name)) is not int or not 0 < config[name] <= _LARGEST]
    if config.keys() != names or wrong:
        raise UnreadableCheckpoint(
            f"{folder / CONFIG_FILE} gives {', '.join(sorted(config))}; need whole numbers from 1 to {_LARGEST} for "
            f"{', '.join(sorted(names))}"
        )
    return kind.sizes(**config)

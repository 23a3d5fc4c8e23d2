"""Vocoders that take HiFi-GAN's place in a weights directory: a folder with a configuration and tensors.

A kind of vocoder is a plug: a module with the inputs of `contract.VOCODER`, and a row in `VOCODERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from gsv_build.checkpoints.errors import CheckpointError
from gsv_build.checkpoints.module_folder import CONFIG_FILE, load_module, save_module, sizes_in
from gsv_build.checkpoints.reading import read_config
from gsv_build.modules import light_vocoder, wavegan
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.modules.wavegan import WaveGan
from gsv_build.sizes import LightVocoderSizes, SovitsSizes, WaveGanSizes
from gsv_runtime.contract import VOCODER, Model
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM

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
    """Write a vocoder, its matrices and kernels at 8 bits.

    Args:
        folder: made if need be.
        name: its kind, of `VOCODERS`.
        module: the network.
        sizes: of the kind's dataclass.
    """
    save_module(folder, module, {"vocoder": name, **asdict(sizes)}, rounded=True)


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
    sizes = sizes_in(folder, config, kind.sizes, _LARGEST)
    for own in ("latent", "global_dim"):
        if getattr(sizes, own) != getattr(sovits, own):
            raise CheckpointError(
                f"{folder} has {own} {getattr(sizes, own)}, the s2 beside it {getattr(sovits, own)}: they do not "
                "belong together; make it again from this s2 (make compress)"
            )
    module = load_module(folder, lambda: kind.module(sizes), f"vocoder {name}")
    return VocoderCheckpoint(kind, sizes, module)

"""Official files to networks: read safely, told apart, checked key by key, built in float32."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor

from gsv_build.checkpoints import keys_bert, keys_hubert, keys_s1, keys_s2, keys_speaker_encoder
from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.reading import read_config, read_pickled, read_tensors, require_file, tensors_of
from gsv_build.checkpoints.sizes_s2 import sovits_sizes
from gsv_build.checkpoints.spellings import with_weight_norm, without_wrappers
from gsv_build.checkpoints.versions import file_clue, refuse_unsupported, version_of_weights
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import BertSizes, HubertSizes, SovitsSizes, SpeakerEncoderSizes, T2SSizes
from gsv_runtime.versions import ModelVersion

CONFIG_FILE = "config.json"
TENSOR_FILES = ("model.safetensors", "pytorch_model.bin")

SizesT = TypeVar("SizesT")
ModuleT = TypeVar("ModuleT")
logger = logging.getLogger("gsv.build")


@dataclass(frozen=True)
class Checkpoint(Generic[SizesT, ModuleT]):
    """A network as it was read: `module` in float32 and evaluation mode, `config` and `info` as the file has them."""

    sizes: SizesT
    module: ModuleT
    config: Mapping[str, Any] = field(default_factory=dict)
    info: str = ""


def load_t2s(path: Path) -> Checkpoint[T2SSizes, T2S]:
    """Read an s1 ``.ckpt``.

    Raises:
        CheckpointError: the file cannot be read, is hostile, or is not an s1 of exactly this architecture.
    """
    weights, config, info = _weight_config_info(path)
    if keys_s2.is_s2(weights) and not keys_s1.is_s1(weights):
        raise CheckpointError(f"{path.name} is an s2 (SoVITS, .pth) file; need an s1 (GPT, .ckpt); give it as S2")
    sizes = keys_s1.t2s_sizes(config, weights)
    logger.info("checkpoint read file=%s stage=t2s layers=%d phones=%d", path.name, sizes.layers, sizes.num_phones)
    return Checkpoint(sizes, keys_s1.to_module(weights, sizes), config, info)


def load_sovits(path: Path) -> Checkpoint[SovitsSizes, keys_s2.SovitsModules]:
    """Read an s2 ``.pth`` of v1, v2, v2Pro or v2ProPlus; `sizes.version` tells which.

    Raises:
        UnsupportedCheckpoint: v3, v4 or LoRA.
        CheckpointError: the file cannot be read, is hostile, or is not an s2 of exactly this architecture.
    """
    require_file(path)
    clue = file_clue(path)
    if clue is not None:
        refuse_unsupported(path.name, clue.version, clue.lora, clue.reason)
    weights, config, info = _weight_config_info(path)
    if keys_s1.is_s1(weights):
        raise CheckpointError(f"{path.name} is an s1 (GPT, .ckpt) file; need an s2 (SoVITS, .pth); give it as S1")
    weights = with_weight_norm(weights)
    version = version_of_weights(path.name, weights, config, clue)
    sizes = sovits_sizes(config, weights, version)
    logger.info("checkpoint read file=%s stage=sovits version=%s", path.name, version.value)
    return Checkpoint(sizes, keys_s2.to_modules(weights, sizes), config, info)


def load_hubert(directory: Path) -> Checkpoint[HubertSizes, Hubert]:
    """Read a Hugging Face `HubertModel` directory, ``.bin`` or safetensors.

    Raises:
        CheckpointError: a file is missing, cannot be read, is hostile, or holds another architecture.
    """
    config, weights = _directory(directory, "hubert")
    sizes = keys_hubert.hubert_sizes(config)
    return Checkpoint(sizes, keys_hubert.to_module(weights, sizes), config)


def load_bert(directory: Path) -> Checkpoint[BertSizes, Bert]:
    """Read a Hugging Face BERT directory, ``.bin`` or safetensors.

    Raises:
        CheckpointError: a file is missing, cannot be read, is hostile, or holds another architecture.
    """
    config, weights = _directory(directory, "bert")
    sizes = keys_bert.bert_sizes(config)
    return Checkpoint(sizes, keys_bert.to_module(weights, sizes), config)


def load_speaker_encoder(path: Path) -> Checkpoint[SpeakerEncoderSizes, SpeakerEncoder]:
    """Read an ERes2NetV2 ``.ckpt``: a bare state dict.

    Raises:
        CheckpointError: the file cannot be read, is hostile, or holds another architecture.
    """
    weights = read_tensors(path)
    sizes = keys_speaker_encoder.speaker_encoder_sizes(weights)
    return Checkpoint(sizes, keys_speaker_encoder.to_module(weights, sizes))


def _weight_config_info(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """The three entries of an s1 or s2 file."""
    content = read_pickled(path)
    if "lora_rank" in content:
        refuse_unsupported(path.name, ModelVersion.V3, True, f"it holds lora_rank {content['lora_rank']!r}")
    missing = [name for name in ("weight", "config") if name not in content]
    if missing:
        held = ", ".join(sorted(str(name) for name in content)[:10])
        raise CheckpointError(
            f"{path.name} has no entry {' and no entry '.join(missing)}; it holds {held}; need a weights file of "
            "GPT-SoVITS, not a training checkpoint (logs/.../G_*.pth); use the one under *_weights*/"
        )
    config = content["config"]
    if {"f0", "sr"} <= content.keys():
        raise CheckpointError(f"{path.name} is a voice of RVC, which changes voices; need one of GPT-SoVITS")
    if not isinstance(config, dict):
        raise CheckpointError(f"{path.name}: config is a {type(config).__name__}; need a dict or utils.HParams")
    return without_wrappers(tensors_of(content["weight"], f"{path.name}: weight")), config, str(content.get("info", ""))


def _directory(directory: Path, model_type: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """config.json and the tensors of a Hugging Face directory."""
    if not directory.is_dir():
        raise UnreadableCheckpoint(f"{directory} is not a directory; fetch it with `python -m gsv_build weights`")
    config = read_config(directory / CONFIG_FILE)
    if config.get("model_type", model_type) != model_type:
        raise CheckpointError(
            f"{directory.name}: config.json describes a {config['model_type']!r} model; need {model_type!r}"
        )
    for name in TENSOR_FILES:
        if (directory / name).is_file():
            return config, read_tensors(directory / name)
    raise UnreadableCheckpoint(
        f"{directory} has neither {' nor '.join(TENSOR_FILES)}; fetch it with `python -m gsv_build weights`"
    )

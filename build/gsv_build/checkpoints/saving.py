"""Networks to official files, so that upstream and every other tool for them can read what we make."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from gsv_build.checkpoints import keys_bert, keys_hubert, keys_s1, keys_s2, keys_speaker_encoder
from gsv_build.checkpoints.loading import CONFIG_FILE
from gsv_build.checkpoints.official_configs import sovits_config, t2s_config
from gsv_build.checkpoints.versions import digits_of
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import BertSizes, HubertSizes, SovitsSizes, T2SSizes
from gsv_runtime.contract import SSL_SAMPLE_RATE_HZ

VOCABULARY_FILE = "vocab.txt"


def save_t2s(path: Path, module: T2S, info: str = "GPT-e0", half: bool = True) -> None:
    """Write an s1 ``.ckpt``.

    Args:
        path: file to write, replaced as a whole.
        module: the network; its own sizes become the config.
        info: free text, upstream's "GPT-e8" (epoch).
        half: store fp16, as fine-tuned files do, instead of fp32.
    """
    write_t2s(path, keys_s1.from_module(module), module.sizes, info, half)


def save_sovits(
    path: Path, modules: keys_s2.SovitsModules, sizes: SovitsSizes, info: str = "0epoch_0iteration", half: bool = True
) -> None:
    """Write an s2 ``.pth``, with upstream's version digits at its head for v2Pro and v2ProPlus; else as `save_t2s`."""
    write_sovits(path, keys_s2.from_modules(modules), sizes, info, half)


def save_hubert(directory: Path, module: Hubert, half: bool = True, safetensors: bool = False) -> None:
    """Write a Hugging Face `HubertModel` directory."""
    write_hubert(directory, keys_hubert.from_module(module), module.sizes, half, safetensors)


def save_bert(
    directory: Path, module: Bert, vocabulary: Sequence[str], half: bool = True, safetensors: bool = False
) -> None:
    """Write a Hugging Face BERT directory; `vocabulary` is its tokens in the order of their ids."""
    write_bert(directory, keys_bert.from_module(module), module.sizes, vocabulary, half, safetensors)


def save_speaker_encoder(path: Path, module: SpeakerEncoder, half: bool = False) -> None:
    """Write an ERes2NetV2 ``.ckpt``."""
    write_speaker_encoder(path, keys_speaker_encoder.from_module(module), half)


def write_t2s(path: Path, weights: Mapping[str, Tensor], sizes: T2SSizes, info: str, half: bool) -> None:
    """Write an s1 ``.ckpt`` from tensors by official names."""
    content = {"weight": _stored(weights, half), "config": t2s_config(sizes), "info": info}
    _replace(path, _pickled(content))


def write_sovits(path: Path, weights: Mapping[str, Tensor], sizes: SovitsSizes, info: str, half: bool) -> None:
    """Write an s2 ``.pth`` from tensors by official names."""
    content = {"weight": _stored(weights, half), "config": sovits_config(sizes), "info": info}
    _replace(path, digits_of(sizes.version) + _pickled(content)[2:])


def write_hubert(
    directory: Path, weights: Mapping[str, Tensor], sizes: HubertSizes, half: bool, safetensors: bool = False
) -> None:
    """Write a HuBERT directory from tensors by official names."""
    preprocessor = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": False,
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0,
        "return_attention_mask": False,
        "sampling_rate": SSL_SAMPLE_RATE_HZ,
    }
    _write_directory(directory, weights, keys_hubert.hubert_config(sizes), half, safetensors)
    _replace(directory / "preprocessor_config.json", _json(preprocessor))


def write_bert(
    directory: Path,
    weights: Mapping[str, Tensor],
    sizes: BertSizes,
    vocabulary: Sequence[str],
    half: bool,
    safetensors: bool = False,
) -> None:
    """Write a BERT directory from tensors by official names."""
    if len(vocabulary) != sizes.vocabulary:
        raise ValueError(f"vocabulary has {len(vocabulary)} tokens; need {sizes.vocabulary}, one for each embedding")
    _write_directory(directory, weights, keys_bert.bert_config(sizes), half, safetensors)
    _replace(directory / VOCABULARY_FILE, ("\n".join(vocabulary) + "\n").encode())


def write_speaker_encoder(path: Path, weights: Mapping[str, Tensor], half: bool) -> None:
    """Write an ERes2NetV2 ``.ckpt`` from tensors by official names."""
    _replace(path, _pickled(_stored(weights, half)))


def _write_directory(
    directory: Path, weights: Mapping[str, Tensor], config: Mapping[str, Any], half: bool, safetensors: bool
) -> None:
    stored = _stored(weights, half)
    if safetensors:
        _replace(directory / "model.safetensors", safetensors_bytes(stored, metadata={"format": "pt"}))
    else:
        _replace(directory / "pytorch_model.bin", _pickled(stored))
    _replace(directory / CONFIG_FILE, _json({**config, "torch_dtype": "float16" if half else "float32"}))


def _stored(weights: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    """Tensors as files hold them: contiguous, on the CPU, fp16 or fp32; counters as they are.

    A tensor under two names stays one, so that `torch.save` writes it once.
    """
    dtype = torch.float16 if half else torch.float32
    once: dict[int, Tensor] = {}
    for tensor in weights.values():
        if id(tensor) not in once:
            there = tensor.detach().cpu().to(dtype) if tensor.is_floating_point() else tensor.cpu()
            once[id(tensor)] = there.contiguous()
    return {name: once[id(tensor)] for name, tensor in weights.items()}


def _pickled(content: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    return buffer.getvalue()


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole: a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(data)
    partial.replace(path)

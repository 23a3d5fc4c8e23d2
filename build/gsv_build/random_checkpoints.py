"""`python -m gsv_build random`: a complete set of checkpoints in the official formats, with random weights.

For demos before a trained voice is at hand, for tests and for benchmarks. Every layer is different, so that no
runtime can gain by sharing equal weights; the same seed gives the same files.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from gsv_build.checkpoints import keys_bert, keys_hubert, keys_s1, keys_s2, keys_speaker_encoder, saving
from gsv_build.checkpoints.sizes_s2 import CODEBOOK
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.seeded_weights import seeded_tensor
from gsv_build.size_presets import PRESETS, network_sizes
from gsv_build.weights import (
    BERT_DIRECTORY,
    HUBERT_DIRECTORY,
    SOVITS_FILE,
    SPEAKER_ENCODER_FILE,
    T2S_FILE,
    WeightFiles,
    find_weights,
)
from gsv_runtime.versions import SUPPORTED, ModelVersion

_INFO = "random weights, not trained"
_FIRST_IDEOGRAPH = 0x4E00
_IDEOGRAPHS = 20_902
_CODEBOOK = CODEBOOK.removesuffix("embed")
_SPECIAL_TOKENS = ("[UNK]", "[CLS]", "[SEP]", "[MASK]")  # ids 100 to 103, as in every Chinese BERT

logger = logging.getLogger("gsv.build")


def write_random_checkpoints(
    directory: Path, version: ModelVersion, preset: str = "small", seed: int = 0, half: bool = True
) -> WeightFiles:
    """Write s1, s2, HuBERT, BERT and, where the version needs it, the speaker encoder.

    Args:
        directory: weights directory to fill.
        version: of the model; v1, v2, v2Pro or v2ProPlus.
        preset: "official" or "small" sizes.
        seed: another seed gives other weights everywhere.
        half: store fp16 (the weights drawn are exact in it) instead of fp32.

    Returns:
        The files written.
    """
    sizes = network_sizes(version, preset)
    with torch.device("meta"):
        t2s, sovits = T2S(sizes.t2s), keys_s2.SovitsModules.of(sizes.sovits)
        hubert, bert, speaker_encoder = Hubert(sizes.hubert), Bert(sizes.bert), SpeakerEncoder(sizes.speaker_encoder)
    steps = tqdm(total=4 + version.uses_speaker_embedding, desc="random checkpoints", unit="file", file=sys.stderr)
    with steps:
        drawn = _draw(_shapes(keys_s1.from_module(t2s)), seed)
        saving.write_t2s(directory / T2S_FILE, drawn, sizes.t2s, _INFO, half)
        steps.update()
        drawn = _draw({**keys_s2.official_shapes(sovits), **_codebook_sums(sizes.sovits.codebook)}, seed)
        drawn[f"{_CODEBOOK}embed_avg"] = drawn[f"{_CODEBOOK}embed"].clone()
        saving.write_sovits(directory / SOVITS_FILE, drawn, sizes.sovits, _INFO, half)
        steps.update()
        drawn = _draw(_shapes(keys_hubert.from_module(hubert)), seed)
        saving.write_hubert(directory / HUBERT_DIRECTORY, drawn, sizes.hubert, half)
        steps.update()
        drawn = _draw(_shapes(keys_bert.from_module(bert)), seed)
        vocabulary = random_vocabulary(sizes.bert.vocabulary)
        saving.write_bert(directory / BERT_DIRECTORY, drawn, sizes.bert, vocabulary, half)
        steps.update()
        if version.uses_speaker_embedding:
            drawn = _draw(_shapes(keys_speaker_encoder.from_module(speaker_encoder)), seed)
            saving.write_speaker_encoder(directory / SPEAKER_ENCODER_FILE, drawn, half)
            steps.update()
    return find_weights(directory, version)


def random_vocabulary(size: int) -> list[str]:
    """Tokens for a BERT without training: the special ones at their usual ids, then ASCII and the ideographs."""
    tokens = ["[PAD]", *(f"[unused{number}]" for number in range(1, 100)), *_SPECIAL_TOKENS]
    tokens += [chr(code) for code in range(0x21, 0x7F)]
    tokens += list("，。！？、；：“”‘’（）《》…—·")
    tokens += [chr(_FIRST_IDEOGRAPH + index) for index in range(_IDEOGRAPHS)]
    tokens += [f"[unused{number}]" for number in range(100, 100 + size)]
    return tokens[:size]


def _codebook_sums(entries: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the codebook's training state, which upstream demands."""
    return {f"{_CODEBOOK}inited": (1,), f"{_CODEBOOK}cluster_size": (entries,)}


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def _draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Draw each tensor by its official name."""
    drawn = {name: torch.from_numpy(seeded_tensor(name, shape, seed)) for name, shape in shapes.items()}
    counters = [name for name in drawn if name.endswith("num_batches_tracked")]
    return {**drawn, **{name: drawn[name].long() for name in counters}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m gsv_build random`."""
    parser.add_argument("--version", choices=[version.value for version in SUPPORTED], default="v2")
    parser.add_argument("--size", choices=PRESETS, default="small")
    parser.add_argument("-o", "--output", type=Path, required=True, help="weights directory to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fp32", action="store_true", help="store fp32 instead of fp16")


def run(arguments: argparse.Namespace) -> int:
    """Write the set; prints its directory."""
    version = ModelVersion(arguments.version)
    write_random_checkpoints(arguments.output, version, arguments.size, arguments.seed, not arguments.fp32)
    logger.info("random weights written version=%s size=%s seed=%d", version.value, arguments.size, arguments.seed)
    sys.stdout.write(f"{arguments.output}\n")
    return 0

"""`python -m gsv_build random`: a complete set of checkpoints in the official formats, with random weights.

For demos before a trained voice is at hand, for tests and for benchmarks. Every layer is different, so that no
runtime can gain by sharing equal weights; the same seed gives the same files.
"""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from gsv_build.checkpoints import keys_bert, keys_hubert, keys_s1, keys_s2, keys_speaker_encoder, saving
from gsv_build.checkpoints.sizes_s2 import CODEBOOK
from gsv_build.checks.seeded_weights import seeded_tensor
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.size_presets import SIZE_PRESETS, NetworkSizes, network_sizes
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
    write_voice(directory, sizes, seed, half)
    write_encoders(directory, sizes, seed, half)
    return find_weights(directory, version)


def write_voice(directory: Path, sizes: NetworkSizes, seed: int = 0, half: bool = True) -> None:
    """Write s1 and s2, which differ from version to version."""
    shapes = official_shapes(sizes)
    with tqdm(total=2, desc="random s1, s2", unit="file") as progress:
        saving.write_t2s(directory / T2S_FILE, draw(shapes["s1"], seed), sizes.t2s, _INFO, half)
        progress.update()
        saving.write_sovits(directory / SOVITS_FILE, draw(shapes["s2"], seed), sizes.sovits, _INFO, half)
        progress.update()


def write_encoders(directory: Path, sizes: NetworkSizes, seed: int = 0, half: bool = True) -> None:
    """Write HuBERT, BERT and, where the version needs it, the speaker encoder, which versions share."""
    shapes, pro = official_shapes(sizes), sizes.sovits.version.uses_speaker_embedding
    with tqdm(total=2 + pro, desc="random encoders", unit="file") as progress:
        saving.write_hubert(directory / HUBERT_DIRECTORY, draw(shapes["hubert"], seed), sizes.hubert, half)
        progress.update()
        vocabulary = random_vocabulary(sizes.bert.vocabulary)
        saving.write_bert(directory / BERT_DIRECTORY, draw(shapes["bert"], seed), sizes.bert, vocabulary, half)
        progress.update()
        if pro:
            drawn = draw(shapes["speaker_encoder"], seed)
            saving.write_speaker_encoder(directory / SPEAKER_ENCODER_FILE, drawn, half)
            progress.update()


def random_vocabulary(size: int) -> list[str]:
    """Tokens for a BERT without training: the special ones at their usual ids, then ASCII and the ideographs."""
    tokens = ["[PAD]", *(f"[unused{number}]" for number in range(1, 100)), *_SPECIAL_TOKENS]
    tokens += [chr(code) for code in range(0x21, 0x7F)]
    tokens += list("，。！？、；：“”‘’（）《》…—·")
    tokens += [chr(_FIRST_IDEOGRAPH + index) for index in range(_IDEOGRAPHS)]
    tokens += [f"[unused{number}]" for number in range(100, 100 + size)]
    return tokens[:size]


@functools.cache
def official_shapes(sizes: NetworkSizes) -> Mapping[str, Mapping[str, tuple[int, ...]]]:
    """Name and shape of every tensor that each official file of these sizes holds; nothing is allocated."""
    with torch.device("meta"):
        sovits = keys_s2.official_shapes(keys_s2.SovitsModules.of(sizes.sovits))
        weights = {
            "s1": keys_s1.from_module(T2S(sizes.t2s)),
            "hubert": keys_hubert.from_module(Hubert(sizes.hubert)),
            "bert": keys_bert.from_module(Bert(sizes.bert)),
            "speaker_encoder": keys_speaker_encoder.from_module(SpeakerEncoder(sizes.speaker_encoder)),
        }
    shapes = {file: {name: tuple(tensor.shape) for name, tensor in held.items()} for file, held in weights.items()}
    # The codebook's training state: of no use here, but upstream does not load a file without it.
    training = {"inited": (1,), "cluster_size": (sizes.sovits.codebook,), "embed_avg": sovits[CODEBOOK]}
    shapes["s2"] = sovits | {CODEBOOK.removesuffix("embed") + name: shape for name, shape in training.items()}
    return shapes


def draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Draw each tensor by its official name."""
    drawn = {name: torch.from_numpy(seeded_tensor(name, shape, seed)) for name, shape in shapes.items()}
    counters = [name for name in drawn if name.endswith("num_batches_tracked")]
    return {**drawn, **{name: drawn[name].long() for name in counters}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m gsv_build random`."""
    parser.add_argument("--version", choices=[version.value for version in SUPPORTED], default="v2")
    parser.add_argument("--size", choices=SIZE_PRESETS, default="small")
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

"""The corpus as codes: each utterance as it stands, and as a reference, with the zeros that the server appends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gsv_build.modules.hubert import Hubert
from gsv_build.modules.quantizer import Quantizer
from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus
from gsv_demo.run import half_products
from gsv_demo.spectra import halved

REFERENCE_ZEROS = 9600  # 16 kHz samples
_REFERENCE_STRIDE = 3  # utterances for each that is also tokenized as a prompt
_SURPLUS_SAMPLES = 80  # HuBERT reads 400 samples for the last frame's 320: without them the last token is lost
_BATCH, _BATCH_CUDA = 16, 128


@dataclass(frozen=True)
class Codes:
    """Codes of one utterance, 25 a second: [T] int64 each.

    Attributes:
        spoken: of the utterance alone.
        reference: of the utterance with zeros appended, as prompts are; empty for most utterances.
    """

    spoken: Array
    reference: Array


@torch.no_grad()
def tokenize(hubert: Hubert, quantizer: Quantizer, audios: Sequence[Array]) -> list[Array]:
    """Codes [T] int64 of each [N] float32 at 32 kHz, computed as one padded batch."""
    device = next(hubert.parameters()).device
    lengths = torch.tensor([len(audio) // 2 for audio in audios], device=device)
    width = max(map(len, audios))
    audio = torch.from_numpy(np.stack([np.pad(audio, (0, width - len(audio))) for audio in audios])).to(device)
    codes = quantizer(hubert(halved(audio), lengths).float()).cpu().numpy()
    counts = (hubert.frame_lengths(lengths) // 2).tolist()
    return [row[:count] for row, count in zip(codes, counts, strict=True)]


def tokenize_corpus(corpus: Corpus, hubert: Hubert, quantizer: Quantizer, path: Path) -> list[Codes]:
    """Codes of every item, in order; made once for a corpus, kept in `path`."""
    if path.exists():
        with np.load(path) as kept:
            if len(kept["spoken_ends"]) == len(corpus.items):
                return _codes(kept)
    spoken = _tokenize_all(corpus, hubert, quantizer, range(len(corpus.items)), _SURPLUS_SAMPLES)
    reference = _tokenize_all(corpus, hubert, quantizer, _prompts(corpus), REFERENCE_ZEROS)
    np.savez(path, **_joined("spoken", spoken), **_joined("reference", reference))
    with np.load(path) as kept:
        return _codes(kept)


def _codes(kept: Mapping[str, Array]) -> list[Codes]:
    """Codes as they are kept in a file."""
    spoken = np.split(kept["spoken"].astype(np.int64), kept["spoken_ends"][:-1])
    reference = np.split(kept["reference"].astype(np.int64), kept["reference_ends"][:-1])
    return [Codes(*pair) for pair in zip(spoken, reference, strict=True)]


def _prompts(corpus: Corpus) -> list[int]:
    """Every third utterance of each voice, the first among them."""
    seen: Counter[str] = Counter()
    chosen = []
    for index, item in enumerate(corpus.items):
        if seen[item.voice] % _REFERENCE_STRIDE == 0:
            chosen.append(index)
        seen[item.voice] += 1
    return chosen


def _tokenize_all(
    corpus: Corpus, hubert: Hubert, quantizer: Quantizer, indices: Sequence[int], zeros: int
) -> list[Array]:
    """Codes of the items named, so many zeros at 16 kHz appended to each; none for the other items."""
    found = [np.zeros(0, np.int64)] * len(corpus.items)
    ordered = sorted(indices, key=lambda index: corpus.items[index].samples)
    device = next(hubert.parameters()).device.type
    batch = _BATCH_CUDA if device == "cuda" else _BATCH
    for at in tqdm(range(0, len(ordered), batch), desc="codes", mininterval=10):
        group = ordered[at : at + batch]
        audios = [np.pad(corpus.waveform(corpus.items[index]), (0, 2 * zeros)) for index in group]
        with half_products(device):
            codes = tokenize(hubert, quantizer, audios)
        for index, row in zip(group, codes, strict=True):
            found[index] = row
    return found


def _joined(name: str, rows: Sequence[Array]) -> dict[str, Array]:
    """Rows end to end, and where each ends, for a file."""
    return {name: np.concatenate(rows).astype(np.int16), f"{name}_ends": np.cumsum([len(row) for row in rows])}

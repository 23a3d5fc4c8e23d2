"""What the content encoder learns to hear in each 40 ms: phones, and pitch and spectrum relative to the voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus, Item
from gsv_demo.spectra import halved, magnitudes, mel_filters, pitch
from gsv_runtime.contract import SAMPLES_PER_TOKEN, SSL_SAMPLE_RATE_HZ

HOP = 640  # of 16 kHz samples: one token
BANDS = 20
PHONES = (
    "pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
).split()
UNLABELLED = -100
_WINDOW = 1024


_BLOCK_TOKENS = 1024  # measured at a time
_EDGE_TOKENS = 2  # read on each side of a block


@dataclass(frozen=True)
class Labels:
    """Targets of the whole corpus, token by token; token t begins at sample 1280 t of `Corpus.audio`.

    Attributes:
        pitch: [T] float32, log pitch normalised within the voice; 0 where unvoiced.
        voiced: [T] float32, 1 or 0.
        shape: [T, 20] float32, log mel normalised within the voice.
    """

    pitch: Array
    voiced: Array
    shape: Array


def first_token(item: Item) -> int:
    """Token of the labels at which an utterance begins."""
    return item.start // SAMPLES_PER_TOKEN


def num_tokens(item: Item) -> int:
    """Whole tokens of an utterance."""
    return item.samples // SAMPLES_PER_TOKEN


def frame_phones(item: Item, times_s: Array) -> Array:
    """Phone index of `PHONES` at each time; silence beyond the ends, `UNLABELLED` for an unknown phone."""
    if not item.ends_s:
        return np.full(len(times_s), UNLABELLED)
    index = np.searchsorted(np.asarray(item.ends_s), times_s)
    known = [PHONES.index(name) if name in PHONES else UNLABELLED for name in item.phones]
    found = np.array([*known, 0])[np.minimum(index, len(known))]
    found[times_s < 0] = 0
    return found


def make_labels(corpus: Corpus, path: Path, device: str = "cpu") -> Labels:
    """Measure pitch and spectrum of everything, once for a corpus; kept in `path`.

    Args:
        corpus: what is spoken.
        path: of the file to keep.
        device: "cpu" or "cuda".
    """
    total = len(corpus.audio) // SAMPLES_PER_TOKEN
    if path.exists():
        with np.load(path) as kept:
            if len(kept["pitch"]) == total:
                return Labels(kept["pitch"], kept["voiced"], kept["shape"].astype(np.float32))
    log_pitch, shape = np.zeros(total, np.float32), np.zeros((total, BANDS), np.float32)
    for first in tqdm(range(0, total, _BLOCK_TOKENS), desc="labels", mininterval=10):
        last = min(total, first + _BLOCK_TOKENS)
        audio = halved(_with_edges(corpus.audio, first, last, device)[None])[0]
        log_pitch[first:last] = _log_pitch(audio, last - first)
        shape[first:last] = _shape(audio, last - first)
    voiced = (log_pitch > 0).astype(np.float32)
    for spoken in _tokens_by_voice(corpus).values():
        heard = spoken[voiced[spoken] > 0]
        if len(heard):
            spread = max(float(log_pitch[heard].std()), 1e-3)
            log_pitch[heard] = np.clip((log_pitch[heard] - log_pitch[heard].mean()) / spread, -3, 3)
        shape[spoken] = (shape[spoken] - shape[spoken].mean(axis=0)) / shape[spoken].std(axis=0).clip(1e-3)
    np.savez(path, pitch=log_pitch, voiced=voiced, shape=shape.astype(np.float16))
    return Labels(log_pitch, voiced, shape)


def _tokens_by_voice(corpus: Corpus) -> dict[str, Array]:
    """Indices of the tokens that each voice speaks."""
    found: dict[str, list[Array]] = {}
    for item in corpus.items:
        found.setdefault(item.voice, []).append(np.arange(num_tokens(item)) + first_token(item))
    return {voice: np.concatenate(indices) for voice, indices in found.items()}


def _with_edges(audio: Array, first: int, last: int, device: str) -> torch.Tensor:
    """Samples of some tokens and of `_EDGE_TOKENS` to each side, zeros beyond the array's ends; 32 kHz."""
    begin, end = ((token) * SAMPLES_PER_TOKEN for token in (first - _EDGE_TOKENS, last + _EDGE_TOKENS))
    inside = audio[max(0, begin) : min(len(audio), end)]
    padded = np.pad(inside, (max(0, -begin), max(0, end - len(audio))))
    return torch.from_numpy(padded.astype(np.float32) / 32768.0).to(device)


def _log_pitch(audio: torch.Tensor, count: int) -> Array:
    """Log pitch at the middle of each token, 0 where unvoiced; audio [N] at 16 kHz begins `_EDGE_TOKENS` early."""
    hertz = pitch(audio[_EDGE_TOKENS * HOP - HOP // 2 :], SSL_SAMPLE_RATE_HZ, HOP)[1 : count + 1]
    return np.asarray(torch.where(hertz > 0, hertz.clamp(min=1.0).log(), hertz).cpu().numpy())


def _shape(audio: torch.Tensor, count: int) -> Array:
    """Log mel energies [count, 20] around the middle of each token."""
    edge = (_WINDOW - HOP) // 2
    begin = _EDGE_TOKENS * HOP - edge
    spectrum = magnitudes(audio[begin : begin + count * HOP + 2 * edge][None], _WINDOW, HOP)
    filters = mel_filters(_WINDOW, BANDS, SSL_SAMPLE_RATE_HZ, 8000.0).to(audio.device)
    return np.asarray((filters @ spectrum[0]).clamp(min=1e-4).log().T[:count].cpu().numpy())

"""What the content encoder learns to hear in each 40 ms: phones, and pitch and spectrum relative to the voice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus, Item
from gsv_demo.spectra import magnitudes, mel_filters, pitch
from gsv_demo.speech import SAMPLE_RATE_HZ

HOP = 640  # of 16 kHz samples: one token
BANDS = 20
SILENCE = "pau"
PHONES = (
    "pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
).split()
UNLABELLED = -100
_WINDOW = 1024


@dataclass(frozen=True)
class Labels:
    """Targets of the whole corpus, token by token, end to end.

    Attributes:
        starts: first token of each item.
        pitch: [T] float32, log pitch normalised within the voice; 0 where unvoiced.
        voiced: [T] float32, 1 or 0.
        shape: [T, 20] float32, log mel normalised within the voice.
    """

    starts: Array
    pitch: Array
    voiced: Array
    shape: Array


def num_tokens(samples: int) -> int:
    """Tokens that so many 16 kHz samples give."""
    return samples // HOP


def frame_phones(item: Item, times_s: Array) -> Array:
    """Phone index of `PHONES` at each time; silence beyond the ends, `UNLABELLED` for an unknown phone."""
    if not item.ends_s:
        return np.full(len(times_s), UNLABELLED)
    index = np.searchsorted(np.asarray(item.ends_s), times_s)
    known = [PHONES.index(name) if name in PHONES else UNLABELLED for name in item.flite_phones]
    found = np.array([*known, 0])[np.minimum(index, len(known))]
    found[times_s < 0] = 0
    return found


def make_labels(corpus: Corpus, path: Path) -> Labels:
    """Measure pitch and spectrum of every utterance, once; kept in `path`."""
    if path.exists():
        with np.load(path) as kept:
            return Labels(kept["starts"], kept["pitch"], kept["voiced"], kept["shape"])
    counts = [num_tokens(item.samples) for item in corpus.items]
    starts = np.concatenate([[0], np.cumsum(counts)])
    log_pitch, shape = np.zeros(starts[-1], np.float32), np.zeros((starts[-1], BANDS), np.float32)
    for index, item in enumerate(tqdm(corpus.items, desc="labels")):
        audio = torch.from_numpy(corpus.waveform(item))
        here = slice(starts[index], starts[index + 1])
        log_pitch[here] = _log_pitch(audio, counts[index])
        shape[here] = _shape(audio, counts[index])
    voiced = (log_pitch > 0).astype(np.float32)
    for voice in {item.voice for item in corpus.items}:
        spoken = np.zeros(starts[-1], bool)
        for index, item in enumerate(corpus.items):
            if item.voice == voice:
                spoken[starts[index] : starts[index + 1]] = True
        heard = spoken & (voiced > 0)
        log_pitch[heard] = np.clip((log_pitch[heard] - log_pitch[heard].mean()) / log_pitch[heard].std(), -3, 3)
        shape[spoken] = (shape[spoken] - shape[spoken].mean(axis=0)) / shape[spoken].std(axis=0)
    labels = Labels(starts, log_pitch.astype(np.float32), voiced, shape)
    np.savez(path, starts=starts, pitch=labels.pitch, voiced=voiced, shape=shape)
    return labels


def _log_pitch(audio: torch.Tensor, count: int) -> Array:
    """Log pitch at the middle of each token, 0 where unvoiced."""
    hertz = pitch(torch.nn.functional.pad(audio, (0, HOP))[HOP // 2 :], SAMPLE_RATE_HZ, HOP)[:count]
    result = np.zeros(count, np.float32)
    result[: len(hertz)] = torch.where(hertz > 0, hertz.clamp(min=1.0).log(), hertz).numpy()
    return result


def _shape(audio: torch.Tensor, count: int) -> Array:
    """Log mel energies [count, 20] around the middle of each token."""
    edge = (_WINDOW - HOP) // 2
    padded = torch.nn.functional.pad(audio, (edge, edge + HOP))[None]
    spectrum = magnitudes(padded, _WINDOW, HOP)
    filters = mel_filters(_WINDOW, BANDS, SAMPLE_RATE_HZ)
    return (filters @ spectrum[0]).clamp(min=1e-4).log().T[:count].numpy()

"""What is measured of speech: word errors, mel-cepstral distance, speaker similarity, utterances gone wrong.

All on 16 kHz mono. Axis letters: ``N`` samples, ``F`` frames of 10 ms, ``C`` cepstral coefficients.

Source: Kubichek 1993, "Mel-cepstral distance measure" (with dynamic time warping, since lengths differ); Hatch et al.
2006, "Within-class covariance normalization" with cosine scoring, here on utterance statistics of cepstra.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jiwer
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Array = NDArray[np.float64]

RATE_HZ = 16_000
_WINDOW, _HOP, _FFT = 400, 160, 512
_BANDS = 40
_COEFFICIENTS = 19  # without c0, which is loudness
_DISTANCE_COEFFICIENTS = 13
_SPEECH_DB = 40.0  # frames this far below the loudest are silence
_SHRINKAGE = 0.1
TRUNCATED_SHARE, RUNAWAY_SHARE = 0.6, 1.6  # of the original's duration
_REPEATED_WORDS = 2


def spoken_words(text: str) -> str:
    """Text as a recogniser writes it: lower case, hyphens as spaces, no punctuation but apostrophes."""
    lower = re.sub(r"[-–—]", " ", text.lower())
    return " ".join(re.sub(r"[^a-z' ]", " ", lower).split())


def word_error_rate(texts: Sequence[str], heard: Sequence[str]) -> float:
    """Wrong, missing and surplus words over words said, all sentences together.

    Args:
        texts: what was said.
        heard: what was recognised, in the same order.
    """
    return float(jiwer.wer([spoken_words(text) for text in texts], [spoken_words(text) or "-" for text in heard]))


def mel_cepstra(samples: NDArray[np.float32]) -> Array:
    """Mel-frequency cepstra `[F, 1 + 19]` of [N] samples; column 0 is loudness."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), n=_FFT, axis=1)) ** 2
    log_mel = np.log(power @ _mel_filters().T + 1e-9)
    return np.asarray(dct(log_mel, type=2, norm="ortho", axis=1)[:, : 1 + _COEFFICIENTS])


@lru_cache(maxsize=1)
def _mel_filters() -> Array:
    """Triangles `[40, 257]` equally wide on the mel scale, 80 Hz to 7.6 kHz."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (80.0, 7600.0))
    edges = np.linspace(low, high, _BANDS + 2)
    edges_hz = 700 * (10 ** (edges / 2595) - 1)
    bins_hz = np.arange(_FFT // 2 + 1) * RATE_HZ / _FFT
    rising = (bins_hz - edges_hz[:-2, None]) / (edges_hz[1:-1] - edges_hz[:-2])[:, None]
    falling = (edges_hz[2:, None] - bins_hz) / (edges_hz[2:] - edges_hz[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling))


def mel_cepstral_distance(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Decibels between two utterances, mean along the best alignment in time; loudness is left out.

    Args:
        first: [N].
        second: [N'].
    """
    # From the orthonormal transform of log power to the usual scale, that of log amplitude = c0 + 2 sum(c cos).
    scale = 1 / (2 * np.sqrt(2 * _BANDS))
    a, b = (scale * mel_cepstra(samples)[:, 1 : 1 + _DISTANCE_COEFFICIENTS] for samples in (first, second))
    cost = np.sqrt(np.maximum(0.0, (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T))
    total, steps = _align(cost)
    return float(10 / np.log(10) * np.sqrt(2) * total / steps)


def _align(cost: Array) -> tuple[float, int]:
    """Cheapest path through `cost` [F, F'] from corner to corner: its sum and its number of cells."""
    best = np.full((cost.shape[0] + 1, cost.shape[1] + 1), np.inf)
    steps = np.zeros(best.shape, dtype=np.int64)
    best[0, 0] = 0.0
    for diagonal in range(2, best.shape[0] + best.shape[1] - 1):
        rows = np.arange(max(1, diagonal - cost.shape[1]), min(cost.shape[0], diagonal - 1) + 1)
        columns = diagonal - rows
        before = np.stack([best[rows - 1, columns - 1], best[rows - 1, columns], best[rows, columns - 1]])
        counts = np.stack([steps[rows - 1, columns - 1], steps[rows - 1, columns], steps[rows, columns - 1]])
        choice = before.argmin(axis=0)
        best[rows, columns] = cost[rows - 1, columns - 1] + before.min(axis=0)
        steps[rows, columns] = counts[choice, np.arange(rows.size)] + 1
    return float(best[-1, -1]), int(steps[-1, -1])


def speaker_statistics(samples: NDArray[np.float32]) -> Array:
    """Mean and standard deviation of an utterance's cepstra over its speech, `[38]`; loudness is left out."""
    cepstra = mel_cepstra(samples)
    loudness = cepstra[:, 0] * 10 / np.log(10) / np.sqrt(_BANDS)
    speech = cepstra[loudness > loudness.max() - _SPEECH_DB, 1:]
    return np.concatenate([speech.mean(axis=0), speech.std(axis=0)])


@dataclass(frozen=True)
class SpeakerSpace:
    """A space in which utterances of one speaker lie close, learnt from original recordings."""

    centre: Array  # [38]
    whitening: Array  # [38, 38]
    speakers: Mapping[str, Array]  # mean direction of each

    @staticmethod
    def learn(recordings: Mapping[str, Sequence[NDArray[np.float32]]]) -> SpeakerSpace:
        """Learn from several recordings of each of two or more speakers."""
        statistics = {name: np.stack([speaker_statistics(one) for one in many]) for name, many in recordings.items()}
        centre = np.stack([rows.mean(axis=0) for rows in statistics.values()]).mean(axis=0)
        within = np.concatenate([rows - rows.mean(axis=0) for rows in statistics.values()])
        covariance = within.T @ within / len(within)
        covariance += _SHRINKAGE * np.diag(np.diag(covariance))
        whitening = np.linalg.inv(np.linalg.cholesky(covariance))
        space = SpeakerSpace(centre, whitening, {})
        means = {name: space.direction(rows.mean(axis=0)) for name, rows in statistics.items()}
        return SpeakerSpace(centre, whitening, means)

    def direction(self, statistics: Array) -> Array:
        """Unit vector of an utterance's statistics."""
        moved = self.whitening @ (statistics - self.centre)
        return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12))

    def similarities(self, samples: NDArray[np.float32]) -> dict[str, float]:
        """Cosine, -1 to 1, between an utterance and each speaker."""
        direction = self.direction(speaker_statistics(samples))
        return {name: float(direction @ mean) for name, mean in self.speakers.items()}


def fault(text: str, heard: str, duration_s: float, original_s: float) -> str:
    """What went wrong with an utterance as a whole; empty if nothing.

    Args:
        text: what should be said.
        heard: what was recognised.
        duration_s: of the utterance.
        original_s: of the same text from the original voice.

    Returns:
        "empty", "truncated" (shorter than 0.6 of the original), "run-away" (longer than 1.6), "repeated" (two or
        more words in a row recognised twice, one right after the other, more often than in the text), or "".
    """
    if duration_s == 0:
        return "empty"
    if duration_s > RUNAWAY_SHARE * original_s:
        return "run-away"
    if duration_s < TRUNCATED_SHARE * original_s:
        return "truncated"
    return "repeated" if _immediate_repeats(heard) > _immediate_repeats(text) else ""


def _immediate_repeats(text: str) -> int:
    """Places where two or more words are said and at once said again."""
    words = spoken_words(text).split()
    return sum(
        words[start : start + width] == words[start + width : start + 2 * width]
        for width in range(_REPEATED_WORDS, len(words) // 2 + 1)
        for start in range(len(words) - 2 * width + 1)
    )

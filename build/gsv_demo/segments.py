"""Random pieces of the corpus as 32 kHz batches: the segment to speak and another clip of the same voice."""

from __future__ import annotations

import random

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus, Item
from gsv_runtime.contract import SAMPLES_PER_FRAME

_SAMPLES_16K = SAMPLES_PER_FRAME // 2  # of one frame at 16 kHz


def upsample(audio_16k: Array) -> Array:
    """[..., N] at 16 kHz to [..., 2 N] at 32 kHz, float32."""
    return resample_poly(audio_16k, 2, 1, axis=-1).astype(np.float32)


def cut(corpus: Corpus, item: Item, start_frame: int, frames: int) -> Array:
    """Frames of one utterance, zeros beyond its ends.

    Returns:
        [320 * frames] float32 at 16 kHz.
    """
    piece = np.zeros(frames * _SAMPLES_16K, np.float32)
    first = start_frame * _SAMPLES_16K
    begin, end = max(0, first), min(item.samples, first + len(piece))
    if end > begin:
        piece[begin - first : end - first] = corpus.audio[item.start + begin : item.start + end]
    return piece / 32768.0


class Segments:
    """Draws segments, all voices equally often."""

    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus = corpus
        self.rng = random.Random(seed)
        self.voices = sorted({item.voice for item in corpus.items})
        self.items = {voice: corpus.of_voice(voice) for voice in self.voices}

    def draw(self, count: int, frames: int) -> tuple[Tensor, list[str]]:
        """Random segments.

        Args:
            count: how many.
            frames: length of each, 640 samples a frame.

        Returns:
            [count, 640 * frames] float32 at 32 kHz, and the voice of each.
        """
        voices = [self.voices[index % len(self.voices)] for index in range(count)]
        pieces = []
        for voice in voices:
            item = self.rng.choice(self.items[voice])
            last = max(0, item.samples // _SAMPLES_16K - frames)
            pieces.append(cut(self.corpus, item, self.rng.randint(0, last), frames))
        return torch.from_numpy(upsample(np.stack(pieces))), voices

    def references(self, voices: list[str], frames: int) -> Tensor:
        """One random clip [len(voices), 640 * frames] at 32 kHz for each voice named."""
        pieces = []
        for voice in voices:
            item = self.rng.choice(self.items[voice])
            last = max(0, item.samples // _SAMPLES_16K - frames)
            pieces.append(cut(self.corpus, item, self.rng.randint(0, last), frames))
        return torch.from_numpy(upsample(np.stack(pieces)))

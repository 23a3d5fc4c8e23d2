"""Random pieces of the corpus as 32 kHz batches: the segment to speak and another clip of the same voice."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus, Item, drawn_voices
from gsv_runtime.contract import SAMPLES_PER_FRAME


def cut(corpus: Corpus, item: Item, start_frame: int, frames: int) -> Array:
    """Frames of one utterance, zeros beyond its ends.

    Returns:
        [640 * frames] float32 at 32 kHz.
    """
    piece = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    first = start_frame * SAMPLES_PER_FRAME
    begin, end = max(0, first), min(item.samples, first + len(piece))
    if end > begin:
        piece[begin - first : end - first] = corpus.audio[item.start + begin : item.start + end]
    return piece / 32768.0


class Segments:
    """Draws segments."""

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
        voices = drawn_voices(self.rng, {voice: len(items) for voice, items in self.items.items()}, count)
        pieces = []
        for voice in voices:
            item = self.rng.choice(self.items[voice])
            last = max(0, item.samples // SAMPLES_PER_FRAME - frames)
            pieces.append(cut(self.corpus, item, self.rng.randint(0, last), frames))
        return torch.from_numpy(np.stack(pieces)), voices

    def references(self, voices: list[str], frames: int) -> Tensor:
        """One random clip [len(voices), 640 * frames] at 32 kHz for each voice named."""
        pieces = []
        for voice in voices:
            item = self.rng.choice(self.items[voice])
            last = max(0, item.samples // SAMPLES_PER_FRAME - frames)
            pieces.append(cut(self.corpus, item, self.rng.randint(0, last), frames))
        return torch.from_numpy(np.stack(pieces))

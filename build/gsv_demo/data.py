"""What others need of the data: held-out texts, and how flite itself says them."""

from __future__ import annotations

import functools

import numpy as np

from gsv_demo import sentences, speech
from gsv_demo.arrays import Array
from gsv_demo.recipe import SHIPPED, Recipe

VOICES = speech.ENGLISH_VOICES
HELD_OUT_VOICE = speech.HELD_OUT_VOICE
SAMPLE_RATE_HZ = speech.SAMPLE_RATE_HZ


@functools.lru_cache
def held_out(recipe: Recipe = SHIPPED) -> tuple[str, ...]:
    """English sentences that no training text equals, 4 to 14 words each, always the same."""
    training = set(sentences.training_texts(recipe.english_texts))
    return tuple(sentences.held_out_texts(recipe.held_out_texts, training))


def original(text: str, voice: str) -> Array:
    """The text as flite says it.

    Args:
        text: one English sentence.
        voice: one of `VOICES`, or `HELD_OUT_VOICE`.

    Returns:
        [N] float32 in [-1, 1] at 16 kHz, with 0.1 s of silence at each end.
    """
    return speech.speak(text, voice).audio.astype(np.float32) / 32768.0

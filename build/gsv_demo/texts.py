"""Which texts are for judging and which for training: the first are drawn first, and the second never equal them."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator

from gsv_demo import everyday, sentences
from gsv_demo.japanese import japanese_sentence

_HELD_OUT_SEED = 40_000
# What is left are rare words. Drawn by share, not by length: half of all words stand in sentences of 15 and more.
_EVERYDAY_SHARE, _GRAMMAR_SHARE, _LONG_SHARE = 0.48, 0.2, 0.15
_LANGUAGES = ("en", "zh", "ja")


@functools.lru_cache
def held_out(language: str, count: int = 100) -> tuple[str, ...]:
    """Texts to judge by, always the same.

    English ones are written by hand, or follow patterns that training does not know, or are of the grammar; the first
    of them are the longest, 20 words and more.

    Args:
        language: "en", "zh" or "ja".
        count: how many.

    Raises:
        ValueError: another language.
    """
    if language == "en":
        written = [*everyday.LONG_HELD_OUT, *everyday.HELD_OUT_SENTENCES]
        patterned = everyday.held_out_everyday(count, _HELD_OUT_SEED)
        grammar = sentences.held_out_texts(count, set(), _HELD_OUT_SEED)
        alternating = [text for pair in zip(patterned, grammar, strict=True) for text in pair]
        return tuple([*written, *alternating][:count])
    return tuple(_distinct(language, count, random.Random(_HELD_OUT_SEED)))


def training(language: str, count: int, seed: int) -> list[str]:
    """Distinct texts of which none is held out.

    Args:
        language: "en", "zh" or "ja".
        count: how many.
        seed: same seed, same texts.
    """
    kept = set(held_out(language, 400 if language == "en" else 100))
    texts: list[str] = []
    for text in _distinct(language, 2 * count + len(kept), random.Random(seed)):
        if text not in kept:
            texts.append(text)
        if len(texts) == count:
            break
    return texts


def _distinct(language: str, count: int, rng: random.Random) -> Iterator[str]:
    """Up to `count` texts, each once."""
    if language not in _LANGUAGES:
        raise ValueError(f"no texts in {language!r}; there are {', '.join(_LANGUAGES)}")
    words = sentences.rare_words() if language == "en" else []
    seen: set[str] = set()
    while len(seen) < count:
        text = _draw(language, words, rng)
        if text not in seen:
            seen.add(text)
            yield text


def _draw(language: str, words: list[str], rng: random.Random) -> str:
    if language == "zh":
        return sentences.mandarin_sentence(rng)
    if language == "ja":
        return japanese_sentence(rng)
    share = rng.random()
    if share < _EVERYDAY_SHARE:
        return everyday.everyday_sentence(rng)
    if share < _EVERYDAY_SHARE + _LONG_SHARE:
        return sentences.long_sentence(rng)
    if share < _EVERYDAY_SHARE + _LONG_SHARE + _GRAMMAR_SHARE or not words:
        return sentences.grammar_sentence(rng)
    return sentences.salad_sentence(rng, words)

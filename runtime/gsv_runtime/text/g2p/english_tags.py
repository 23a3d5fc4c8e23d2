"""Penn part-of-speech tags of English words, to choose between readings of a heteronym.

Source: the conditional random field of `gruut-lang-en` (MIT; trained on Universal Dependencies) and the
features that gruut's `pos.py` computes for it. About 0.3 ms a sentence.
"""

from __future__ import annotations

import base64
import functools
import string
import threading
from collections.abc import Sequence
from importlib.metadata import distribution

import pycrfsuite

Features = dict[str, str | bool | float]
_CONTEXT_WORDS = 2
_lock = threading.Lock()


@functools.cache
def _tagger() -> pycrfsuite.Tagger:
    tagger = pycrfsuite.Tagger()
    tagger.open(str(distribution("gruut-lang-en").locate_file("gruut_lang_en/pos/model.crf")))
    return tagger


def tags(words: Sequence[str]) -> list[str]:
    """One Penn tag for each word or mark of a sentence."""
    sentence = [_in_context(words, index) for index in range(len(words))]
    with _lock:  # a CRFsuite tagger holds the sentence it works on
        return list(_tagger().tag(sentence)) if words else []


@functools.lru_cache(maxsize=16_384)
def _features(word: str, prefix: str) -> Features:
    """Features of a word, their names behind `prefix`; not to be changed."""
    return {f"{prefix}{name}": value for name, value in _word_features(word).items()}


def _word_features(word: str) -> Features:
    features: Features = {
        "bias": 1.0,
        "word": base64.b64encode(word.encode()).decode("ascii"),
        "len(word)": len(word),
        "word.ispunctuation": word in string.punctuation,
        "word.isdigit()": word.isdigit(),
    }
    for size in (2, 3):
        features[f"word[:{size}]"] = word[:size]
        features[f"word[-{size}:]"] = word[-size:]
    return features


def _in_context(words: Sequence[str], index: int) -> Features:
    features = dict(_features(words[index], ""))
    if index == 0:
        features["BOS"] = True
    if index == len(words) - 1:
        features["EOS"] = True
    for distance in range(1, _CONTEXT_WORDS + 1):
        if index >= distance:
            features |= _features(words[index - distance], f"-{distance}:")
        if index + distance < len(words):
            features |= _features(words[index + distance], f"+{distance}:")
    return features

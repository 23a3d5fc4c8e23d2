"""Keys and entries by number; imports nothing of the tests, so that other processes can use it."""

import hashlib

import numpy as np

from gsv_runtime.cache import Entry, Key


def key(number, kind="audio"):
    return Key(kind, hashlib.sha256(str(number).encode()).hexdigest())


def entry(number, num_samples=100):
    waveform = np.random.default_rng(number).standard_normal(num_samples).astype(np.float32)
    return Entry({"waveform": waveform}, {"number": 10_000 + number})


def same(a, b):
    return (
        a is not None
        and dict(a.facts) == dict(b.facts)
        and a.arrays.keys() == b.arrays.keys()
        and all(a.arrays[name].tobytes() == b.arrays[name].tobytes() for name in a.arrays)
    )

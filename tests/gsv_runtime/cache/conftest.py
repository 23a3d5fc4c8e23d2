"""Keys, entries, a place for figures, and services that speak with a cache."""

import json
import threading
from collections import Counter

import numpy as np
import pytest

from gsv_runtime.cloning import derive_voice
from gsv_runtime.metrics import CACHE_METRICS
from gsv_runtime.speech import SpeechService
from gsv_runtime.speech_request import ReferenceRequest

from .speaking import SETTINGS, Counts


class Figures:
    """Metrics that a test can read; names and labels are checked against the table, as Triton would."""

    def __init__(self):
        self._specs = {spec.name: spec for spec in CACHE_METRICS}
        self._values = Counter()
        self._lock = threading.Lock()

    def add(self, name, value=1.0, **labels):
        with self._lock:
            self._values[self._series(name, labels)] += value

    def set(self, name, value, **labels):
        self._values[self._series(name, labels)] = value

    def observe(self, name, value, **labels):
        with self._lock:
            self._values[self._series(name, labels)] += 1

    def __call__(self, name, **labels):
        """Sum over the series that have these labels."""
        with self._lock:
            values = list(self._values.items())
        return sum(
            value
            for (found, has), value in values
            if found == f"gsv_cache_{name}" and labels.items() <= dict(has).items()
        )

    def _series(self, name, labels):
        known = self._specs[name].labels or {}
        assert labels.keys() == known.keys()
        assert all(value in known[label] for label, value in labels.items())
        return name, tuple(sorted(labels.items()))


@pytest.fixture
def figures():
    return Figures()


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def start(facts, tmp_path, counts):
    """Makes a service on one repository; `build` changes what it says of itself."""
    running = []

    def make(settings=SETTINGS, build=None, **options):
        described = {"facts": {}, "stages": {"t2s": "x"}, "files": {"t2s": "y"}} if build is None else build
        (tmp_path / "build.json").write_text(json.dumps(described))
        service = SpeechService(settings, facts, tmp_path, counts, **options)
        running.append(service)
        return service

    yield make
    for service in running:
        service.close()


@pytest.fixture
def service(start):
    return start()


@pytest.fixture
def register(service, make_stages, make_recording):
    """A function that registers a recording of some loudness as `ann`."""

    def make(level):
        reference = ReferenceRequest(make_recording(level=level), "hi", "en", trim=False)
        service.voices.add("ann", derive_voice(reference, make_stages(), service.facts))

    return make


@pytest.fixture
def recording(make_recording):
    return make_recording()


@pytest.fixture
def ask(recording):
    def make(text="ab,cde", seed=4, reference=recording, **more):
        given = {"text": text, "prompt_text": "hi", "streaming": "sentence", **more}
        arrays = {name: np.array([value], object) for name, value in given.items() if isinstance(value, str)}
        arrays |= {name: np.array([value]) for name, value in given.items() if not isinstance(value, str)}
        arrays["reference_audio"] = np.array([reference], object)
        return arrays if seed is None else arrays | {"seed": np.array([seed])}

    return make

"""Services that speak with a cache, and what to ask them."""

import json

import numpy as np
import pytest

from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.tts.service import SpeechService
from gsv_runtime.voices.cloning import derive_voice

from ...conftest import first_of
from .speaking import SETTINGS, Counts


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
        service = SpeechService(settings, Catalogue(tmp_path, first_of(facts)), tmp_path, tmp_path, counts, **options)
        running.append(service)
        return service

    yield make
    for service in running:
        service.close()


@pytest.fixture
def service(start):
    return start()


@pytest.fixture
def register(service, facts, make_stages, make_recording):
    """A function that registers a recording of some loudness as `ann`."""

    def make(level):
        reference = ReferenceRequest(make_recording(level=level), "hi", "en", trim=False)
        service.context.voices.add("ann", derive_voice(reference, make_stages(), facts), reference)

    return make


@pytest.fixture
def recording(make_recording):
    return make_recording()


@pytest.fixture
def ask(recording):
    def make(text="ab,cde", seed=4, reference=recording, **more):
        given = {"text": text, "prompt_text": "this is what is said in the clip", "streaming": "sentence", **more}
        arrays = {name: np.array([value], object) for name, value in given.items() if isinstance(value, str)}
        arrays |= {name: np.array([value]) for name, value in given.items() if not isinstance(value, str)}
        arrays["reference_audio"] = np.array([reference], object)
        return arrays if seed is None else arrays | {"seed": np.array([seed])}

    return make

"""A second fine-tune beside the first, in a server that runs."""

import json

import numpy as np
import pytest

from gsv_build.added_models import add_model, remove_model
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.deployment import PRESETS
from gsv_build.weights import Chosen
from gsv_runtime.versions import ModelVersion

SAID = {"text": "One two three.", "language": "en", "voice": "low", "seed": 4}


@pytest.fixture(scope="module")
def bob(repository, tmp_path_factory):
    """A fine-tune that the server's repository gets, and loses again."""
    weights = tmp_path_factory.mktemp("bob")
    write_random_checkpoints(weights, ModelVersion.V2, seed=9)
    base = Chosen(base=repository.parent / "weights")
    add_model(repository, PRESETS["cpu"], weights, "bob", chosen=base)
    yield "bob"
    remove_model(repository, "bob")


def ask(client, action, **inputs):
    """One call to `models`."""
    answer = client.stub.ModelInfer(client.request("models", {"action": action, **inputs}), timeout=60)
    data, shown = answer.raw_output_contents[0], []
    while data:
        size = int.from_bytes(data[:4], "little")
        shown.append(json.loads(data[4 : 4 + size]))
        data = data[4 + size :]
    return {each["model"]: each for each in shown}


def said(client, **more):
    chunks, error = client.say({**SAID, **more})
    assert error is None
    return np.concatenate([chunk.waveform for chunk in chunks])


def test_a_fine_tune_is_loaded_when_it_is_asked_for_and_says_its_own_whatever_others_say(client, registered, bob):
    first = said(client)
    assert not ask(client, "list")[bob]["loaded"]
    own = said(client, model=bob)
    assert own.shape != first.shape or not np.array_equal(own, first)
    assert ask(client, "list")[bob]["loaded"]
    assert np.array_equal(said(client), first)
    assert np.array_equal(said(client, model=bob), own)
    ask(client, "unload", name=bob)
    assert np.array_equal(said(client, model=bob), own)


def test_a_name_that_is_not_there_is_refused_with_those_that_are(client, registered, bob):
    _, error = client.say({**SAID, "model": "eve"})
    assert "InvalidRequest: model 'eve' is not served; need one of default, bob" in error

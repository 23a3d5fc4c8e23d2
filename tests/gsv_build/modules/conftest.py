"""Stored outputs of the reference implementations."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def golden():
    """Returns a function from a name to (weights by official name, inputs, output, config); see golden-modules.md."""

    def read(name):
        with np.load(DATA / f"golden-{name}.npz") as file:
            arrays = {key: torch.from_numpy(file[key]) for key in file.files if key != "config"}
            config = json.loads(str(file["config"]))
        weights = {key.removeprefix("weight/"): value for key, value in arrays.items() if key.startswith("weight/")}
        inputs = {key.removeprefix("input/"): value for key, value in arrays.items() if key.startswith("input/")}
        return weights, inputs, arrays["output"], config

    return read

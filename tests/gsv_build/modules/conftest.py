"""Stored outputs of the reference implementations."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_build.checks.seeded_weights import seeded_tensor

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def golden():
    """Returns a function from a name to (weights by official name, inputs, output, config); see golden-modules.md."""

    def read(name):
        with np.load(DATA / f"golden-{name}.npz") as file:
            shapes, noise, config = (json.loads(str(file[key])) for key in ("weights", "noise", "config"))
            inputs = {key.removeprefix("input/"): file[key] for key in file.files if key.startswith("input/")}
            output = torch.from_numpy(file["output"])
        weights = {key: torch.from_numpy(seeded_tensor(key, shape)) for key, shape in shapes.items()}
        inputs |= {key: _noise(**each) for key, each in noise.items()}
        return weights, {key: torch.from_numpy(each) for key, each in inputs.items()}, output, config

    return read


def _noise(shape, scale):
    return np.float32(scale) * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)

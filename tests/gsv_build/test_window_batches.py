"""Windows of different requests run in one padded batch, and each hears what it would have heard alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gsv_runtime import contract
from gsv_runtime.graphs.stage import OnnxStage
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.tensors import NUMPY_DTYPES, Array, Arrays
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.decoding import Noise, SentenceDecoder
from gsv_runtime.versions import ModelVersion

from ..small_repositories import built_weights, graph_of

pytestmark = pytest.mark.slow

SPEEDS = (1.0, 0.8, 1.0, 1.5)
LENGTHS = (70, 33, 9, 50)  # tokens: windows at the start, in the middle and at the end of sentences
PLAIN = ChunkSchedule(first_tokens=6, max_tokens=16, lookahead_tokens=5, encoder_tokens=20, bucket=1)
BUCKETS = ChunkSchedule(first_tokens=6, max_tokens=16, lookahead_tokens=5, encoder_tokens=20, bucket=8)


class Graphs:
    """Small graphs behind `Stages`; keeps every call."""

    def __init__(self) -> None:
        self.sizes = built_weights(ModelVersion.V2).sovits.sizes
        self.stages = {
            model.name: OnnxStage.open(model, graph_of(ModelVersion.V2, model.name), 1)
            for model in (contract.ACOUSTIC, contract.VOCODER)
        }
        self.calls: list[tuple[str, Arrays]] = []

    def call(self, model: contract.Model, **inputs: Any) -> Arrays:
        dtypes = {tensor.name: NUMPY_DTYPES[tensor.dtype] for tensor in model.inputs}
        arrays = {name: np.asarray(value, dtypes[name]) for name, value in inputs.items()}
        self.calls.append((model.name, arrays))
        return self.stages[model.name].run([arrays])[0]

    def speak(self, seed: int, schedule: ChunkSchedule) -> Array:
        """One request."""
        generator, sizes = np.random.default_rng(seed), self.sizes
        facts = CheckpointFacts("v2", "", sizes.latent, sizes.global_dim, 0, False, 0, 0, 8, 11)
        phones = generator.integers(0, sizes.num_phones, 3 + 2 * seed)
        condition = generator.standard_normal((1, sizes.global_dim)).astype(np.float32)
        decoder = SentenceDecoder(phones, condition, Noise(seed, 0.5), SPEEDS[seed], facts, self, schedule)  # type: ignore[arg-type]
        return np.concatenate(list(decoder.push(generator.integers(0, sizes.codebook, LENGTHS[seed]), finished=True)))


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return Graphs()


def snr_db(signal: Array, other: Array) -> float:
    return 10 * float(np.log10(np.square(signal).sum() / max(np.square(signal - other).sum(), 1e-20)))


@pytest.mark.parametrize("name", ["acoustic", "vocoder"])
def test_windows_of_different_requests_in_one_batch_are_what_they_are_alone(graphs: Graphs, name: str) -> None:
    graphs.calls.clear()
    for seed in range(len(LENGTHS)):
        graphs.speak(seed, PLAIN)
    calls = [inputs for called, inputs in graphs.calls if called == name]
    shapes = {tuple(array.shape for array in inputs.values()) for inputs in calls}
    assert len(shapes) >= 4, "the windows are all alike; the batch would not be padded"
    together = graphs.stages[name].run(calls)
    for inputs, answer in zip(calls, together, strict=True):
        alone = graphs.stages[name].run([inputs])[0]
        for output in alone:
            assert answer[output].shape == alone[output].shape
            assert snr_db(alone[output], answer[output]) > 90


def test_windows_padded_to_buckets_sound_the_same_and_take_fewer_shapes(graphs: Graphs) -> None:
    shapes = {}
    for schedule in (PLAIN, BUCKETS):
        graphs.calls.clear()
        audio = [graphs.speak(seed, schedule) for seed in range(len(LENGTHS))]
        shapes[schedule.bucket] = {array["latents"].shape for name, array in graphs.calls if name == "vocoder"}
        if schedule is PLAIN:
            expected = audio
    for plain, padded in zip(expected, audio, strict=True):
        assert plain.shape == padded.shape
        assert snr_db(plain, padded) > 90
    assert len(shapes[8]) < len(shapes[1])

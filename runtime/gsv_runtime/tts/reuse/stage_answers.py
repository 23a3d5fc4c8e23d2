"""Stages that are not called twice with the same inputs: the text front end and BERT, which have no other state."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from gsv_runtime import contract
from gsv_runtime.cache.entry import Entry
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.tts.reuse.computed_once import ComputeOnce
from gsv_runtime.tts.reuse.keys import Fingerprints, stage_key

REMEMBERED = (contract.TEXT_FRONTEND, contract.BERT)


class RememberedStages:
    """`Stages` that look into the cache first."""

    def __init__(
        self, stages: Stages, once: ComputeOnce, fingerprints: Fingerprints, check: Callable[[], None]
    ) -> None:
        """Ask `stages` for what is not known; `check` raises to stop waiting for another request that asks them."""
        self._stages = stages
        self._once = once
        self._fingerprints = fingerprints
        self._check = check

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage, if its answer is not known; see `Stages.call`."""
        if model not in REMEMBERED:
            return self._stages.call(model, sequence=sequence, **inputs)
        key = stage_key(model.name, inputs, self._fingerprints)
        return self._once.get(
            key,
            lambda: self._stages.call(model, **inputs),
            lambda answer, compute_s: stage_entry(model, answer, compute_s),
            lambda entry: stage_answer(model, entry),
            self._check,
        )

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked."""
        return self._stages.take_times_ms()


def stage_entry(model: contract.Model, answer: Arrays, compute_s: float) -> Entry:
    """A stage's answer as it is kept: texts are no arrays there."""
    texts = {tensor.name: json.dumps(list(answer[tensor.name])) for tensor in model.outputs if tensor.dtype == "STRING"}
    arrays = {name: array for name, array in answer.items() if name not in texts}
    return Entry(arrays, {**texts, "compute_s": compute_s})


def stage_answer(model: contract.Model, entry: Entry) -> Arrays:
    """The answer again; its arrays are read-only."""
    answer: Arrays = dict(entry.arrays)
    for tensor in model.outputs:
        if tensor.dtype == "STRING":
            texts = json.loads(str(entry.facts[tensor.name]))
            answer[tensor.name] = np.empty(len(texts), dtype=np.object_)
            answer[tensor.name][:] = texts
    return answer

"""Stages that are not called twice with the same inputs: the text front end and BERT, which have no other state."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from gsv_runtime import contract
from gsv_runtime.cache.entry import Entry
from gsv_runtime.cache.keys import Fingerprints, stage_key
from gsv_runtime.cache.tiers import Cache
from gsv_runtime.metrics import Metrics
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays

REMEMBERED = (contract.TEXT_FRONTEND, contract.BERT)
_COMPUTE_S = "compute_s"


class RememberedStages:
    """`Stages` that look into the cache first."""

    def __init__(self, stages: Stages, cache: Cache, fingerprints: Fingerprints, metrics: Metrics) -> None:
        self._stages = stages
        self._cache = cache
        self._fingerprints = fingerprints
        self._metrics = metrics

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Runs one stage, if its answer is not known; see `Stages.call`."""
        if model not in REMEMBERED:
            return self._stages.call(model, sequence=sequence, **inputs)
        key = stage_key(model.name, inputs, self._fingerprints)
        entry = self._cache.get(key)
        if entry is not None:
            self._metrics.add("gsv_cache_saved_seconds_total", float(entry.facts[_COMPUTE_S]), kind=key.kind)
            return answer_of(model, entry)
        began_s = time.perf_counter()
        answer = self._stages.call(model, **inputs)
        self._cache.put(key, entry_of(model, answer, time.perf_counter() - began_s))
        return answer

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked."""
        return self._stages.take_times_ms()


def entry_of(model: contract.Model, answer: Arrays, compute_s: float) -> Entry:
    """A stage's answer as it is kept: texts are no arrays there."""
    texts = {tensor.name: json.dumps(list(answer[tensor.name])) for tensor in model.outputs if tensor.dtype == "STRING"}
    arrays = {name: array for name, array in answer.items() if name not in texts}
    return Entry(arrays, {**texts, _COMPUTE_S: compute_s})


def answer_of(model: contract.Model, entry: Entry) -> Arrays:
    """The answer again; its arrays are read-only."""
    answer: Arrays = dict(entry.arrays)
    for tensor in model.outputs:
        if tensor.dtype == "STRING":
            texts = json.loads(str(entry.facts[tensor.name]))
            answer[tensor.name] = np.empty(len(texts), dtype=np.object_)
            answer[tensor.name][:] = texts
    return answer

"""The stages without Triton: what is left of a request's time when nothing has to be sent anywhere."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np

from gsv_build.checks.module_stages import SequenceRunner, TextFrontend
from gsv_runtime import contract
from gsv_runtime.graphs.opening import graph_of, open_graph
from gsv_runtime.model_files import T2S_GRAPH_FILE
from gsv_runtime.settings import ONNX_RUNTIME, OnnxStageSettings
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.tensors import NUMPY_DTYPES, Arrays


class TimedStages:
    """Adds up the time of every call to the stages inside it."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._times_ms: dict[str, float] = {}

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run and time one stage."""
        started = time.perf_counter()
        try:
            return self._stages.call(model, sequence=sequence, **inputs)
        finally:
            spent_ms = 1e3 * (time.perf_counter() - started)
            self._times_ms[model.name] = self._times_ms.get(model.name, 0.0) + spent_ms

    def new_sequence_id(self) -> int:
        """As the stages inside."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds by stage since this was last asked."""
        times, self._times_ms = self._times_ms, {}
        return times


class OnnxStages:
    """The graphs of a built repository, run by ONNX Runtime in this process as the server's models run them."""

    def __init__(
        self, repository: Path, text_frontend: TextFrontend, threads: int, cache_rows: int, limit: TextLimit
    ) -> None:
        settings = OnnxStageSettings(intra_op_threads=threads, device="cpu", shapes="", engine=ONNX_RUNTIME)
        folders = {model: repository / model.name / "1" for model in contract.MODELS if model.graph}
        self._stages = {
            model.name: open_graph(model, folder, settings)
            for model, folder in folders.items()
            if graph_of(model, folder).path.is_file()
        }
        t2s = repository / contract.T2S.name / "1" / T2S_GRAPH_FILE
        self._t2s = SequenceRunner(CpuEngine(t2s, 1, cache_rows, threads), limit)
        self._text_frontend = text_frontend
        self._sequence_ids = itertools.count(1)

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        if model is contract.TEXT_FRONTEND:
            return self._text_frontend(**inputs)
        dtypes = {tensor.name: NUMPY_DTYPES[tensor.dtype] for tensor in model.inputs}
        arrays = {name: np.asarray(value, dtype=dtypes[name]) for name, value in inputs.items()}
        if sequence is not None:
            return self._t2s.call(sequence, arrays)
        return self._stages[model.name].run([arrays])[0]

    def new_sequence_id(self) -> int:
        """Count up."""
        return next(self._sequence_ids)

    def take_times_ms(self) -> dict[str, float]:
        """Nothing is timed here; see TimedStages."""
        return {}

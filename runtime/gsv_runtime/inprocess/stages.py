"""`Stages` without a server: each call goes to a model in this process, checked against the contract both ways."""

from __future__ import annotations

import itertools
import logging
import time
from typing import Any, Protocol

from gsv_runtime import contract, tensors
from gsv_runtime.errors import InternalError, SynthesisError
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays

logger = logging.getLogger("gsv.inprocess")

_sequence_ids = itertools.count(1)


class AnsweringModels(Protocol):
    """Who runs the stages: `models.LoadedModels`, or a test's own."""

    def answer(self, model: contract.Model, sequence: SequenceCall | None, inputs: Arrays) -> Arrays:
        """Run one stage on checked inputs."""
        ...


class InProcessStages(Stages):
    """Calls models of this process for one request, and adds up what each took."""

    def __init__(self, models: AnsweringModels) -> None:
        self._models = models
        self._times_ms: dict[str, float] = {}

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage; see `Stages.call`."""
        checked = tensors.check_inputs(model, tensors.to_wire(model, model.inputs, inputs))
        began_s = time.perf_counter()
        try:
            answer = self._models.answer(model, sequence, checked)
        except SynthesisError:
            raise
        except Exception as failure:
            logger.exception("stage failed stage=%s", model.name)
            raise InternalError(f"stage {model.name} failed; the log has the cause") from failure
        finally:
            elapsed_ms = (time.perf_counter() - began_s) * 1e3
            self._times_ms[model.name] = self._times_ms.get(model.name, 0.0) + elapsed_ms
        return tensors.check_outputs(model, tensors.to_wire(model, model.outputs, answer))

    def new_sequence_id(self) -> int:
        """An id that no other sequence of this process has."""
        return next(_sequence_ids)

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds per stage since the last time this was asked."""
        times, self._times_ms = self._times_ms, {}
        return times

"""Stages as one fine-tune runs them: every call names its weights, and holds them while the request lasts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gsv_runtime import contract
from gsv_runtime.contract import LEASE, RELEASE, WEIGHTS_INPUT
from gsv_runtime.errors import SynthesisError
from gsv_runtime.models.catalogue import FineTune
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays

WAITING = "waiting"  # what the answer to a lease says while the weights are not there


class ModelLease:
    """A request's hold on a fine-tune; taken when a stage is first called, so that what is known costs none."""

    def __init__(self, fine_tune: FineTune, first: FineTune, check: Callable[[], None]) -> None:
        """Hold `fine_tune` when need be; the first needs no hold. `check` raises to stop waiting."""
        self.fine_tune = fine_tune
        self._check = check
        self._lock = threading.Lock()
        self._held = fine_tune.first
        self._lease_id = 0
        self._weights = {
            kind: each.weights
            for kind, each in fine_tune.checkpoints.items()
            if not fine_tune.first and each.weights != first.checkpoints[kind].weights
        }

    @property
    def is_taken(self) -> bool:
        """Whether there is something to give back."""
        return self._lease_id != 0

    def weights(self, model: contract.Model) -> int:
        """Id of the weights that a call of `model` is to name; 0 where it names none."""
        return self._weights.get(model.checkpoint, 0)

    def take(self, stages: Stages) -> None:
        """Return when the weights are loaded and will stay.

        Raises:
            SynthesisError: they cannot be loaded, or what `check` raised.
        """
        with self._lock:
            if self._held:
                return
            self._lease_id = stages.new_sequence_id()
            while self._ask(LEASE, stages) == WAITING:
                self._check()
            self._held = True

    def release(self, stages: Stages) -> None:
        """Let go; a hold that is not given back ends with this process."""
        with self._lock, suppress(SynthesisError):
            if self._lease_id:
                self._ask(RELEASE, stages)
            self._lease_id, self._held = 0, self.fine_tune.first

    def _ask(self, action: str, stages: Stages) -> str:
        answer = stages.call(contract.FINE_TUNES, action=action, name=self.fine_tune.name, lease=[self._lease_id])
        state: str = json.loads(str(answer["models"][0]))["state"]
        return state


class ModelStages:
    """`Stages` that run with the weights of one fine-tune."""

    def __init__(self, stages: Stages, lease: ModelLease) -> None:
        self._stages = stages
        self._lease = lease

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage; see `Stages.call`."""
        if model.checkpoint:
            self._lease.take(self._stages)
            weights = self._lease.weights(model)
            if weights and (sequence is None or sequence.start):
                inputs[WEIGHTS_INPUT] = [[weights]] if model.batchable else [weights]
        return self._stages.call(model, sequence=sequence, **inputs)

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked."""
        return self._stages.take_times_ms()

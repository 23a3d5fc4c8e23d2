"""Stages as one fine-tune runs them: every call names its weights, and holds them while the request lasts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any

from gsv_runtime import contract
from gsv_runtime.contract import LEASE, RELEASE, WEIGHTS_INPUT
from gsv_runtime.errors import Cancelled, SynthesisError
from gsv_runtime.jobs import OpenStages
from gsv_runtime.models.catalogue import FineTune
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays

WAITING = "waiting"  # what the answer to a lease says while the weights are not there


class ModelLease:
    """A request's hold on a fine-tune; taken when a stage is first called, so that what is known costs none.

    Taking and giving back are calls to another process. With threads for it, a lease is taken while stages that need no
    weights work, and given back when the answer is on its way; a request waits for neither where both are quick.
    """

    def __init__(
        self,
        fine_tune: FineTune,
        first: FineTune,
        open_stages: OpenStages,
        check: Callable[[], None],
        errands: Executor | None = None,
    ) -> None:
        """Hold `fine_tune` when need be; the first needs no hold.

        Args:
            fine_tune: what to hold.
            first: the server's first, whose weights need no name.
            open_stages: makes stages for the calls to `models`.
            check: raises to stop waiting; it is not called any more once `release` has returned.
            errands: threads that take it and give it back, as many as there are requests at least; without any the
                request's own does.
        """
        self.fine_tune = fine_tune
        self._open_stages = open_stages
        self._check = check
        self._errands = errands
        self._lock = threading.Lock()
        self._taking: Future[None] | None = None  # from when somebody begins to take it
        self._is_let_go = False
        self._lease_id = 0
        self._weights = {
            kind: each.weights
            for kind, each in fine_tune.checkpoints.items()
            if not fine_tune.first and each.weights != first.checkpoints[kind].weights
        }

    @property
    def is_held(self) -> bool:
        """Whether there is nothing to wait for."""
        taking = self._taking
        return self.fine_tune.first or (taking is not None and taking.done() and taking.exception() is None)

    def weights(self, model: contract.Model) -> int:
        """Id of the weights that a call of `model` is to name; 0 where it names none."""
        return self._weights.get(model.checkpoint, 0)

    def take_ahead(self) -> None:
        """Have another thread begin to take it, if there is one for that; return at once."""
        if self._errands is not None and self._begins():
            self._errands.submit(self._take)

    def take(self) -> None:
        """Return when the weights are loaded and will stay.

        Raises:
            SynthesisError: they cannot be loaded, or what `check` raised.
        """
        if self._begins():
            self._take()
        if self._taking is not None:
            self._taking.result()

    def release(self) -> None:
        """Let go, if it was taken; a hold that is not given back ends with this process."""
        with self._lock:
            is_held = self._taking is not None and self._taking.done() and not self._is_let_go
            self._is_let_go = True
        if is_held and self._errands is not None:
            self._errands.submit(self._give_back)
        elif is_held:
            self._give_back()

    def _begins(self) -> bool:
        """Whether whoever asks this is to take it."""
        with self._lock:
            if self.fine_tune.first or self._is_let_go or self._taking is not None:
                return False
            self._taking = Future()
            return True

    def _take(self) -> None:
        assert self._taking is not None
        failure: BaseException | None = None
        try:
            self._wait(self._open_stages())
        except BaseException as raised:
            failure = raised
        with self._lock:
            if failure is None:
                self._taking.set_result(None)
            else:
                self._taking.set_exception(failure)
            is_left_behind = self._is_let_go
        if is_left_behind:
            self._give_back()

    def _wait(self, stages: Stages) -> None:
        self._lease_id = stages.new_sequence_id()
        while self._ask(LEASE, stages) == WAITING:
            with self._lock:
                if self._is_let_go:
                    raise Cancelled()
                self._check()

    def _give_back(self) -> None:
        with suppress(SynthesisError):
            self._ask(RELEASE, self._open_stages())

    def _ask(self, action: str, stages: Stages) -> str:
        answer = stages.call(contract.FINE_TUNES, action=action, name=self.fine_tune.name, lease=[self._lease_id])
        state: str = json.loads(str(answer["models"][0]))["state"]
        return state


class ModelStages:
    """`Stages` that run with the weights of one fine-tune."""

    def __init__(self, stages: Stages, lease: ModelLease) -> None:
        self._stages = stages
        self._lease = lease
        self._waited_ms = 0.0

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage; see `Stages.call`."""
        if not model.checkpoint:
            self._lease.take_ahead()
        else:
            self._take()
            weights = self._lease.weights(model)
            if weights and (sequence is None or sequence.start):
                inputs[WEIGHTS_INPUT] = [[weights]] if model.batchable else [weights]
        return self._stages.call(model, sequence=sequence, **inputs)

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked; in `models`, those that the lease held it up."""
        times = self._stages.take_times_ms()
        if self._waited_ms:
            times[contract.FINE_TUNES.name], self._waited_ms = self._waited_ms, 0.0
        return times

    def _take(self) -> None:
        if not self._lease.is_held:
            began_s = time.perf_counter()
            self._lease.take()
            self._waited_ms += 1e3 * (time.perf_counter() - began_s)

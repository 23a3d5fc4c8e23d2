"""What the model `models` does with a request: list, load, unload and pin fine-tunes, and lease them to requests.

Calls come from Triton's thread and are answered from others: one opens and drops weights by calling the stages, and
one answers who waits. No Triton inside.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gsv_runtime.contract import LEASE, LIST_MODELS, LOAD, MODEL_ACTIONS, PIN, RELEASE, S1, S2, UNLOAD, UNPIN
from gsv_runtime.errors import InternalError, InvalidRequest, ServerBusy, SynthesisError
from gsv_runtime.metrics import Metrics, NoMetrics
from gsv_runtime.models.catalogue import Catalogue, FineTune
from gsv_runtime.models.leased_stages import WAITING
from gsv_runtime.models.residency import Load, Residency, Unload
from gsv_runtime.models.weights_calls import drop_weights, open_weights, stages_answer
from gsv_runtime.settings import FineTunesSettings
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Arrays

READY = "ready"
_ASK_AGAIN_S = 0.25  # how long a lease is waited for before the caller is asked whether it still wants it
_LOOK_EVERY_S = 0.5
_IN_THE_LOG = "the server's log has the cause"

Reply = Callable[[Arrays | Exception], None]
logger = logging.getLogger("gsv.models")


@dataclass
class _Parked:
    """A call that is answered when its fine-tune is there, or in a moment."""

    lease: int
    fine_tune: FineTune
    reply: Reply
    until_s: float
    is_unload: bool = False  # it waits for the fine-tune to be in use no more


class FineTuneService:
    """One server's fine-tunes.

    Args:
        settings: how much may be loaded.
        catalogue: the fine-tunes that there are.
        make_stages: stages for the calls that open and drop weights.
        is_orphan: whether the process that a lease belongs to has died.
        metrics: where `metrics.FINE_TUNE_METRICS` go.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        settings: FineTunesSettings,
        catalogue: Catalogue,
        make_stages: Callable[[], Stages],
        is_orphan: Callable[[int], bool] = lambda lease: False,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue = catalogue
        self._make_stages = make_stages
        self._is_orphan = is_orphan
        self._metrics = metrics or NoMetrics()
        self._clock = clock
        self._residency = Residency(catalogue.first, settings.loaded_bytes, settings.patience_s)
        self._changed = threading.Condition()
        self._parked: list[_Parked] = []
        self._own_leases = itertools.count(-1, -1)
        self._looked_s = clock()
        self._closed = False
        targets = (self._turn, self._answer)
        self._threads = [threading.Thread(target=each, name="models", daemon=True) for each in targets]
        for thread in self._threads:
            thread.start()

    def submit(self, inputs: Arrays, reply: Reply) -> None:
        """Take a call.

        Args:
            inputs: decoded tensors of contract.FINE_TUNES.
            reply: called once, now or from another thread, with the outputs or with the failure.
        """
        action = str(inputs["action"][0])
        try:
            with self._changed:
                answer = self._act(action, inputs, reply)
                if self._parked or action not in (LEASE, RELEASE):
                    self._changed.notify_all()  # else nobody waits, and threads that wake up would hold up the answer
        except Exception as failure:
            reply(failure)
        else:
            if answer is not None:
                reply(_outputs(answer))

    def close(self) -> None:
        """Stop the threads; calls that wait fail."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        for parked in self._parked:
            parked.reply(ServerBusy("the server is stopping"))

    def _act(self, action: str, inputs: Arrays, reply: Reply) -> Sequence[object] | None:
        """Answer at once, or park the call and answer None."""
        if action not in (*MODEL_ACTIONS, LEASE, RELEASE):
            raise InvalidRequest(f"action is {action[:40]!a}; need one of {', '.join(MODEL_ACTIONS)}")
        if action == LIST_MODELS:
            return [self._shown(each) for each in self._catalogue.all().values()]
        if action in (LEASE, RELEASE):
            return self._lease(action, inputs, reply)
        if "name" not in inputs:
            raise InvalidRequest(f"action {action} needs name")
        fine_tune = self._catalogue.get(str(inputs["name"][0]))
        if action == UNLOAD:
            return self._unload(fine_tune, reply)
        if action == UNPIN and fine_tune.first:
            raise InvalidRequest(f"model {fine_tune.name} is the first, which stays loaded")
        is_parked = action in (LOAD, PIN) and not self._residency.is_loaded(fine_tune)
        if is_parked:
            self._park(next(self._own_leases), fine_tune, reply, float("inf"))
        if action in (PIN, UNPIN):
            self._residency.pin(fine_tune, action == PIN)
        return None if is_parked else [self._shown(fine_tune)]

    def _lease(self, action: str, inputs: Arrays, reply: Reply) -> Sequence[object] | None:
        if "lease" not in inputs:
            raise InvalidRequest(f"action {action} needs lease")
        lease = int(inputs["lease"][0])
        if action == RELEASE:
            self._residency.release(lease, self._clock())
            return [{"state": "released"}]
        fine_tune = self._catalogue.get(str(inputs["name"][0]) if "name" in inputs else "")
        if fine_tune.first or self._asked(lease, fine_tune):
            return [{"state": READY}]
        self._parked.append(_Parked(lease, fine_tune, reply, self._clock() + _ASK_AGAIN_S))
        return None

    def _park(self, lease: int, fine_tune: FineTune, reply: Reply, until_s: float) -> None:
        self._asked(lease, fine_tune)
        self._parked.append(_Parked(lease, fine_tune, reply, until_s))

    def _asked(self, lease: int, fine_tune: FineTune) -> bool:
        try:
            return self._residency.ask(lease, fine_tune, self._clock())
        except LookupError as refusal:
            raise InternalError(str(refusal.args[0])) from None

    def _unload(self, fine_tune: FineTune, reply: Reply) -> Sequence[object] | None:
        """Unload; one in use is waited for a moment: who has just heard the end of an answer gives its lease back."""
        if fine_tune.first:
            raise InvalidRequest(f"model {fine_tune.name} is the first, which stays loaded")
        if self._residency.in_use(fine_tune):
            self._parked.append(_Parked(0, fine_tune, reply, self._clock() + _ASK_AGAIN_S, is_unload=True))
            return None
        return self._unload_now(fine_tune)

    def _unload_now(self, fine_tune: FineTune) -> Sequence[object]:
        if self._residency.in_use(fine_tune):
            raise ServerBusy.with_hint(f"{self._residency.in_use(fine_tune)} requests use {fine_tune.name}", 1.0)
        if self._residency.must_wait(fine_tune):
            raise ServerBusy.with_hint("another load or unload is under way", 0.5)
        step = self._residency.unload(fine_tune)
        if step is not None:
            threading.Thread(target=self._perform, args=(step,), name="unload", daemon=True).start()
        return [self._shown(fine_tune)]

    def _shown(self, fine_tune: FineTune) -> dict[str, object]:
        return {
            "model": fine_tune.name,
            "first": fine_tune.first,
            "version": fine_tune.facts.version,
            "s1": fine_tune.checkpoints[S1].file,
            "s2": fine_tune.checkpoints[S2].file,
            "bytes": sum(each.nbytes for each in fine_tune.checkpoints.values()),
            "loaded": self._residency.is_loaded(fine_tune),
            "pinned": self._residency.is_pinned(fine_tune),
            "in_use": self._residency.in_use(fine_tune),
            "waiting": self._residency.num_waiting(fine_tune),
        }

    def _turn(self) -> None:
        """Load and unload, one after another, until closed."""
        self._preload()
        while True:
            with self._changed:
                if self._closed:
                    return
                self._end_orphans()
                step = self._residency.next_step(self._clock())
                step = step or self._residency.unload_unlisted(self._catalogue.all().values())
                if step is None:
                    self._changed.wait(_LOOK_EVERY_S)
            if step is not None:
                self._perform(step)

    def _perform(self, step: Load | Unload) -> None:
        began_s, failure = self._clock(), self._failure_of(step)
        if failure is not None and isinstance(step, Load):
            with self._changed:
                opened = self._residency.half_loaded(step.fine_tune)
            self._failure_of(opened)
        took_s = self._clock() - began_s
        with self._changed:
            self._done(step, failure, took_s)
            self._changed.notify_all()

    def _failure_of(self, step: Load | Unload) -> SynthesisError | None:
        """Call the stages; why it failed, if it did. Whatever a stage does, the turn goes on."""
        try:
            if isinstance(step, Load):
                open_weights(step.fine_tune, self._catalogue.first, self._make_stages())
            else:
                drop_weights(step.weights, self._catalogue.first, self._make_stages())
        except Exception as failure:
            is_told = isinstance(failure, SynthesisError)
            name, step_name = step.fine_tune.name, type(step).__name__
            logger.error("step failed step=%s model=%s cause=%s", step_name, name, failure, exc_info=not is_told)
            kind = ServerBusy if isinstance(failure, ServerBusy) else InternalError  # a stage that is being started
            return kind(f"model {name} cannot be loaded: {failure if is_told else _IN_THE_LOG}")
        return None

    def _done(self, step: Load | Unload, failure: SynthesisError | None, took_s: float) -> None:
        if isinstance(step, Unload):
            self._residency.unloaded(step.fine_tune)
            self._metrics.add("gsv_model_unloads_total")
        elif failure is not None:
            self._residency.failed(step.fine_tune, failure)
        else:
            self._residency.loaded(step.fine_tune, self._clock())
            self._metrics.add("gsv_model_loads_total")
            self._metrics.observe("gsv_model_load_seconds", took_s)
        logger.info("step done step=%s model=%s s=%.2f", type(step).__name__, step.fine_tune.name, took_s)
        self._metrics.set("gsv_models_loaded", self._residency.num_loaded + 1)
        self._metrics.set("gsv_model_bytes", self._residency.loaded_bytes)

    def _answer(self) -> None:
        """Answer parked calls whose fine-tune is there, that failed, or that are to be asked again."""
        while True:
            with self._changed:
                if self._closed:
                    return
                replies = [each for each in map(self._outcome, list(self._parked)) if each is not None]
                if not replies:
                    self._changed.wait(_ASK_AGAIN_S / 2)
            for reply, outcome in replies:
                reply(outcome)

    def _outcome(self, parked: _Parked) -> tuple[Reply, Arrays | Exception] | None:
        outcome: Arrays | Exception | None = None
        try:
            if parked.is_unload:
                if not self._residency.in_use(parked.fine_tune) or self._clock() > parked.until_s:
                    outcome = _outputs(self._unload_now(parked.fine_tune))
            elif self._asked(parked.lease, parked.fine_tune):
                is_own = parked.lease < 0  # an operator's, who wanted it loaded and does not use it
                if is_own:
                    self._residency.release(parked.lease, self._clock())
                outcome = _outputs([self._shown(parked.fine_tune) if is_own else {"state": READY}])
            elif self._clock() > parked.until_s:
                outcome = _outputs([{"state": WAITING}])
        except SynthesisError as failure:
            outcome = failure
        if outcome is None:
            return None
        self._parked.remove(parked)
        return parked.reply, outcome

    def _end_orphans(self) -> None:
        """End the leases of processes that have died."""
        if self._clock() - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = self._clock()
        for lease in self._residency.leases:
            if lease > 0 and self._is_orphan(lease):
                self._residency.release(lease, self._clock())
                logger.warning("lease ended, its holder has died lease=%d", lease)

    def _preload(self) -> None:
        """Ask for the fine-tunes that are pinned in the catalogue; what cannot be loaded is told, and no more."""
        pinned = [each for each in self._catalogue.all().values() if each.pinned and not each.first]
        while pinned and not self._closed and not stages_answer(self._catalogue.first, self._make_stages()):
            time.sleep(_LOOK_EVERY_S)
        for fine_tune in pinned:
            with self._changed:
                self._residency.pin(fine_tune, True)
                self._park(next(self._own_leases), fine_tune, _log_failure, float("inf"))


def _log_failure(outcome: Arrays | Exception) -> None:
    if isinstance(outcome, Exception):
        logger.error("not preloaded cause=%s", outcome)


def _outputs(shown: Sequence[object]) -> Arrays:
    """Outputs of contract.FINE_TUNES."""
    texts = np.empty(len(shown), dtype=np.object_)
    texts[:] = [json.dumps(each, ensure_ascii=False) for each in shown]
    return {"models": texts}

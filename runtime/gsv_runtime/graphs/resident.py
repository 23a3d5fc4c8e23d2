"""Which weights of a stage are open: the first's always, others from when they are asked for until they are dropped.

Weights are opened on a thread, one after another, while calls of other weights go on. A stage that lost its process
opens again what it is asked for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from gsv_runtime.errors import InternalError
from gsv_runtime.model_files import weights_folder

T = TypeVar("T")

logger = logging.getLogger("gsv.weights")


class ResidentWeights(Generic[T]):
    """Opened weights by id; safe to share between threads.

    Args:
        first: those that id 0 stands for.
        folder: the stage's version directory.
        open_weights: opens the weights of a directory and runs them once.
    """

    def __init__(self, first: T, folder: Path, open_weights: Callable[[Path], T]) -> None:
        self._open_weights = open_weights
        self._folder = folder
        self._resident: dict[int, T] = {0: first}
        self._waiting: dict[int, list[Callable[[T | Exception], None]]] = {}
        self._lock = threading.Lock()
        self._opening = threading.Lock()  # one at a time: two would take the streams' processor time

    def find(self, weights: int) -> T | None:
        """The weights of this id, if they are open."""
        return self._resident.get(weights)

    def when_open(self, weights: int, then: Callable[[T | Exception], None]) -> None:
        """Call `then` with the opened weights, or with why they cannot be opened; from another thread, or at once."""
        with self._lock:
            found = self._resident.get(weights)
            if found is None:
                is_new = weights not in self._waiting
                self._waiting.setdefault(weights, []).append(then)
        if found is not None:
            then(found)
        elif is_new:
            threading.Thread(target=self._open, args=(weights,), name="open-weights", daemon=True).start()

    def drop(self, weights: int) -> T | None:
        """Let go of weights; calls that run with them end well. Returns what was open."""
        with self._lock:
            return self._resident.pop(weights, None) if weights else None

    def _open(self, weights: int) -> None:
        began_s = time.perf_counter()
        opened: T | Exception
        try:
            with self._opening:
                folder = self._folder / weights_folder(weights)
                if not folder.is_dir():
                    raise InternalError(f"weights {weights:015x} are not in the repository; add the model again")
                opened = self._open_weights(folder)
        except Exception as failure:
            logger.exception("weights not opened stage=%s weights=%015x", self._folder.parent.name, weights)
            told = InternalError("the weights cannot be opened; add the model again, or see the server's log")
            opened = failure if isinstance(failure, InternalError) else told
        took_s = time.perf_counter() - began_s
        with self._lock:
            if not isinstance(opened, Exception):
                self._resident[weights] = opened
                logger.info("weights opened stage=%s weights=%015x s=%.3f", self._folder.parent.name, weights, took_s)
            waiting = self._waiting.pop(weights, [])
        for then in waiting:
            then(opened)

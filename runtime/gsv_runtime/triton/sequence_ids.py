"""Sequences whose ids say which process asks for them, so that what a dead one began can be ended.

Triton holds a place for a sequence until its last call, or for a minute. The sentences that a killed `tts` was about to
ask for would keep everybody else waiting for so long.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from collections.abc import Callable
from typing import cast

from gsv_runtime import contract
from gsv_runtime.server.model_processes import is_running
from gsv_runtime.stages import Stages, end_sequence

logger = logging.getLogger("gsv.sequences")

_RANDOM_BITS = 40  # below the process id, of which Linux has at most 22 bits
_OURS = 1 << 62  # ids of other callers of a sequence model have not got it


def new_sequence_id(pid: int) -> int:
    """An id for a sequence that process `pid` asks for; no other running one has it."""
    return _OURS | pid << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)


def owner_of(sequence_id: int) -> int | None:
    """The process that asks for a sequence; None if the id does not say."""
    return (sequence_id & (_OURS - 1)) >> _RANDOM_BITS if sequence_id & _OURS else None


class OwnedSequences:
    """Which sequences of a model nobody will ask for again, and how Triton is told; `t2s.service.Sequences`.

    Args:
        model: whose sequences.
        make_stages: for the call that tells it, which goes to this very model.
    """

    def __init__(self, model: contract.Model, make_stages: Callable[[], Stages]) -> None:
        self._model = model
        self._make_stages = make_stages
        self._ended: queue.SimpleQueue[int | str] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="end-sequences", daemon=True).start()

    def is_orphan(self, sequence_id: int) -> bool:
        """Whether the process that asks for it has died."""
        owner = owner_of(sequence_id)
        return owner is not None and not is_running(owner)

    def end(self, sequence_id: int | str) -> None:
        """Make its last call; return before that is answered, since this model has to answer it."""
        self._ended.put(sequence_id)

    def _run(self) -> None:
        while True:
            self._end(self._ended.get())

    def _end(self, sequence_id: int | str) -> None:
        try:
            # Others may use texts, which Triton takes back as they are.
            end_sequence(self._model, cast("int", sequence_id), self._make_stages())
        except Exception:
            logger.exception("sequence not ended sequence=%s", sequence_id)

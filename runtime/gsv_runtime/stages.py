"""How the pipeline reaches the other models: a protocol, implemented by `triton.stage_calls.BlsStages` and by tests."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from gsv_runtime import contract
from gsv_runtime.errors import SynthesisError
from gsv_runtime.tensors import Arrays


@dataclass(frozen=True)
class SequenceCall:
    """Which sequence a call to a sequence model belongs to, and whether it is the first or the last of it."""

    sequence_id: int
    start: bool = False
    end: bool = False


class Stages(Protocol):
    """Unary calls to the stages, for one request."""

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage.

        Args:
            model: contract of the stage.
            sequence: for sequence models, which one and where in it.
            **inputs: tensor name to array, number or text.

        Returns:
            Output name to array, checked against the contract.

        Raises:
            SynthesisError: what the stage raised, or InternalError naming the stage.
        """
        ...

    def new_sequence_id(self) -> int:
        """An id that no other running sequence has."""
        ...

    def take_times_ms(self) -> dict[str, float]:
        """Milliseconds spent in each stage since this was last asked."""
        ...


def end_sequence(model: contract.Model, sequence_id: int, stages: Stages) -> None:
    """Make the last call of a sequence, which asks for nothing; if it fails the sequence model forgets it later."""
    with suppress(SynthesisError):
        stages.call(model, sequence=SequenceCall(sequence_id, end=True), max_new_tokens=[0])


class NoStages:
    """Stages of a request that may not compute anything."""

    def __init__(self, refusal: Exception) -> None:
        self._refusal = refusal

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Raise the refusal."""
        raise self._refusal

    def new_sequence_id(self) -> int:
        """One that is never used."""
        return 0

    def take_times_ms(self) -> dict[str, float]:
        """Nothing was spent."""
        return {}

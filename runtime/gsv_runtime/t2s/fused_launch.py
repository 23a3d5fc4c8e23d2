"""What the fused library is given of several steps with their draws, and what it drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gsv_runtime.t2s.engine import DrawnSteps, SlotState
from gsv_runtime.t2s.fused_library import Launch
from gsv_runtime.t2s.sampling import MIN_TEMPERATURE, MIN_TOKENS
from gsv_runtime.tensors import Array

MOST_STEPS = 8
# A newcomer waits for a launch to end; a step of a large network alone takes longer than this.
_LONGEST_S = 0.002


def can_draw(states: Sequence[SlotState]) -> bool:
    """Whether the library can draw for these slots: one is active, and none has top_p, which is left to `sampling`."""
    active = [state for state in states if state.active]
    return bool(active) and all(state.sampling.top_p >= 1 for state in active)


class FusedLaunch:
    """The arrays of one launch, over the active ones of S slots."""

    def __init__(self, states: Sequence[SlotState], noise: Array) -> None:
        """Lay out `states` of slots 0 to S - 1, and `noise` `[k, S, V]` float32 for at most k steps."""
        active = [slot for slot, state in enumerate(states) if state.active]
        chosen = [states[slot] for slot in active]
        steps, span, vocabulary = noise.shape
        nothing = np.zeros(vocabulary, dtype=np.bool_)
        samplings = [state.sampling for state in chosen]
        self._arrays: dict[str, Array] = {
            "noise": np.ascontiguousarray(noise),
            "slots": _ints(active),
            "limits": _ints([state.token_limit for state in chosen]),
            "top_k": _ints([sampling.top_k for sampling in samplings]),
            "tokens": _ints([state.token for state in chosen]),
            "token_positions": _ints([state.token_position for state in chosen]),
            "places": _ints([state.rows for state in chosen]),
            "generated": _ints([state.num_generated for state in chosen]),
            "temperature": _floats([max(sampling.temperature, MIN_TEMPERATURE) for sampling in samplings]),
            "penalty": _floats([sampling.repetition_penalty for sampling in samplings]),
            "present": np.stack([nothing if state.present is None else state.present for state in chosen]),
            "drawn": np.zeros((steps, span), dtype=np.int64),
            **{name: np.zeros((steps, span), dtype=np.bool_) for name in ("active", "ended", "finite")},
        }
        self._sizes = {"steps": steps, "span": span, "rows": len(active), "vocabulary": vocabulary}

    def as_c(self, embedding: Array, positions: Array, width: int) -> Launch:
        """For `_fused_launch.c`; valid while this object and the arrays live.

        Args:
            embedding: `[V, hidden]` float32 of tokens.
            positions: `[P, hidden]` float32, what is added at each position of a token.
            width: of a row of logits, padding included.
        """
        return Launch(
            **self._sizes,
            width=width,
            hidden=embedding.shape[1],
            least_tokens=MIN_TOKENS,
            longest_s=_LONGEST_S,
            embedding=embedding.ctypes.data,
            positions=positions.ctypes.data,
            **{name: array.ctypes.data for name, array in self._arrays.items()},
        )

    def drawn(self, steps: int) -> DrawnSteps:
        """What the first steps drew."""
        arrays = self._arrays
        tokens, active = arrays["drawn"][:steps], arrays["active"][:steps]
        return DrawnSteps(tokens, active, arrays["ended"][:steps], arrays["finite"][:steps])


def _ints(values: Sequence[int]) -> Array:
    return np.array(values, dtype=np.int32)


def _floats(values: Sequence[float]) -> Array:
    return np.array(values, dtype=np.float32)

"""What `gsv_bench.stages` measured of one version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EAGER, GRAPHS, TRITON, TRITON_INT8 = "eager PyTorch", "our graphs", "through Triton", "through Triton, int8 T2S"


@dataclass(frozen=True)
class Result:
    """Medians of one version, in milliseconds."""

    version: str
    num_phones: int
    num_prompt_tokens: int
    num_tokens: int
    stages_ms: Mapping[str, Mapping[str, float]]  # side to stage to median
    total_ms: Mapping[str, float]  # side to median of the whole request
    overhead_ms: float  # what Triton and BLS add to the sum of the bare stages: median over rounds
    speedups: Mapping[str, float]  # side to eager PyTorch's time over its own: median over rounds
    rounds: int
    load_average: float  # of the machine, over the minute before

    @property
    def overhead_bound_ms(self) -> float:
        """5 % of the bare stages and 10 ms."""
        return 0.05 * sum(self.stages_ms[GRAPHS].values()) + 10.0

    def to_json(self) -> dict[str, Any]:
        """Everything, rounded."""
        return {
            "version": self.version,
            "phones": self.num_phones,
            "prompt_tokens": self.num_prompt_tokens,
            "tokens": self.num_tokens,
            "rounds": self.rounds,
            "load_average_at_start": round(self.load_average, 2),
            "stages_ms": {side: _rounded(times) for side, times in self.stages_ms.items()},
            "total_ms": _rounded(self.total_ms),
            "overhead_ms": round(self.overhead_ms, 1),
            "overhead_bound_ms": round(self.overhead_bound_ms, 1),
            "speedup": round(self.speedups[TRITON], 2),
            "speedup_int8": round(self.speedups[TRITON_INT8], 2),
        }


def _rounded(times: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in times.items()}

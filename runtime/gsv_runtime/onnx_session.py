"""Opens a graph with ONNX Runtime on the CPU, with the session options that every stage shares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime

# How long a worker thread looks for work before it sleeps. A T2S step hands it work about 150 times, and waking it up
# takes tens of microseconds each time. Unlimited, as ONNX Runtime has it, two sessions on two cores take 5 to 8 times
# as long (triton.md, section 2); this little cost sessions that run side by side nothing that could be measured
# (docs/decisions/0008-t2s-precision-and-spinning.md).
SPIN_US = 100


def open_session(
    graph: Path, intra_op_threads: int, entries: Mapping[str, str] | None = None
) -> onnxruntime.InferenceSession:
    """Load `graph`.

    Args:
        graph: weight files lie beside it.
        intra_op_threads: threads of one operator.
        entries: entries of the session's configuration that replace ours, for measurements.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = intra_op_threads
    options.inter_op_num_threads = 1
    ours = {"session.intra_op.allow_spinning": "1", "session.intra_op.spin_duration_us": str(SPIN_US)}
    for key, value in {**ours, **(entries or {})}.items():
        options.add_session_config_entry(key, value)
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

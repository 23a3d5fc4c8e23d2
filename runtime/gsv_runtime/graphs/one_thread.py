"""A thread for all that an engine does on a GPU: ONNX Runtime keeps a captured CUDA graph for the thread that captured.

Another thread that runs the session captures again, while somebody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class OneThread:
    """Runs calls of any thread in one, which ends when this is forgotten."""

    def __init__(self, name: str) -> None:
        """Begin it; `name` is the thread's."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def run(self, call: Callable[Arguments, Answer], *given: Arguments.args, **named: Arguments.kwargs) -> Answer:
        """Return what the call returns, or raise what it raises; the caller waits."""
        return self._thread.submit(call, *given, **named).result()

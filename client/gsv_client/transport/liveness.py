"""Waiting for a stream's next answer without waiting for one that cannot come.

Triton tells nobody that the process of a model has died: its streams just stay silent. The server's model reloader then
takes the model away for a while before it loads it again, so whoever hears nothing asks whether it is still there.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gsv_client.errors import DeadlineExceeded, InternalError
from gsv_client.transport import no_answer

T = TypeVar("T")

ASK_EVERY_S = 1.0  # less than half of the time for which the server's model reloader takes a dead model away


def model_gone(model: str) -> InternalError:
    """What to raise where the model went away while it had the request."""
    return InternalError(f"{model} went away with this request: its process died or it was unloaded; try again")


def next_answer(answers: queue.Queue[T], timeout_s: float, model: str, is_gone: Callable[[str], bool]) -> T:
    """Wait for the next answer that another thread puts into `answers`.

    Args:
        answers: Where they come.
        timeout_s: Longest silence, in seconds.
        model: Who answers.
        is_gone: Whether the server says for certain that it does not have that model now.

    Raises:
        DeadlineExceeded: Silent for too long.
        InternalError: The model is gone.
    """
    deadline_s = time.monotonic() + timeout_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        try:
            return answers.get(timeout=min(left_s, ASK_EVERY_S))
        except queue.Empty:
            if is_gone(model) and answers.empty():
                raise model_gone(model) from None
    raise DeadlineExceeded(no_answer(timeout_s))


async def answer_of(
    awaited: Awaitable[T], timeout_s: float, model: str, is_gone: Callable[[str], Awaitable[bool]]
) -> T:
    """The same for asyncio: wait for `awaited`, which is cancelled where this raises or is cancelled itself."""
    answer = asyncio.ensure_future(awaited)
    deadline_s = time.monotonic() + timeout_s
    try:
        while (left_s := deadline_s - time.monotonic()) > 0:
            done, _ = await asyncio.wait({answer}, timeout=min(left_s, ASK_EVERY_S))
            if done:
                return answer.result()
            if await is_gone(model) and not answer.done():
                raise model_gone(model)
        raise DeadlineExceeded(no_answer(timeout_s))
    finally:
        answer.cancel()

"""How a public model lets a request in and answers it: jobs and their replies. No Triton inside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Protocol

from gsv_runtime.errors import ServerBusy
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Arrays


@dataclass(frozen=True)
class Reply:
    """One response of a stream; the one marked `last` ends it."""

    outputs: Arrays
    last: bool


OpenStages = Callable[[], Stages]
Replies = Generator[Reply, None, None]  # closed when nobody wants the rest
Respond = Callable[[Arrays, Stages, Callable[[], bool]], Replies]  # of inputs, stages and whether the client has left


class Job(Protocol):
    """A request that was let in."""

    def replies(self, open_stages: OpenStages, is_cancelled: Callable[[], bool]) -> Replies:
        """Do the work; called once, on a thread of its own.

        Args:
            open_stages: makes stages for this request, one for each thread that calls them.
            is_cancelled: whether the client has left.

        Raises:
            SynthesisError: the request is at fault, or a stage failed.
        """
        ...

    def leave(self, failure: Exception | None) -> None:
        """Give the place back; called once, whatever happened."""
        ...

    def facts(self) -> Mapping[str, object]:
        """What the log says of it at its end, by name."""
        ...


ReadInputs = Callable[[], Arrays]  # decodes a request's tensors, or raises InvalidRequest
Admit = Callable[[ReadInputs], Job]  # lets a request in or raises, at once; a full house reads no inputs


class StreamLimit:
    """`Admit` for requests that are all alike: so many at once, and the next is told ServerBusy."""

    def __init__(self, max_streams: int, answer: Respond) -> None:
        """Let `max_streams` requests in at once; `answer` gets inputs, stages and whether the client has left."""
        self.max_streams = max_streams
        self.answer = answer
        self.free = threading.BoundedSemaphore(max_streams)

    def __call__(self, read_inputs: ReadInputs) -> Job:
        """Take a place.

        Raises:
            ServerBusy: there is none.
            InvalidRequest: the inputs cannot be read.
        """
        if not self.free.acquire(blocking=False):
            raise ServerBusy.with_hint(f"{self.max_streams} streams are running, the most allowed", 1.0)
        try:
            return _Placed(self, read_inputs())
        except BaseException:
            self.free.release()
            raise


@dataclass(frozen=True)
class _Placed:
    """A request that has one of the places."""

    places: StreamLimit
    inputs: Arrays

    def replies(self, open_stages: OpenStages, is_cancelled: Callable[[], bool]) -> Replies:
        return self.places.answer(self.inputs, open_stages(), is_cancelled)

    def leave(self, failure: Exception | None) -> None:
        self.places.free.release()

    def facts(self) -> Mapping[str, object]:
        return {name: self.inputs[name][0] for name in ("action", "voice") if name in self.inputs}

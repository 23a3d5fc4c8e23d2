"""One listener: sends a request, takes its audio as it comes, and notes what a person would notice.

Runs on a gevent greenlet; `import gsv_loadtest.on_gevent` must have come first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
import numpy as np

from gsv_client import Chunk, Client
from gsv_client.errors import ServerBusy, SynthesisError
from gsv_loadtest.outcome import BUSY, CANCELLED, OK, Outcome, audio_problems, differs, underruns
from gsv_loadtest.utterances import Utterance


class _Leaves(gevent.Timeout):
    """The listener has had enough."""


@dataclass
class Listener:
    """Hears utterances from one server over one protocol.

    Attributes:
        client: Shared by all listeners.
        protocol: "grpc" or "http".
        began_s: `time.perf_counter` when the load began.
        alone: Samples of utterances that were spoken with nothing else running, to compare with.
    """

    client: Client
    protocol: str
    began_s: float
    alone: Mapping[Utterance, np.ndarray[Any, Any]] = field(default_factory=dict)

    def hear(self, utterance: Utterance, due_s: float, leaves_after_s: float | None = None) -> Outcome:
        """Send one request and listen to the end.

        Args:
            utterance: What to ask for.
            due_s: When it is to be sent, in seconds since the load began: now, or some time ago.
            leaves_after_s: Leave after so many seconds.
        """
        sent_s = time.perf_counter() - self.began_s
        late_s = sent_s - due_s
        arrivals: list[tuple[float, float]] = []
        chunks: list[Chunk] = []
        kind, message = OK, ""
        leaving = _Leaves(leaves_after_s)
        try:
            with leaving, self.client.stream(utterance.text, **utterance.options) as stream:
                for chunk in stream:
                    chunks.append(chunk)
                    arrivals.append((late_s + stream.playback.elapsed_s, chunk.duration_s))
        except _Leaves:
            kind = CANCELLED
        except ServerBusy as error:
            kind, message = type(error).__name__ if chunks else BUSY, str(error)  # in the middle it is no refusal
        except SynthesisError as error:
            kind, message = type(error).__name__, str(error)
        return Outcome(
            kind=kind,
            text_kind=utterance.kind,
            protocol=self.protocol,
            due_s=due_s,
            late_s=late_s,
            ttfa_s=next((at_s for at_s, duration_s in arrivals if duration_s > 0), float("nan")),
            elapsed_s=time.perf_counter() - self.began_s - due_s,
            audio_s=sum(chunk.duration_s for chunk in chunks),
            underruns_s=underruns(arrivals),
            problems=self._problems(utterance, chunks) if kind == OK else (),
            message=message,
        )

    def _problems(self, utterance: Utterance, chunks: list[Chunk]) -> tuple[str, ...]:
        problems = audio_problems(utterance.text, chunks)
        if utterance in self.alone and chunks:
            difference = differs(np.concatenate([chunk.samples for chunk in chunks]), self.alone[utterance])
            problems += (difference,) if difference else ()
        return problems

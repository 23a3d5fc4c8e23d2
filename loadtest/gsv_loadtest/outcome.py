"""What one listener noticed, and what of it was wrong. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gsv_client import Chunk
from gsv_client.audio import Samples

# Seconds of speech per character: from very fast to very slow, any language.
_SHORTEST_S, _LONGEST_S = 0.02, 0.6
_SAME_DB = 50.0

OK, BUSY, CANCELLED = "ok", "busy", "cancelled"


@dataclass(frozen=True)
class Outcome:
    """How one request went.

    Attributes:
        kind: "ok"; "busy", refused for lack of room; "cancelled", the listener left; else the error's name.
        text_kind: "short", "medium" or "long".
        protocol: "grpc" or "http".
        due_s: When it was to be sent, in seconds since the load began. All else counts from here, so that a load
            generator or a server that is late cannot hide it.
        late_s: How much later than due it was sent.
        ttfa_s: Seconds to the first audio; NaN if there was none.
        elapsed_s: Seconds to the end.
        audio_s: Seconds of audio received.
        underruns_s: Each wait for a chunk beyond the audio already buffered.
        problems: What is wrong with the audio.
        message: Of the error.
    """

    kind: str
    text_kind: str
    protocol: str
    due_s: float
    late_s: float = 0.0
    ttfa_s: float = math.nan
    elapsed_s: float = 0.0
    audio_s: float = 0.0
    underruns_s: tuple[float, ...] = ()
    problems: tuple[str, ...] = ()
    message: str = ""

    @property
    def rtf(self) -> float:
        """Seconds of waiting per second of audio."""
        return self.elapsed_s / self.audio_s if self.audio_s else math.nan

    @property
    def failed(self) -> bool:
        """Whether something was wrong that no refusal or leaving explains."""
        return self.kind not in (OK, BUSY, CANCELLED) or bool(self.problems)


def underruns(arrivals: Sequence[tuple[float, float]]) -> tuple[float, ...]:
    """Each wait of a listener who plays what is there and then has to wait.

    Args:
        arrivals: Of each chunk, when it came and how long it plays, in seconds.
    """
    waits, buffered_until_s = [], math.inf
    for at_s, duration_s in arrivals:
        if duration_s <= 0:
            continue
        if at_s > buffered_until_s:
            waits.append(at_s - buffered_until_s)
        buffered_until_s = (at_s if math.isinf(buffered_until_s) else max(at_s, buffered_until_s)) + duration_s
    return tuple(waits)


def audio_problems(text: str, chunks: Sequence[Chunk]) -> tuple[str, ...]:
    """What is wrong with speech that was received to its end."""
    problems = []
    samples = np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0, np.float32)
    if not np.isfinite(samples).all():
        problems.append("not finite")
    elif not samples.size or float(np.abs(samples).max()) < 1e-4:
        problems.append("silent")
    elif float(np.abs(samples).max()) > 1.0:
        problems.append("beyond full scale")
    if [chunk.index for chunk in chunks] != list(range(len(chunks))):
        problems.append("chunks missing, doubled or out of order")
    duration_s = sum(chunk.duration_s for chunk in chunks)
    if not _SHORTEST_S * len(text) <= duration_s <= 2 + _LONGEST_S * len(text):
        problems.append("too short" if duration_s < _SHORTEST_S * len(text) else "too long")
    return tuple(problems)


def differs(samples: Samples, alone: Samples) -> str:
    """How speech differs from the same request's when nothing else ran; empty where it does not.

    Args:
        samples: [N] float32.
        alone: [N] float32 of the run alone.
    """
    if samples.shape != alone.shape:
        return f"{len(samples)} samples, alone {len(alone)}"
    noise = float(np.square(samples.astype(np.float64) - alone).sum())
    signal = float(np.square(alone.astype(np.float64)).sum())
    snr_db = 10 * math.log10(signal / noise) if signal and noise else (-math.inf if noise else math.inf)
    return "" if snr_db >= _SAME_DB else f"SNR {snr_db:.0f} dB to the run alone"

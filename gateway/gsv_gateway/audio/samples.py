"""From the server's samples to those of a format: rate, tempo, 16 bits. Each step keeps what it has not yet put out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

import av
import av.filter
import numpy as np
import soxr

Samples: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"

SLOWEST, FASTEST = 0.5, 2.0  # what the model speaks itself; beyond, its speech is stretched


class Step(Protocol):
    """A stage of a signal's path; [N] float32 in, [M] float32 out."""

    def feed(self, samples: Samples) -> Samples:
        """What comes out by these samples."""
        ...

    def finish(self) -> Samples:
        """What was still held back."""
        ...


def pcm16(samples: Samples) -> bytes:
    """[N] float32 in [-1, 1] as little-endian 16-bit samples; what is louder is clipped, never wrapped."""
    return (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


class Resampler:
    """Changes the sample rate of a stream; soxr's "HQ" holds back a few milliseconds."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")

    def feed(self, samples: Samples) -> Samples:
        """What comes out by these samples."""
        return self._stream.resample_chunk(samples)

    def finish(self) -> Samples:
        """What was still held back."""
        return self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


class Stretcher:
    """Plays a stream faster or slower at the same pitch: ffmpeg's filter atempo, `factor` from 0.5 to 2."""

    def __init__(self, factor: float, rate_hz: int) -> None:
        self._rate_hz, self._fed = rate_hz, 0
        self._graph = av.filter.Graph()
        source = self._graph.add_abuffer(format="flt", sample_rate=rate_hz, layout="mono")
        tempo = self._graph.add("atempo", f"{factor:.6f}")
        sink = self._graph.add("abuffersink")
        source.link_to(tempo)
        tempo.link_to(sink)
        self._graph.configure()

    def feed(self, samples: Samples) -> Samples:
        """What comes out by these samples."""
        if not samples.size:
            return samples
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._fed
        self._fed += samples.size
        self._graph.push(frame)
        return _joined(self._pulled())

    def finish(self) -> Samples:
        """What was still held back."""
        self._graph.push(None)
        return _joined(self._pulled())

    def _pulled(self) -> Iterator[Samples]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)


class Skipper:
    """Leaves out the first samples of a stream, which its listener has."""

    def __init__(self, samples: int) -> None:
        self._left = samples

    def feed(self, samples: Samples) -> Samples:
        """What comes out by these samples."""
        left_out = min(self._left, samples.size)
        self._left -= left_out
        return samples[left_out:]

    def finish(self) -> Samples:
        """Nothing is held back."""
        return np.zeros(0, dtype=np.float32)


def _joined(pieces: Iterator[Samples]) -> Samples:
    found = list(pieces)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.float32)


def split_speed(speed: float) -> tuple[float, float]:
    """A speed as (what the model speaks, what the result is stretched by); their product is `speed`."""
    spoken = min(max(speed, SLOWEST), FASTEST)
    return spoken, speed / spoken


class Path:
    """Steps one after the other."""

    def __init__(self, from_hz: int, to_hz: int, stretch: float = 1.0, skipped: int = 0) -> None:
        self._steps: list[Step] = []
        if stretch != 1.0:
            self._steps.append(Stretcher(stretch, from_hz))
        if from_hz != to_hz:
            self._steps.append(Resampler(from_hz, to_hz))
        if skipped:
            self._steps.append(Skipper(skipped))

    def feed(self, samples: Samples) -> Samples:
        """What comes out by these samples."""
        for step in self._steps:
            samples = step.feed(samples)
        return samples

    def finish(self) -> Samples:
        """What was still held back, by each step and then by those behind it."""
        held = np.zeros(0, dtype=np.float32)
        for step in self._steps:
            held = np.concatenate([step.feed(held), step.finish()])
        return held

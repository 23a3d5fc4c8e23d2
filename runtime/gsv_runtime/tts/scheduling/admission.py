"""Which requests are let in: while there is room, and while they would start soon. Pure: no thread, no clock.

A request that is let in waits only for its turns (turns.py); one that is not is told at once, and when to come back.
When the next one would start is predicted from how fast requests have started of late.
"""

from __future__ import annotations

from dataclasses import dataclass

from gsv_runtime.contract import PAST_DEADLINE, TOO_LATE, TOO_MANY_STREAMS, TOO_SLOW
from gsv_runtime.errors import ServerBusy
from gsv_runtime.settings import TtsSettings
from gsv_runtime.tts.scheduling.playback import Playback
from gsv_runtime.tts.scheduling.throughput import Throughput

_WEIGHT = 0.2  # of the newest in a moving average


@dataclass(frozen=True)
class AdmissionLimits:
    """What is let in."""

    max_streams: int
    max_start_s: float  # an interactive request that would start later is refused
    max_batch_start_s: float  # a batch request
    min_throughput: float = (
        0.0  # seconds of audio per second for each interactive stream, or the next is refused; 0: never
    )

    @classmethod
    def of(cls, settings: TtsSettings) -> AdmissionLimits:
        """Read them from the settings of `tts`."""
        return cls(
            settings.max_streams, settings.max_start_s, settings.max_batch_start_s, settings.min_stream_throughput
        )


class Refused(ServerBusy):
    """A request that was not let in; `reason` is one of REFUSAL_REASONS."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def wire_message(self) -> str:
        """As ServerBusy, which is what the client knows."""
        return f"{ServerBusy.__name__}: {self}"


class Average:
    """An exponentially weighted moving average; None before the first value."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        """Take one more value."""
        self.value = value if self.value is None else self.value + _WEIGHT * (value - self.value)


class Admission:
    """The streams that were let in, and how fast they start."""

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._streams: set[Playback] = set()
        self._start_s = Average()  # time that a start takes, if starts came one after another
        self._stream_s = Average()  # time that a stream stays
        self._last_start_s = float("-inf")
        self._throughput = Throughput()

    @property
    def num_streams(self) -> int:
        """Streams that were let in and have not left."""
        return len(self._streams)

    def admit(self, priority: str, deadline_s: float, now_s: float) -> Playback:
        """Let a request in.

        Args:
            priority: one of contract.PRIORITIES.
            deadline_s: of the request, after now.
            now_s: the time.

        Returns:
            Its account; hand it to `started` and `left`.

        Raises:
            Refused: there is no room, it would start too late, or listeners would hear gaps.
        """
        self.check_room()
        newcomer = Playback(now_s, priority)
        if not newcomer.is_batch:
            self._check_throughput(now_s)
        start_s = self.predicted_start_s(newcomer)
        limit_s = self._limits.max_batch_start_s if newcomer.is_batch else self._limits.max_start_s
        if start_s > limit_s:
            found = f"speech would start in about {start_s:.1f} s, and {limit_s:g} s are the most allowed"
            raise _refusal(TOO_LATE, found, start_s - limit_s)
        if start_s > deadline_s:
            found = f"speech would start in about {start_s:.1f} s, after the request's deadline of {deadline_s:g} s"
            raise _refusal(PAST_DEADLINE, found, start_s - deadline_s)
        return self._add(newcomer)

    def admit_to_look(self, priority: str, now_s: float) -> Playback:
        """Let a request in that would start too late, and that is only to be told what is there already.

        Raises:
            Refused: there is no room.
        """
        self.check_room()
        return self._add(Playback(now_s, priority))

    def check_room(self) -> None:
        """Return if there is room for one more, whatever it is.

        Raises:
            Refused: there is not.
        """
        if len(self._streams) >= self._limits.max_streams:
            stay_s = (self._stream_s.value or 1.0) / self._limits.max_streams
            raise _refusal(TOO_MANY_STREAMS, f"{len(self._streams)} streams are running, the most allowed", stay_s)

    def _check_throughput(self, now_s: float) -> None:
        """Return if listeners would go on hearing speech without a gap, or nothing is known of so many.

        Audio per second hardly grows with the streams that share it once there are a few. So what it was with at least
        half as many as there would be is what they would share; what it was with fewer says nothing. A listener who
        would be the only one is never refused, or a server that was slow once would be silent for ever.

        Raises:
            Refused: they would not.
        """
        listeners = 1 + sum(not stream.is_batch for stream in self._streams)
        self._throughput.until(now_s, len(self._streams))
        throughput = self._throughput
        if listeners == 1 or not throughput.is_known or throughput.num_streams < listeners / 2:
            return
        each = throughput.audio_s_per_s / listeners
        if each < self._limits.min_throughput:
            needed = self._limits.min_throughput
            found = f"{listeners} listeners would get {each:.2f} s of speech a second, and need {needed:g}"
            raise _refusal(TOO_SLOW, found, (self._stream_s.value or 1.0) / listeners)

    def _add(self, newcomer: Playback) -> Playback:
        self._throughput.until(newcomer.arrived_s, len(self._streams))
        self._streams.add(newcomer)
        return newcomer

    def spoken(self, audio_s: float, now_s: float) -> None:
        """Take note of audio that was made for a stream."""
        self._throughput.until(now_s, len(self._streams))
        self._throughput.add(audio_s)

    def predicted_start_s(self, newcomer: Playback) -> float:
        """Seconds until a request that comes now would start: those that are due before it start one by one."""
        ahead = sum(
            stream.started_s is None and stream.audio_due_s() <= newcomer.audio_due_s() for stream in self._streams
        )
        return ahead * (self._start_s.value or 0.0)

    def started(self, stream: Playback, now_s: float) -> None:
        """Take note that a stream's first audio is there."""
        # As if starts were served one by one: since it came, or since the one before it started.
        self._start_s.add(now_s - max(stream.arrived_s, self._last_start_s))
        self._last_start_s = now_s

    def left(self, stream: Playback, now_s: float) -> None:
        """Take note that a stream has ended, however it did."""
        self._throughput.until(now_s, len(self._streams))
        self._streams.discard(stream)
        if stream.started_s is not None and not stream.reused:
            self._stream_s.add(now_s - stream.arrived_s)


def _refusal(reason: str, found: str, retry_after_s: float) -> Refused:
    return Refused(reason, str(ServerBusy.with_hint(found, retry_after_s)))

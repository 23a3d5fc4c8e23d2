"""What `tts` counts of its streams: who is let in, what they were sent, and how they ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from gsv_runtime import reuse_policy as policy
from gsv_runtime.contract import TOO_MANY_STREAMS
from gsv_runtime.errors import Cancelled, SynthesisError
from gsv_runtime.metrics import Metrics
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tts.scheduling.admission import Admission, AdmissionLimits, Refused
from gsv_runtime.tts.scheduling.paced_stages import Clock
from gsv_runtime.tts.scheduling.playback import Playback


class StreamLedger:
    """One server's streams, in its admission and in its metrics; safe to share between threads."""

    def __init__(self, limits: AdmissionLimits, metrics: Metrics, clock: Clock) -> None:
        self.metrics = metrics
        self._admission = Admission(limits)
        self._clock = clock
        self._lock = threading.Lock()

    def check_room(self) -> None:
        """Return if one more stream may run.

        Raises:
            Refused: as many as allowed are running.
        """
        with self._lock:
            self._admission.check_room()

    def let_in(self, request: SpeechRequest) -> tuple[Playback, Refused | None]:
        """Let a request in.

        Returns:
            Its account; and, where computing would start too late, the refusal of a request whose answer may be in
            the cache: it may look, and is told the refusal if it would have to compute.

        Raises:
            Refused: it is not let in.
        """
        self.metrics.add("gsv_requests_total", priority=request.priority)
        with self._lock:
            playback, refusal = self._admit(request)
        self.metrics.add("gsv_streams")
        return playback, refusal

    def _admit(self, request: SpeechRequest) -> tuple[Playback, Refused | None]:
        now_s = self._clock()
        try:
            return self._admission.admit(request.priority, request.deadline_s, now_s), None
        except Refused as refusal:
            if refusal.reason == TOO_MANY_STREAMS or not policy.allows(request.cache, policy.AUDIO):
                raise
            return self._admission.admit_to_look(request.priority, now_s), refusal

    def sent(self, playback: Playback, audio_s: float, finish_reason: str, is_computed: bool) -> None:
        """Count audio that is about to be sent.

        Args:
            playback: the stream's account.
            audio_s: seconds of audio.
            finish_reason: of the sentence that ends with it, if one does.
            is_computed: whether stages made any of it for this request.
        """
        if playback.started_s is None:
            self._started(playback, is_computed)
        if is_computed:
            with self._lock:
                self._admission.spoken(audio_s, self._clock())
        underrun_s = playback.sent(audio_s, self._clock())
        if underrun_s > 0:
            self.metrics.add("gsv_underruns_total")
            self.metrics.add("gsv_underrun_seconds_total", underrun_s)
        self.metrics.add("gsv_chunks_total")
        self.metrics.add("gsv_audio_seconds_total", audio_s)
        if finish_reason:
            self.metrics.add("gsv_sentences_total", finish_reason=finish_reason)

    def at_fault(self, faults: Iterable[str]) -> None:
        """Count words that were swallowed or are said twice; one of contract.WORD_FAULTS each."""
        for fault in faults:
            self.metrics.add("gsv_swallowed_words_total", fault=fault)

    def _started(self, playback: Playback, is_computed: bool) -> None:
        playback.reused = not is_computed
        now_s = self._clock()
        self.metrics.observe("gsv_ttfa_seconds", now_s - playback.arrived_s)
        if is_computed:
            with self._lock:
                self._admission.started(playback, now_s)

    def left(self, playback: Playback, failure: Exception | None) -> None:
        """Count the end of a stream, and give its place back."""
        now_s = self._clock()
        with self._lock:
            self._admission.left(playback, now_s)
        self.metrics.add("gsv_streams", -1.0)
        if failure is not None:
            self.failed(failure)
        elif playback.sent_audio_s > 0:
            self.metrics.observe("gsv_rtf", (now_s - playback.arrived_s) / playback.sent_audio_s)

    def failed(self, failure: Exception) -> None:
        """Count a request that failed, or was not let in."""
        if isinstance(failure, Refused):
            self.metrics.add("gsv_refusals_total", reason=failure.reason)
        elif isinstance(failure, Cancelled):
            self.metrics.add("gsv_cancels_total")
        else:
            known = type(failure).__name__ if isinstance(failure, SynthesisError) else "InternalError"
            self.metrics.add("gsv_failures_total", error=known)

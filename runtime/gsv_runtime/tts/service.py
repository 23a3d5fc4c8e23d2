"""What `tts` does with a request: lets it in or refuses it at once, speaks, and counts. No Triton inside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from gsv_runtime import contract
from gsv_runtime import reuse_policy as policy
from gsv_runtime.cache.levels import MEMORY
from gsv_runtime.contract import SAMPLE_RATE_HZ
from gsv_runtime.errors import Cancelled, SynthesisError
from gsv_runtime.jobs import OpenStages, ReadInputs, Replies, Reply
from gsv_runtime.metrics import Metrics, NoMetrics
from gsv_runtime.settings import CheckpointFacts, TtsSettings
from gsv_runtime.speech_request import SpeechRequest, parse_speech_request
from gsv_runtime.stages import NoStages, Stages
from gsv_runtime.tensors import Arrays, to_wire
from gsv_runtime.tts.prefetch import Prefetch
from gsv_runtime.tts.reuse.speech_cache import SpeechCache
from gsv_runtime.tts.reuse.whole_answers import Answer, Kept
from gsv_runtime.tts.scheduling.admission import STREAMS, Admission, AdmissionLimits, Refused
from gsv_runtime.tts.scheduling.paced_stages import Clock, PacedStages, Patience, Turnstile, turnstiles
from gsv_runtime.tts.scheduling.playback import Playback
from gsv_runtime.tts.synthesis.chunking import chunk_schedule
from gsv_runtime.tts.synthesis.pieces import COMPUTED, Reuse
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.tts.synthesis.responses import Chunk, chunk_outputs
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import Voice, VoiceStore


class SpeechService:
    """Everything that `tts` requests share."""

    def __init__(
        self,
        settings: TtsSettings,
        facts: CheckpointFacts,
        repository: Path,
        metrics: Metrics | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """Serve the voices beside `repository`, as `settings` says."""
        self.facts = facts
        self.metrics = metrics or NoMetrics()
        self.cache = SpeechCache.open(settings, repository, self.metrics)
        self.clock = clock
        self.voices = VoiceStore(repository / settings.voices_directory)
        self.pipeline = Pipeline(facts, settings.tokens_per_call, chunk_schedule(settings), settings.tokens_ahead)
        self.turnstiles = turnstiles(settings)
        self.voice_turns = Turnstile(settings.stage_places)  # or a burst's voices would all be read at once
        self._pool = ThreadPoolExecutor(settings.max_streams, thread_name_prefix="tts-tokens")
        self.run_ahead = Prefetch(self._pool)
        self._admission = Admission(
            AdmissionLimits(
                settings.max_streams, settings.max_start_s, settings.max_batch_start_s, settings.min_stream_speed
            )
        )
        self._lock = threading.Lock()

    def admit(self, read_inputs: ReadInputs) -> SpeechJob:
        """Lets a request in; see `services.Admit`.

        Args:
            read_inputs: decodes tensors of contract.TTS.

        Raises:
            InvalidRequest: an input is at fault.
            ServerBusy: there is no room, or it would start too late; the message says when to come back.
        """
        try:
            with self._lock:
                self._admission.check_room()
            request = parse_speech_request(read_inputs())
            self.metrics.add("gsv_requests_total", priority=request.priority)
            with self._lock:
                playback, refusal = self._let_in(request)
        except SynthesisError as failure:
            self.count_failure(failure)
            raise
        self.metrics.add("gsv_streams")
        return SpeechJob(self, request, playback, refusal)

    def _let_in(self, request: SpeechRequest) -> tuple[Playback, Refused | None]:
        """A place; and where computing would start too late, the refusal of a request that may be there already."""
        now_s = self.clock()
        try:
            return self._admission.admit(request.priority, request.deadline_s, now_s), None
        except Refused as refusal:
            if refusal.reason == STREAMS or not policy.allows(request.cache, policy.AUDIO):
                raise
            return self._admission.admit_to_look(request.priority, now_s), refusal

    def started(self, playback: Playback) -> None:
        """Takes note of a stream's first audio."""
        now_s = self.clock()
        self.metrics.observe("gsv_ttfa_seconds", now_s - playback.arrived_s)
        if not playback.reused:
            with self._lock:
                self._admission.started(playback, now_s)

    def spoken(self, audio_s: float) -> None:
        """Takes note of audio that was computed."""
        with self._lock:
            self._admission.spoken(audio_s, self.clock())

    def left(self, playback: Playback) -> None:
        """Takes note of a stream's end."""
        with self._lock:
            self._admission.left(playback, self.clock())
        self.metrics.add("gsv_streams", -1.0)

    def count_failure(self, failure: Exception) -> None:
        """Counts a request that failed."""
        if isinstance(failure, Refused):
            self.metrics.add("gsv_refusals_total", reason=failure.reason)
        elif isinstance(failure, Cancelled):
            self.metrics.add("gsv_cancels_total")
        else:
            known = type(failure).__name__ if isinstance(failure, SynthesisError) else "InternalError"
            self.metrics.add("gsv_failures_total", error=known)

    def close(self) -> None:
        """Waits for the threads that pull tokens, and for what the cache has to write."""
        self._pool.shutdown(wait=True)
        self.cache.close()


class SpeechJob:
    """One request that was let in; see `services.Job`."""

    def __init__(
        self, service: SpeechService, request: SpeechRequest, playback: Playback, refusal: Refused | None
    ) -> None:
        self._service = service
        self._request = request
        self._playback = playback
        self._refusal = refusal

    def replies(self, open_stages: OpenStages, is_cancelled: Callable[[], bool]) -> Replies:
        """Speaks the text, one reply per chunk."""
        service, request, cache = self._service, self._request, self._service.cache
        patience = Patience(is_cancelled, self._playback.arrived_s + request.deadline_s, service.clock)
        paced = [self._stages(open_stages, patience) for _ in range(2)]
        stages, token_stages = (cache.stages(each, request, patience.check) for each in paced)
        voice = self._voice(stages, patience)
        answer = cache.answers.find(request, voice)
        if answer is not None:
            yield from self._again(answer)
            return
        reuse = cache.reuse(request, voice, service.pipeline.grid(request), patience.check)
        with closing(service.pipeline.speak(request, voice, stages, token_stages, service.run_ahead, reuse)) as chunks:
            # One that may not compute is told nothing before all of it is found.
            yield from self._told(chunks if self._refusal is None else list(chunks), voice, reuse)

    def _again(self, answer: Answer) -> Replies:
        """What was sent before."""
        for number, kept in enumerate(answer.responses, 1):
            self._count(kept.audio_s, kept.finish_reason, is_computed=False)
            yield Reply(kept.wire, last=number == len(answer.responses))

    def _told(self, chunks: Iterable[Chunk], voice: Voice, reuse: Reuse) -> Replies:
        """A reply for each chunk; if all come from memory they are kept as they are sent."""
        answers, kept = self._service.cache.answers, []
        is_kept = answers.takes(self._request)
        for chunk in chunks:
            audio_s, is_computed = chunk.waveform.size / SAMPLE_RATE_HZ, COMPUTED in chunk.source.split(",")
            outputs: Arrays = chunk_outputs(chunk, self._request.encoding)
            is_kept = is_kept and chunk.source == MEMORY
            if is_kept:
                outputs["waveform"] = outputs["waveform"].copy()  # a view would keep all of its sentence
                wire = to_wire(contract.TTS, contract.TTS.outputs, outputs)
                kept.append(Kept(wire, audio_s, chunk.finish_reason))
            self._count(audio_s, chunk.finish_reason, is_computed)
            if is_kept and chunk.last:
                answers.keep(self._request, voice, kept, reuse.saved_s)
            yield Reply(outputs, chunk.last)

    def _stages(self, open_stages: OpenStages, patience: Patience) -> Stages:
        if self._refusal is not None:
            return NoStages(self._refusal)
        service = self._service
        return PacedStages(open_stages(), service.turnstiles, patience, self._playback, service.metrics, service.clock)

    def _voice(self, stages: Stages, patience: Patience) -> Voice:
        service, reference = self._service, self._request.reference
        if reference is None:
            return service.voices.get(str(self._request.voice), service.facts.weights_digest)

        def derive() -> Voice:
            turn = service.voice_turns.enter(self._playback.audio_due_s(), patience.check)
            try:
                return derive_voice(reference, stages, service.facts)
            finally:
                service.voice_turns.leave(turn)

        return service.cache.voice(self._request, reference, derive, patience.check)

    def leave(self, failure: Exception | None) -> None:
        """Gives the place back."""
        metrics, playback = self._service.metrics, self._playback
        self._service.left(playback)
        if failure is not None:
            self._service.count_failure(failure)
        elif playback.sent_audio_s > 0:
            metrics.observe("gsv_rtf", (self._service.clock() - playback.arrived_s) / playback.sent_audio_s)

    def _count(self, audio_s: float, finish_reason: str, is_computed: bool) -> None:
        metrics = self._service.metrics
        if self._playback.started_s is None:
            self._playback.reused = not is_computed
            self._service.started(self._playback)
        if is_computed:
            self._service.spoken(audio_s)
        underrun_s = self._playback.sent(audio_s, self._service.clock())
        if underrun_s > 0:
            metrics.add("gsv_underruns_total")
            metrics.add("gsv_underrun_seconds_total", underrun_s)
        metrics.add("gsv_chunks_total")
        metrics.add("gsv_audio_seconds_total", audio_s)
        if finish_reason:
            metrics.add("gsv_sentences_total", finish_reason=finish_reason)

"""One `tts` request that was let in, from its voice to its last reply."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from gsv_runtime import contract
from gsv_runtime.contract import (
    AS_LATENTS,
    AS_TOKENS,
    COMPUTED,
    MEMORY,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    TOKENS_PER_SECOND,
)
from gsv_runtime.jobs import OpenStages, Replies, Reply
from gsv_runtime.models.leased_stages import ModelStages
from gsv_runtime.speech_request import ReferenceRequest, SpeechRequest
from gsv_runtime.stages import NoStages, Stages
from gsv_runtime.tensors import Arrays, to_wire
from gsv_runtime.tts.prefetch import Prefetch
from gsv_runtime.tts.reuse.whole_answers import WholeAnswer, WholeAnswers, WireChunk
from gsv_runtime.tts.scheduling.admission import Refused
from gsv_runtime.tts.scheduling.paced_stages import Clock, PacedStages, PrioritySemaphore, RequestGuard
from gsv_runtime.tts.scheduling.playback import Playback
from gsv_runtime.tts.served_models import ServedModel, ServedModels
from gsv_runtime.tts.stream_ledger import StreamLedger
from gsv_runtime.tts.synthesis.latent_answers import codec_for, latent_outputs
from gsv_runtime.tts.synthesis.latent_codec import LatentCodec
from gsv_runtime.tts.synthesis.loudness import amplified, gain_to, own_loudness
from gsv_runtime.tts.synthesis.pieces import Reuse
from gsv_runtime.tts.synthesis.responses import Chunk, chunk_outputs
from gsv_runtime.tts.synthesis.token_answers import join_tokens, token_outputs
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.opening import Voices
from gsv_runtime.voices.store import Voice

_AHEAD_S = 5.0  # of a listener, where memory is short
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class SpeechContext:
    """What all requests of a server share."""

    models: ServedModels
    voices: Voices
    semaphores: Mapping[str, PrioritySemaphore]  # of stages, by model name
    voice_semaphore: PrioritySemaphore  # or a burst's voices would all be derived at once
    run_ahead: Prefetch
    ledger: StreamLedger
    clock: Clock
    codec: LatentCodec | None = None  # of latents, if the repository has one
    is_short_of_memory: Callable[[], bool] = lambda: False  # tritonserver, which keeps what clients do not read


class SpeechJob:
    """One request that was let in; see `jobs.Job`."""

    def __init__(
        self, context: SpeechContext, request: SpeechRequest, playback: Playback, refusal: Refused | None
    ) -> None:
        """Prepare to speak `request`; with a `refusal` it gets only what is in the cache, or that."""
        self._context = context
        self._request = request
        self._playback = playback
        self._refusal = refusal

    def replies(self, open_stages: OpenStages, is_cancelled: Callable[[], bool]) -> Replies:
        """Speak the text, one reply per chunk."""
        context, request = self._context, self._request
        guard = RequestGuard(is_cancelled, self._playback.arrived_s + request.deadline_s, context.clock)
        served = context.models.of_request(request, context.voices)
        lease = context.models.lease(served, open_stages, guard.check)
        paced = [self._stages(open_stages, guard) for _ in range(2)]
        try:
            yield from self._spoken(served, [ModelStages(each, lease) for each in paced], guard)
        finally:
            lease.release()

    def _spoken(self, served: ServedModel, own: Sequence[Stages], guard: RequestGuard) -> Replies:
        """Speak with one fine-tune; `own` are its stages, for the audio and for the tokens."""
        request, cache, pipeline = self._request, served.cache, served.pipeline
        stages, token_stages = (cache.stages(each, request, guard.check) for each in own)
        voice = self._voice(served, stages, guard)
        if request.answer == AS_TOKENS:
            yield from self._tokens(served, stages, voice, self._gain(served, voice, stages, guard))
            return
        if request.answer == AS_LATENTS:
            yield from self._latents(served, stages, token_stages, voice, self._gain(served, voice, stages, guard))
            return
        answer = cache.answers.find(request, voice)
        if answer is not None:
            yield from self._again(answer, guard)
            return
        gain = self._gain(served, voice, stages, guard)
        reuse = cache.reuse(request, voice, pipeline.schedule_of(request), guard.check)
        run_ahead = self._context.run_ahead
        with closing(pipeline.speak(request, voice, stages, token_stages, run_ahead, reuse)) as chunks:
            # One that may not compute is sent nothing before all of it is found.
            sent = chunks if self._refusal is None else list(chunks)
            yield from self._sent(map(partial(self._at_listeners_pace, guard), sent), voice, gain, reuse, cache.answers)

    def _tokens(self, served: ServedModel, stages: Stages, voice: Voice, gain: float) -> Replies:
        """Reply with tokens, from which a device makes the audio."""
        context, request = self._context, self._request
        schedule = served.pipeline.schedule_of(request)
        with closing(served.pipeline.tokens(request, voice, stages)) as pieces:
            for chunk in join_tokens(pieces, schedule, served.pipeline.device_times(request)):
                audio_s = chunk.tokens.size / TOKENS_PER_SECOND
                context.ledger.sent(self._playback, audio_s, chunk.finish_reason, is_computed=True)
                context.ledger.at_fault(word.fault for word in chunk.told.faults)
                yield Reply(token_outputs(chunk, request, voice, schedule, gain), chunk.last)

    def _latents(self, served: ServedModel, stages: Stages, token_stages: Stages, voice: Voice, gain: float) -> Replies:
        """Reply with latents, of which a device makes the audio."""
        context, request, pipeline = self._context, self._request, served.pipeline
        schedule, codec = pipeline.schedule_of(request), codec_for(request, context.codec, served.facts.weights_digest)
        with closing(pipeline.latents(request, voice, stages, token_stages, context.run_ahead)) as chunks:
            for chunk in chunks:
                audio_s = chunk.heard_frames * SAMPLES_PER_FRAME / SAMPLE_RATE_HZ
                context.ledger.sent(self._playback, audio_s, chunk.finish_reason, is_computed=True)
                context.ledger.at_fault(word.fault for word in chunk.told.faults)
                yield Reply(latent_outputs(chunk, request, voice, schedule, gain, codec), chunk.last)

    def leave(self, failure: Exception | None) -> None:
        """Give the place back."""
        self._context.ledger.left(self._playback, failure)

    def facts(self) -> Mapping[str, object]:
        """Whose voice, how long a text, how much speech, and when it began."""
        playback, request = self._playback, self._request
        facts: dict[str, object] = {"voice": request.voice or "-", "characters": len(request.text)}
        facts["audio_s"] = round(playback.sent_audio_s, 2)
        if playback.started_s is not None:
            facts["ttfa_ms"] = round(1000 * (playback.started_s - playback.arrived_s), 1)
        return facts

    def _at_listeners_pace(self, guard: RequestGuard, chunk: Chunk) -> Chunk:
        """Hand on what is there no faster than it is played, while clients leave too much unread.

        Raises:
            Cancelled: the client has left meanwhile.
        """
        self._wait_for_listener(guard)
        return chunk

    def _wait_for_listener(self, guard: RequestGuard) -> None:
        context, playback = self._context, self._playback
        while context.is_short_of_memory() and playback.ahead_s(context.clock()) > _AHEAD_S:
            guard.check()
            time.sleep(_LOOK_EVERY_S)

    def _again(self, answer: WholeAnswer, guard: RequestGuard) -> Replies:
        """Reply with what was sent before."""
        for number, chunk in enumerate(answer.responses, 1):
            self._wait_for_listener(guard)
            self._context.ledger.sent(self._playback, chunk.audio_s, chunk.finish_reason, is_computed=False)
            yield Reply(chunk.wire, last=number == len(answer.responses))

    def _gain(self, served: ServedModel, voice: Voice, stages: Stages, guard: RequestGuard) -> float:
        """What the speech is multiplied by; the voice is measured the first time."""
        wanted = self._request.loudness
        target_lufs = voice.loudness if wanted is None else wanted
        if target_lufs == 0:
            return 1.0
        own = served.cache.loudness(voice, lambda: own_loudness(voice, served.facts, stages), guard.check)
        return gain_to(target_lufs, own)

    def _sent(self, chunks: Iterable[Chunk], voice: Voice, gain: float, reuse: Reuse, answers: WholeAnswers) -> Replies:
        """A reply for each chunk; if all come from memory they are stored as they are sent."""
        ledger = self._context.ledger
        stored: list[WireChunk] = []
        is_stored = answers.stores(self._request)
        for chunk in chunks:
            audio_s, is_computed = chunk.waveform.size / SAMPLE_RATE_HZ, COMPUTED in chunk.source.split(",")
            chunk = replace(chunk, waveform=amplified(chunk.waveform, gain))
            outputs: Arrays = chunk_outputs(chunk, self._request.encoding, voice.report.get("warnings", ()))
            is_stored = is_stored and chunk.source == MEMORY
            if is_stored:
                outputs["waveform"] = outputs["waveform"].copy()  # a view would keep all of its sentence
                wire = to_wire(contract.TTS, contract.TTS.outputs, outputs)
                stored.append(WireChunk(wire, audio_s, chunk.finish_reason))
            ledger.sent(self._playback, audio_s, chunk.finish_reason, is_computed)
            ledger.at_fault(word.fault for word in chunk.word_faults)
            if is_stored and chunk.last:
                answers.keep(self._request, voice, stored, reuse.saved_s)
            yield Reply(outputs, chunk.last)

    def _stages(self, open_stages: OpenStages, guard: RequestGuard) -> Stages:
        if self._refusal is not None:
            return NoStages(self._refusal)
        context = self._context
        metrics = context.ledger.metrics
        return PacedStages(open_stages(), context.semaphores, guard, self._playback, metrics, context.clock)

    def _voice(self, served: ServedModel, stages: Stages, guard: RequestGuard) -> Voice:
        context, request = self._context, self._request

        def derive(reference: ReferenceRequest) -> Voice:
            turn = context.voice_semaphore.enter(self._playback.audio_due_s(), guard.check)
            try:
                return derive_voice(reference, stages, served.facts)
            finally:
                context.voice_semaphore.leave(turn)

        def derive_once(reference: ReferenceRequest) -> Voice:
            return served.cache.voice(request, reference, lambda: derive(reference), guard.check)

        if request.reference is not None:
            return derive_once(request.reference)
        return context.voices.get(str(request.voice), served.facts.weights_digest, derive_once)

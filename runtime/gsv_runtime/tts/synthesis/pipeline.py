"""A speech request's path through the stages. No Triton inside.

Two iterators joined: one pulls semantic tokens, sentence after sentence, the other decodes them to audio. `run_ahead`
may run the first on a thread of its own, so that the next tokens are asked for while the last become audio; without
it they take turns, and give the same audio. Pure but for that and the injected stages: no file, no clock, no thread.
Everything random comes from the request's seed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gsv_runtime import contract
from gsv_runtime.contract import AS_AUDIO, BY_CHUNK, COMPUTED, OPENING_TOKENS, SAMPLE_RATE_HZ, TOKENS_PER_SECOND
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import SpeechRequest, sentence_seed
from gsv_runtime.stages import SequenceCall, Stages, end_sequence
from gsv_runtime.tensors import Array
from gsv_runtime.text.sentences import FeaturesInGroups, Sentence, unflatten
from gsv_runtime.tts.synthesis.alignment import Alignment, PhoneTable
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule
from gsv_runtime.tts.synthesis.decoding import Noise, SentenceDecoder, SentenceLatents
from gsv_runtime.tts.synthesis.latent_answers import LatentChunk, LatentPiece, numbered, sent_frames
from gsv_runtime.tts.synthesis.pieces import (
    AudioPiece,
    NoReuse,
    Piece,
    Pieces,
    Reuse,
    SentenceTask,
    TokenPiece,
    pause_after_s,
    spoken_speed,
)
from gsv_runtime.tts.synthesis.responses import Chunk, added, join_pieces
from gsv_runtime.tts.synthesis.retakes import Pulled, Watch, nobody_watches, take_limits, take_seed, taken
from gsv_runtime.tts.synthesis.word_faults import WordWatch
from gsv_runtime.tts.synthesis.word_times import NOTHING_TOLD, DeviceTimes, WordTimes
from gsv_runtime.voices.store import Voice

# Hands out the items of an iterator in order, and may advance it before they are asked for, but not while those
# waiting are far ahead. Closing it closes the source too, and returns when that has ended.
FarAhead = Callable[[Sequence[Piece]], bool]
RunAhead = Callable[[Pieces, FarAhead], Generator[Piece, None, None]]
_FAST = 0.25  # of the time that the audio of the tokens lasts: then the next chunk comes in time all the same
_NO_PAUSE = np.zeros(0, dtype=np.float32)


def in_step(source: Pieces, is_far_ahead: FarAhead) -> Generator[Piece, None, None]:
    """`RunAhead` that does not run ahead."""
    yield from source


def _resumed(piece: Piece, rest: Pieces) -> Pieces:
    yield piece
    yield from rest


class Pipeline:
    """Turns requests into chunks; holds only what does not change between requests."""

    def __init__(
        self,
        facts: CheckpointFacts,
        tokens_per_call: int,
        schedule: ChunkSchedule = WHOLE_SENTENCE,
        tokens_ahead: int = 0,
        table: PhoneTable | None = None,
    ) -> None:
        """Prepare.

        Args:
            facts: of the checkpoint.
            tokens_per_call: semantic tokens asked from `t2s` in one call, at most.
            schedule: where sentences are cut for requests that stream by chunks.
            tokens_ahead: with as many tokens waiting to be decoded, no further sentence is begun.
            table: tells which phone a token speaks; None: a repository that was built before there was one.
        """
        self._facts = facts
        self._tokens_per_call = tokens_per_call
        self._schedule = schedule
        self._tokens_ahead = tokens_ahead
        self._table = table

    def speak(
        self,
        request: SpeechRequest,
        voice: Voice,
        stages: Stages,
        token_stages: Stages | None = None,
        run_ahead: RunAhead = in_step,
        reuse: Reuse | None = None,
    ) -> Generator[Chunk, None, None]:
        """Speak a text.

        Args:
            request: what to say and how.
            voice: whose voice; everything derived from its reference.
            stages: the stages, for this request.
            token_stages: those for the tokens, where both are called at the same time; default `stages`.
            run_ahead: how to pull tokens while others are decoded.
            reuse: sentences that need not be computed; it is closed.

        Yields:
            Chunks in order, cut as `request.streaming` says; the last one says so.

        Raises:
            InvalidRequest: the text has nothing to speak.
            SynthesisError: what a stage raised; the slot of `t2s` is free then.
        """
        reuse = reuse or NoReuse()
        source = self._pieces(request, voice, token_stages or stages, reuse)
        with closing(source), closing(self._ahead(source, run_ahead, request)) as pieces, closing(reuse):
            times = WordTimes(request, self._facts.version) if request.is_timed else None
            yield from join_pieces(self._audio(request, voice, stages, pieces, reuse), request.streaming, times)

    def tokens(self, request: SpeechRequest, voice: Voice, stages: Stages) -> Generator[TokenPiece, None, None]:
        """Pull the tokens of a text, for a device that makes audio of them; arguments and errors as `speak`."""
        for piece in self._pieces(request, voice, stages, NoReuse()):
            assert isinstance(piece, TokenPiece)  # without reuse there is no other
            yield piece

    def latents(
        self,
        request: SpeechRequest,
        voice: Voice,
        stages: Stages,
        token_stages: Stages | None = None,
        run_ahead: RunAhead = in_step,
    ) -> Generator[LatentChunk, None, None]:
        """Make the latents of a text, for a device that has the vocoder; arguments and errors as `speak`."""
        source = self._pieces(request, voice, token_stages or stages, NoReuse())
        with closing(source), closing(self._ahead(source, run_ahead, request)) as pieces:
            yield from numbered(self._latent_frames(request, voice, stages, pieces))

    def _latent_frames(
        self, request: SpeechRequest, voice: Voice, stages: Stages, pieces: Pieces
    ) -> Iterator[LatentPiece]:
        """Latents as tokens come."""
        latents: SentenceLatents | None = None
        times_ms: dict[str, float] = {}
        times = self.device_times(request)
        for piece in pieces:
            assert isinstance(piece, TokenPiece)  # without reuse there is no other
            latents = latents or SentenceLatents(*self._decoded_by(piece.task, request, voice, stages), with_past=False)
            times_ms = added(times_ms, piece.times_ms)
            for found, frames in latents.push(piece.tokens, finished=piece.finish_reason != ""):
                times_ms = added(times_ms, stages.take_times_ms())
                reason = piece.finish_reason if found.last else ""
                tokens = latents.tokens[: found.tokens.stop]
                told = times.take(piece.task, tokens, reason, piece.faults) if times else NOTHING_TOLD
                yield LatentPiece(piece.task, *sent_frames(found, frames), reason, times_ms, told)
                times_ms = {}
            if piece.finish_reason:
                latents = None

    def schedule_of(self, request: SpeechRequest) -> ChunkSchedule:
        """Return where the sentences of a request are cut."""
        return self._schedule if request.streaming == BY_CHUNK else WHOLE_SENTENCE

    def device_times(self, request: SpeechRequest) -> DeviceTimes | None:
        """What tells when words of speech are said that a device makes; None: nobody asks."""
        return DeviceTimes(request, self._facts.version, self._alignment) if request.is_timed else None

    def _ahead(self, source: Pieces, run_ahead: RunAhead, request: SpeechRequest) -> Generator[Piece, None, None]:
        """Audio that is there already comes at once, without a thread; who runs ahead begins with the first tokens.

        Where tokens come fast it begins when the first chunk has been made of them: that has the machine to itself.
        """
        opening = self._schedule.tokens_before_chunk(0) if request.streaming == BY_CHUNK else 0
        known, spent_ms = 0, 0.0
        for piece in source:
            if isinstance(piece, TokenPiece):
                is_made = known >= opening  # the first chunk, before this piece was asked for
                known, spent_ms = known + piece.num_tokens, spent_ms + piece.times_ms.get(contract.T2S.name, 0.0)
                if is_made or (known >= opening and spent_ms / 1e3 > _FAST * known / TOKENS_PER_SECOND):
                    with closing(run_ahead(_resumed(piece, source), self._is_far_ahead)) as pieces:
                        yield from pieces
                    return
            yield piece

    def _is_far_ahead(self, waiting: Sequence[Piece]) -> bool:
        """Whether to leave the next sentence for later; a sentence that has a slot is always brought to its end."""
        between_sentences = bool(waiting) and waiting[-1].finish_reason != ""
        return between_sentences and sum(piece.num_tokens for piece in waiting) > self._tokens_ahead

    def _pieces(
        self, request: SpeechRequest, voice: Voice, stages: Stages, reuse: Reuse
    ) -> Generator[Piece, None, None]:
        own: dict[str, Any] = {"lexicon": request.lexicon} if request.lexicon else {}
        own |= {"spans": [True]} if request.is_timed else {}
        text, language, split_method = request.text, request.language, request.split_method
        answer = stages.call(contract.TEXT_FRONTEND, text=text, language=language, split_method=split_method, **own)
        sentences = unflatten(answer)
        if not sentences:
            raise InvalidRequest("text has nothing that can be spoken; need words or numbers")
        features = FeaturesInGroups(sentences, stages, self._facts)

        def compute(task: SentenceTask) -> Iterator[TokenPiece]:
            opening = _opening(task, features.of(task.index), request, voice)
            limits = take_limits(task.sentence, request.language, voice)

            def pull(number: int, sent: Array) -> Generator[Pulled, None, None]:
                again = _again(opening, take_seed(task.seed, number), sent)
                at_once = tokens_at_once(request.answer, self._tokens_per_call)
                calls = calls_of(self.schedule_of(request), at_once, sent.size)
                with closing(pull_tokens(again, calls, stages)) as pulled:
                    for tokens, finish_reason in pulled:
                        yield tokens, finish_reason, stages.take_times_ms()

            watch = self._watch(task.sentence) if request.is_timed else nobody_watches
            for kept in taken(pull, request.retries, limits, self.schedule_of(request), watch):
                yield TokenPiece(task, kept.tokens, kept.finish_reason, kept.times_ms, kept.faults)

        for index, sentence in enumerate(sentences):
            seed = sentence_seed(request.sampling.seed, index)
            yield from reuse.pieces(SentenceTask(index, sentence, seed, last=index == len(sentences) - 1), compute)

    def _audio(
        self, request: SpeechRequest, voice: Voice, stages: Stages, pieces: Pieces, reuse: Reuse
    ) -> Iterator[AudioPiece]:
        """Decode tokens as they come; audio that is there already passes through. Pauses are added to both."""
        decoder: SentenceDecoder | None = None
        times_ms: dict[str, float] = {}
        for piece in pieces:
            if isinstance(piece, AudioPiece):
                yield _with_pause(piece, request)
                continue
            decoder = decoder or self._decoder(piece.task, request, voice, stages)
            times_ms = added(times_ms, piece.times_ms)
            for waveform in _decoded(decoder, piece, reuse):
                times_ms = added(times_ms, stages.take_times_ms())
                reason = piece.finish_reason if decoder.is_complete else ""
                faults = piece.faults if reason else ()
                audio = AudioPiece(piece.task, waveform, reason, COMPUTED, times_ms, decoder.token_phones, faults)
                if reuse.decoded(audio, sum(times_ms.values()) / 1e3):
                    yield _with_pause(audio, request)
                times_ms = {}
            if piece.finish_reason:
                decoder = None

    def _decoder(self, task: SentenceTask, request: SpeechRequest, voice: Voice, stages: Stages) -> SentenceDecoder:
        alignment = self._alignment(task.sentence) if request.is_timed else None
        return SentenceDecoder(*self._decoded_by(task, request, voice, stages), alignment)

    def _decoded_by(
        self, task: SentenceTask, request: SpeechRequest, voice: Voice, stages: Stages
    ) -> tuple[Array, Array, Noise, float, CheckpointFacts, Stages, ChunkSchedule]:
        """What `SentenceLatents` and `SentenceDecoder` take of a sentence."""
        noise, speed = Noise(task.seed, request.noise_scale), spoken_speed(request, task.sentence)
        schedule = self.schedule_of(request)
        return task.sentence.phones, voice.global_condition, noise, speed, self._facts, stages, schedule

    def _watch(self, sentence: Sentence) -> Watch:
        if self._table is None or self._table.durations is None:
            return nobody_watches
        return WordWatch(self._table, sentence.phones, sentence.words).faults

    def _alignment(self, sentence: Sentence) -> Alignment:
        if self._table is None:
            raise InvalidRequest("this server cannot tell when words are said: it was built before; run `make build`")
        return Alignment(self._table, sentence.phones, self._schedule)


def _decoded(decoder: SentenceDecoder, piece: TokenPiece, reuse: Reuse) -> Iterator[Array]:
    """Audio that these tokens make; who else wants it is told if that fails."""
    try:
        yield from decoder.push(piece.tokens, finished=piece.finish_reason != "")
    except Exception as failure:
        reuse.failed(piece.task, failure)
        raise


def _with_pause(piece: AudioPiece, request: SpeechRequest) -> AudioPiece:
    """The piece with the silence after its sentence, if it is the last of that."""
    pause = _pause(piece.task, request) if piece.finish_reason else _NO_PAUSE
    return replace(piece, waveform=np.concatenate([piece.waveform, pause])) if pause.size else piece


def _pause(task: SentenceTask, request: SpeechRequest) -> Array:
    """Silence after a sentence, [N] float32."""
    return np.zeros(round(pause_after_s(request, task) * SAMPLE_RATE_HZ), dtype=np.float32)


def _opening(task: SentenceTask, bert_features: Array, request: SpeechRequest, voice: Voice) -> dict[str, object]:
    """What the first call of a sentence brings to `t2s`."""
    phones = task.sentence.phones
    return {
        "phones": np.concatenate([voice.prompt_phones, phones]),
        "bert_features": np.concatenate([voice.prompt_features, bert_features], axis=1),
        "num_target_phones": phones.size,
        "prompt_tokens": voice.prompt_tokens,
        **asdict(replace(request.sampling, seed=task.seed)),
    }


def _again(opening: dict[str, object], seed: int, sent: Array) -> dict[str, object]:
    """The same opening for another take, which goes on from the tokens that are sent already."""
    return {**opening, "seed": seed, "prompt_tokens": np.concatenate([opening["prompt_tokens"], sent])}


def tokens_at_once(answer: str, tokens_per_call: int) -> int:
    """Tokens of one call, at most: a second's for a device, which needs all of a chunk before it begins.

    Args:
        answer: what comes back, one of `contract.ANSWERS`.
        tokens_per_call: of who is sent audio.
    """
    return tokens_per_call if answer == AS_AUDIO else max(tokens_per_call, TOKENS_PER_SECOND)


def calls_of(schedule: ChunkSchedule, tokens_per_call: int, num_tokens: int) -> Iterator[int]:
    """Tokens to ask for, call by call: so many, or as few as the next chunk lacks, which would wait for the others.

    Those of the first chunk are asked for at once: nobody hears anything before all are there.

    Args:
        schedule: where the sentence is cut.
        tokens_per_call: the most of later calls.
        num_tokens: that are there before the first call.
    """
    missing = schedule.tokens_missing(num_tokens)
    if num_tokens == 0 and missing <= OPENING_TOKENS:  # a sentence that is not cut has no first chunk
        num_tokens = missing
        yield missing
    while True:
        count = min(tokens_per_call, schedule.tokens_missing(num_tokens))
        num_tokens += count
        yield count


def pull_tokens(
    opening: dict[str, object], calls: Iterator[int], stages: Stages
) -> Generator[tuple[Array, str], None, None]:
    """Pull a sentence's tokens from `t2s` until it says that there are no more.

    Args:
        opening: inputs of the first call.
        calls: tokens to ask for, call by call; without end.
        stages: where `t2s` is called.

    Yields:
        [T] int64, and why the sentence ended, empty but for the last. The slot is free before the last is handed
        out, and when the iterator is closed.
    """
    sequence_id = stages.new_sequence_id()
    first: dict[str, object] = opening
    finish_reason = ""
    start = True
    while not finish_reason:
        try:
            call = SequenceCall(sequence_id, start=start)
            answer = stages.call(contract.T2S, sequence=call, max_new_tokens=[next(calls)], **as_rows(first))
            first, start = {}, False
            finish_reason = str(answer["finish_reason"][0])
            if not finish_reason:
                yield answer["semantic_tokens"], ""
        except BaseException:
            end_sequence(contract.T2S, sequence_id, stages)
            raise
    end_sequence(contract.T2S, sequence_id, stages)  # a slot that is not freed is reaped later; the audio is good
    yield answer["semantic_tokens"], finish_reason


def as_rows(values: dict[str, object]) -> dict[str, object]:
    """Wrap scalars in lists: every scalar travels as a tensor [1]."""
    return {name: value if isinstance(value, np.ndarray) else [value] for name, value in values.items()}

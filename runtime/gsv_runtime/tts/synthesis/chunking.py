"""Which window of a sentence each chunk of speech is decoded from. Pure: numbers in, numbers out.

    tokens   |------------ encoder context ------------|== chunk ==|-- lookahead --|
    frames                   |- flow -|- vocoder -|== chunk ==|- vocoder -|
                                                               ^ cross-fade with the next chunk

The flow and the vocoder are convolutions: with as many frames around a chunk as they can see, a window gives what the
whole sentence gives. The text encoder attends to every token, so there the lookahead only comes close
(docs/decisions/0011-streaming-windows.md).

A window depends on the schedule and on token positions only, never on when tokens arrive: the same seed gives the
same audio whatever runs beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gsv_runtime.contract import FRAMES_PER_TOKEN
from gsv_runtime.settings import TtsSettings
from gsv_runtime.tensors import Array

CROSSFADE_FRAMES = 1  # 20 ms


@dataclass(frozen=True)
class ChunkSchedule:
    """How a sentence is cut into chunks; a token is 40 ms."""

    first_tokens: int  # of the first chunk: small, so that audio starts early
    max_tokens: int  # of a chunk; each has twice the tokens of the one before, up to this
    lookahead_tokens: int  # known beyond a chunk before it is decoded; at least 1, the cross-fade lies in them
    encoder_tokens: int  # before a chunk that the text encoder sees
    bucket: int  # each axis of a window is padded to a multiple of this, so that windows of requests batch

    def tokens_for_chunk(self, index: int) -> int:
        """Semantic tokens that chunk `index` covers, if the sentence is long enough."""
        return min(self.first_tokens << min(index, 32), self.max_tokens)

    def bounds(self, index: int) -> tuple[int, int]:
        """First token of chunk `index` and the one after its last, if the sentence is long enough."""
        start = sum(self.tokens_for_chunk(earlier) for earlier in range(index))
        return start, start + self.tokens_for_chunk(index)

    def tokens_before_chunk(self, index: int) -> int:
        """Tokens of the sentence that must be known before chunk `index` can be decoded."""
        return self.bounds(index)[1] + self.lookahead_tokens

    def tokens_missing(self, num_tokens: int) -> int:
        """How many more make the next chunk decodable, where so many are known; at least 1."""
        index = 0
        while (needed := self.tokens_before_chunk(index)) <= num_tokens:
            index += 1
        return needed - num_tokens


# One chunk for any sentence: offline. t2s stops at 1,500 tokens.
WHOLE_SENTENCE = ChunkSchedule(1 << 20, 1 << 20, lookahead_tokens=1, encoder_tokens=1 << 20, bucket=1)


@dataclass(frozen=True)
class Span:
    """Positions from `start` to before `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def within(self, outer: Span) -> slice:
        """This span in an array that holds `outer`."""
        return slice(self.start - outer.start, self.stop - outer.start)


@dataclass(frozen=True)
class ReceptiveField:
    """Frames to each side that decide a frame: of the flow's output, and of the vocoder's samples."""

    flow_frames: int
    vocoder_frames: int


@dataclass(frozen=True)
class Window:
    """What one chunk is decoded from; frames count from the start of the sentence."""

    tokens: Span  # for the text encoder
    latents: Span  # frames that the acoustic model makes
    vocoded: Span  # those of them that the vocoder gets
    chunk: Span  # those of them that are heard
    frame_step: float  # token frames from one latent frame to the next: the speed
    last: bool

    def without_past(self, field: ReceptiveField) -> Window:
        """The same for a device that has the frames before the chunk: they are not made again."""
        latents = Span(max(self.chunk.start - field.flow_frames, 0), self.latents.stop)
        return replace(self, latents=latents, vocoded=Span(self.chunk.start, self.vocoded.stop))

    @property
    def frame_positions(self) -> Array:
        """Where each of `latents` lies among the frames of `tokens`, two a token: [F] float32.

        Source: the half-pixel centres of torch's `interpolate(mode="linear", align_corners=False)`, which upstream
        uses for speed.
        """
        frames = np.arange(self.latents.start, self.latents.stop, dtype=np.float32)
        places = (frames + np.float32(0.5)) * np.float32(self.frame_step) - np.float32(0.5)
        return places - np.float32(FRAMES_PER_TOKEN * self.tokens.start)


def num_frames(num_tokens: int, speed: float) -> int:
    """Latent frames for `num_tokens` tokens: two each, or as many as upstream interpolates to at another speed."""
    frames = FRAMES_PER_TOKEN * num_tokens
    return frames if speed == 1.0 else int(frames / speed) + 1


def whole_window(num_tokens: int, frames: int) -> Window:
    """The window of a sentence that is decoded at once: `num_tokens` tokens stretched over `frames`, as upstream."""
    everything = Span(0, frames)
    step = FRAMES_PER_TOKEN * num_tokens / frames
    return Window(Span(0, num_tokens), everything, everything, everything, step, last=True)


def window(
    schedule: ChunkSchedule, field: ReceptiveField, speed: float, index: int, num_tokens: int, finished: bool
) -> Window | None:
    """Window of chunk `index`.

    Args:
        schedule: where to cut.
        field: what must be around a chunk so that flow and vocoder give what the whole sentence gives.
        speed: 1 is as spoken.
        index: of the chunk; those before it exist.
        num_tokens: known so far, at least one.
        finished: whether these are all.

    Returns:
        None if more tokens must be known.
    """
    start, end = schedule.bounds(index)
    known = schedule.tokens_before_chunk(index)
    last = num_tokens < known
    if last:
        if not finished:
            return None
        if index == 0:
            return whole_window(num_tokens, num_frames(num_tokens, speed))
        end_frame = known_frames = num_frames(num_tokens, speed)
        known = num_tokens
    else:
        end_frame, known_frames = _frame_of(end, speed), _frame_of(known, speed)
    chunk = Span(_frame_of(start, speed), end_frame)
    vocoded = Span(
        max(chunk.start - field.vocoder_frames, 0),
        min(chunk.stop + CROSSFADE_FRAMES + field.vocoder_frames, known_frames),
    )
    latents = Span(max(vocoded.start - field.flow_frames, 0), known_frames)
    first_seen = int(latents.start * speed / FRAMES_PER_TOKEN)
    tokens = Span(max(min(start - schedule.encoder_tokens, first_seen), 0), known)
    return Window(tokens, latents, vocoded, chunk, speed, last)


def _frame_of(token: int, speed: float) -> int:
    """First latent frame of a token; at speed 1, two a token."""
    return int(FRAMES_PER_TOKEN * token / speed)


def rounded_up(size: int, multiple: int) -> int:
    """The least multiple that holds `size`."""
    return -(-size // multiple) * multiple


def crossfade(tail: Array, head: Array) -> Array:
    """Go over from `tail` to `head`, both [N] float32 of the same stretch of time; their weights add up to 1.

    Equal gain, not equal power: both are the same speech, all but equal.
    """
    rising = np.sin(np.pi / 2 * (np.arange(head.size, dtype=np.float32) + 0.5) / head.size) ** 2
    return (tail + rising * (head - tail)).astype(np.float32)


def chunk_schedule(settings: TtsSettings) -> ChunkSchedule:
    """Where sentences are cut for requests that stream by chunks."""
    return ChunkSchedule(
        settings.first_chunk_tokens,
        settings.max_chunk_tokens,
        settings.lookahead_tokens,
        settings.encoder_tokens,
        settings.window_bucket,
    )

"""One answer of audio: its status leaves with its first sound, and it ends with its client.

What fails before the first sound is an ordinary HTTP error. What fails after it cuts the connection, so that the client
notices instead of playing half a sentence as if it were all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gsv_client import SynthesisError
from gsv_client.audio import Chunk
from gsv_gateway.audio.encoders import Encoder
from gsv_gateway.audio.formats import Format
from gsv_gateway.audio.samples import Path
from gsv_gateway.stalls import ClientStalled, Stalls
from gsv_gateway.tritons import LatentSpeech, Speech

T = TypeVar("T")

logger = logging.getLogger("gsv.gateway")

_NOT_KEPT = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # no proxy may hold a stream back


class ClientLeft(Exception):
    """Nobody listens any more."""


class Told(Protocol):
    """Who is told how an answer goes."""

    def first_audio(self, after_s: float) -> None:
        """The first bytes of sound are leaving."""
        ...

    def ended(self, audio_s: float, reason: str) -> None:
        """The answer is over: "done", "left", "stalled" or "failed"."""
        ...


@dataclass(frozen=True)
class Wanted:
    """How an answer is to sound.

    Attributes:
        format: Container and codec.
        rate_hz: Its sample rate.
        stretch: By how much speech is played faster than the model speaks it.
        skipped: Samples at the beginning that the client has already.
    """

    format: Format
    rate_hz: int
    stretch: float = 1.0
    skipped: int = 0


async def encoded(chunks: AsyncIterator[Chunk], speech_hz: int, wanted: Wanted) -> AsyncIterator[bytes]:
    """Turn chunks into pieces of the format, each as soon as there is one; the last closes it."""
    path = Path(speech_hz, wanted.rate_hz, wanted.stretch, wanted.skipped)
    encoder = wanted.format.open(wanted.rate_hz)

    async for chunk in chunks:
        if data := await _in_time(encoder, wanted, lambda samples=chunk.samples: encoder.encode(path.feed(samples))):
            yield data
    if data := await _in_time(encoder, wanted, lambda: _end(encoder, path)):
        yield data


async def whole(speech: Speech, wanted: Wanted) -> bytes:
    """All of it in one piece, whose header says how long it is wherever the format's can."""
    write = wanted.format.whole
    if write is None:
        return b"".join([piece async for piece in encoded(speech.chunks, speech.sample_rate, wanted)])
    path = Path(speech.sample_rate, wanted.rate_hz, wanted.stretch, wanted.skipped)
    pieces = [path.feed(chunk.samples) async for chunk in speech.chunks]
    samples = np.concatenate([*pieces, path.finish()])
    return await asyncio.to_thread(write, samples, wanted.rate_hz)


async def _in_time(encoder: Encoder, wanted: Wanted, work: Any) -> bytes:
    """Run what is cheap here, and what is not where it holds nobody up."""
    result: bytes = work() if wanted.format.cheap else await asyncio.to_thread(work)
    return result


def _end(encoder: Encoder, path: Path) -> bytes:
    held = path.finish()
    return (encoder.encode(held) if held.size else b"") + encoder.finish()


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Run `work`, and cancel it when the client hangs up.

    Raises:
        ClientLeft: It has.
    """
    task, left = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientLeft
        return task.result()
    finally:
        for each in (task, left):
            each.cancel()
        await asyncio.gather(task, left, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class SpeechResponse(Response):
    """Speaks when it is sent.

    Args:
        speech: Opens the stream; entered when the first chunk is there.
        wanted: How it is to sound.
        told: Who is told how it goes.
        whole: Send it in one piece, with its exact length.
        headers: Further headers.
        stalls: How long the client may take none of it.
    """

    def __init__(
        self,
        speech: AbstractAsyncContextManager[Any],
        wanted: Wanted,
        told: Told,
        *,
        whole: bool = False,
        headers: Mapping[str, str] | None = None,
        stalls: Stalls,
    ) -> None:
        self._speech, self._wanted, self._told, self._whole = speech, wanted, told, whole
        self._stalls, self._taking = stalls, stalls.of({})
        self._heard_s, self._began_s, self._started = 0.0, time.perf_counter(), False
        super().__init__(None, media_type=wanted.format.content_type(wanted.rate_hz), headers=headers)
        del self.headers["content-length"]
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak; an error before the first sound is raised, for those who write errors."""
        reason = "failed"
        self._taking = self._stalls.of(scope.get("state", {}))
        try:
            await while_connected(receive, self._answer(send))
            reason = "done"
        except ClientLeft:
            reason = "left"
            _note(scope, status=499)
        except ClientStalled:
            reason = "stalled"
            logger.warning("client took nothing")
        except SynthesisError as error:
            if not self._started:
                raise
            logger.warning("answer cut error=%s: %s", type(error).__name__, error)
        finally:
            _note(scope, audio_s=f"{self._heard_s:.2f}", ended=reason)
            self._told.ended(self._heard_s, reason)

    async def _answer(self, send: Send) -> None:
        async with self._speech as speech:
            try:
                if not self._whole:
                    await self._send_pieces(speech, send)
                    return
                data = await self.in_one_piece(speech)
            finally:
                self._heard_s = speech.heard_s
        self.headers["content-length"] = str(len(data))  # all is spoken, so no stream waits for the client to take it
        await self._start(send)
        await self._send(send, data, more=False)

    async def _send_pieces(self, speech: Speech, send: Send) -> None:
        await self._send_all(self.pieces(encoded(speech.chunks, speech.sample_rate, self._wanted)), speech, send)

    async def _send_all(self, pieces: AsyncIterator[bytes], speech: Speech | LatentSpeech, send: Send) -> None:
        self.headers.update(_NOT_KEPT)
        async for data in pieces:
            await self._start(send)
            await self._send(send, data, more=True, until_s=speech.heard_s)
        await self._start(send)
        await self._send(send, b"", more=False, until_s=speech.heard_s)

    async def pieces(self, encoded_pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What is sent of each piece of the format."""
        async for data in encoded_pieces:
            yield data

    async def in_one_piece(self, speech: Speech) -> bytes:
        """What is sent where all of it is."""
        return await whole(speech, self._wanted)

    async def _start(self, send: Send) -> None:
        if not self._started:
            self._told.first_audio(time.perf_counter() - self._began_s)
            self._started = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _send(self, send: Send, data: bytes, *, more: bool, until_s: float = 0.0) -> None:
        message = {"type": "http.response.body", "body": data, "more_body": more}
        await self._taking.hand(send, message, len(data), until_s)


def _note(scope: Scope, **notes: Any) -> None:
    scope.get("state", {}).get("notes", {}).update(notes)

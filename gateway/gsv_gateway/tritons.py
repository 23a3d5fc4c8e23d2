"""The servers behind: which one speaks, and which are left alone for a while because they did not answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from gsv_client import (
    AsyncClient,
    ConnectionFailed,
    ConnectionLost,
    InternalError,
    Options,
    ServerStopping,
    SynthesisError,
)
from gsv_client.audio import Chunk
from gsv_client.latents import LatentPart

T = TypeVar("T")
Heard = TypeVar("Heard", Chunk, LatentPart)


AVOIDED_S = 2.0  # after a server was not reached

logger = logging.getLogger("gsv.gateway")


@dataclass
class Triton:
    """One server: its client, how many streams it speaks for us, and until when it is not asked first."""

    url: str
    client: AsyncClient
    streams: int = 0
    avoided_until_s: float = 0.0


@dataclass
class Speech:
    """An answer whose first chunk is there.

    Attributes:
        sample_rate: Of the chunks, in Hz.
        chunks: They, the first included.
        heard_s: Seconds of audio handed over so far.
    """

    sample_rate: int
    chunks: AsyncIterator[Chunk]
    heard_s: float = field(default=0.0)


@dataclass
class LatentSpeech:
    """The same of latents, for devices that make the audio."""

    sample_rate: int
    chunks: AsyncIterator[LatentPart]
    heard_s: float = field(default=0.0)


class Tritons:
    """Several servers as one.

    Args:
        clients: A client of each.
        clock: Seconds that only grow.
    """

    def __init__(self, clients: Sequence[AsyncClient], clock: Callable[[], float] = time.monotonic) -> None:
        self.all = [Triton(client.url, client) for client in clients]
        self._clock = clock

    async def close(self) -> None:
        """Let the connections go."""
        for triton in self.all:
            await triton.client.close()

    def in_order(self) -> list[Triton]:
        """Whom to ask first: who answered of late, then who speaks least for us."""
        now_s = self._clock()
        return sorted(self.all, key=lambda triton: (triton.avoided_until_s > now_s, triton.streams))

    @asynccontextmanager
    async def speak(self, text: str, options: Options) -> AsyncIterator[Speech]:
        """Enter when the first chunk is there; leaving cancels what has not been spoken.

        Raises:
            SynthesisError: Any leaf of `gsv_client.errors`; where nothing of the request can have run, every server
                was tried.
        """
        triton, stream, first = await self.first(lambda triton: _opened(triton, triton.client.stream(text, **options)))
        speech = Speech(first.sample_rate, stream)
        speech.chunks = _counted(first, stream, speech)
        try:
            yield speech
        finally:
            triton.streams -= 1
            await stream.aclose()

    @asynccontextmanager
    async def latents(
        self, text: str, options: Options, kbit_s: float, known_voice: str
    ) -> AsyncIterator[LatentSpeech]:
        """As `speak`, of latents; arguments of `AsyncClient.latents`."""
        triton, stream, first = await self.first(
            lambda triton: _opened(triton, triton.client.latents(text, kbit_s, known_voice, **options))
        )
        speech = LatentSpeech(first.sample_rate, stream)
        speech.chunks = _counted(first, stream, speech)
        try:
            yield speech
        finally:
            triton.streams -= 1
            await stream.aclose()

    async def first(self, ask: Callable[[Triton], Awaitable[T]]) -> T:
        """The answer of the first server that is reached."""
        failure: SynthesisError | None = None
        for triton in self.in_order():
            try:
                return await ask(triton)
            except (ConnectionFailed, ServerStopping) as error:
                triton.avoided_until_s = self._clock() + AVOIDED_S
                logger.warning("server not reached url=%s error=%s", triton.url, error)
                if isinstance(error, ConnectionLost):
                    raise
                failure = failure or error
        raise failure or ConnectionFailed("no server is set; give --triton host:port")

    async def every(self, ask: Callable[[Triton], Awaitable[T]]) -> list[T]:
        """The answers of all servers: what changes a voice has to reach each."""
        return list(await asyncio.gather(*(ask(triton) for triton in self.all)))

    async def are_ready(self) -> bool:
        """Whether any server takes requests."""
        return any(await self.every(lambda triton: triton.client.is_ready()))


async def _opened(triton: Triton, stream: Any) -> tuple[Triton, Any, Any]:
    """Wait for the first chunk of a stream of the client; on success the caller counts the stream out."""
    triton.streams += 1
    try:
        return triton, stream, await anext(stream)
    except BaseException as failure:
        triton.streams -= 1
        await stream.aclose()
        if isinstance(failure, StopAsyncIteration):
            raise InternalError("the server ended the request without audio; see its log") from None
        raise


async def _counted(first: Heard, rest: AsyncIterator[Heard], speech: Speech | LatentSpeech) -> AsyncIterator[Heard]:
    speech.heard_s += first.duration_s
    yield first
    async for chunk in rest:
        speech.heard_s += chunk.duration_s
        yield chunk

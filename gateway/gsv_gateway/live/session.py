"""One listener's session: text goes in as it is written, sound comes out, an interrupt ends it at once.

It knows no protocol: the WebSockets of Deepgram's and of our page stand before it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol

from gsv_client import InvalidRequest, SynthesisError
from gsv_gateway.live.clauses import TextBuffer
from gsv_gateway.problems import RequestRefused
from gsv_gateway.speech_response import Wanted, encoded
from gsv_gateway.spoken_words import SpokenWords
from gsv_gateway.stalls import ClientStalled
from gsv_gateway.tritons import Speech

logger = logging.getLogger("gsv.gateway")

HUNGRY_S = 0.6  # of sound ahead of the listener, below which clauses are not waited out


class Listener(Protocol):
    """Who hears."""

    async def speaking(self, text: str) -> None:
        """Be told that this text comes next."""
        ...

    async def audio(self, data: bytes, seconds: float) -> None:
        """Hear so many seconds of sound."""
        ...

    async def words(self, told: dict[str, list[dict[str, Any]]]) -> None:
        """Be told when words of the text are said, behind the sound that they end in; if the server was asked."""
        ...

    async def spoken(self, text: str, seconds: float) -> None:
        """Be told that the text was heard to its end."""
        ...

    async def flushed(self) -> None:
        """Be told that all text written before a flush was heard."""
        ...

    async def failed(self, error: Exception) -> None:
        """Be told that a piece of text could not be spoken; the session goes on."""
        ...


class Session:
    """Speaks what is written, a piece at a time, in order.

    Args:
        speak: Opens the stream of one piece of text.
        wanted: How it is to sound.
        listener: Who hears.
        max_characters: How much text may wait.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        speak: Callable[[str], AbstractAsyncContextManager[Speech]],
        wanted: Wanted,
        listener: Listener,
        max_characters: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speak, self._wanted, self._listener = speak, wanted, listener
        self._max_characters, self._clock = max_characters, clock
        self._text = TextBuffer()
        self._due: deque[str | None] = deque()  # text that waits no longer; None: tell that it was flushed
        self._changed, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._heard_until_s = 0.0
        self.audio_s = 0.0
        self._worker = asyncio.ensure_future(self._work())

    def write(self, text: str) -> None:
        """Add text.

        Raises:
            InvalidRequest: Too much is waiting.
        """
        waiting = len(self._text.pending) + sum(len(due) for due in self._due if due)
        if waiting + len(text) > self._max_characters:
            message = (
                f"{waiting} characters are waiting to be spoken; need at most {self._max_characters}; write slower"
            )
            raise InvalidRequest(message)
        self._text.write(text, self._clock())
        self._wake()

    def flush(self) -> None:
        """Speak all that was written without waiting for more, then tell."""
        if rest := self._text.take_all(self._clock()):
            self._due.append(rest)
        self._due.append(None)
        self._wake()

    async def interrupt(self) -> bool:
        """Stop speaking and forget what was written; the server's slot is free when this returns.

        Returns:
            Whether there was anything to stop.
        """
        was_speaking = not self._idle.is_set()
        await self._stop()
        self._text, self._heard_until_s = TextBuffer(), 0.0
        self._due.clear()
        self._idle.set()
        self._worker = asyncio.ensure_future(self._work())
        return was_speaking

    async def finished(self) -> None:
        """Speak the rest and wait until all was heard; raises what ended the session."""
        if rest := self._text.take_all(self._clock()):
            self._due.append(rest)
            self._wake()
        idle = asyncio.ensure_future(self._idle.wait())
        await asyncio.wait({idle, self._worker}, return_when=asyncio.FIRST_COMPLETED)
        idle.cancel()
        if self._worker.done():
            self._worker.result()

    async def close(self) -> None:
        """End it."""
        await self._stop()

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the listener went away or takes nothing."""
        return self._worker

    @property
    def outcome(self) -> str:
        """How it ends if it ends now: "done", "left" in mid-speech, or "stalled"."""
        if self._worker.done() and not self._worker.cancelled() and isinstance(self._worker.exception(), ClientStalled):
            return "stalled"
        return "done" if self._idle.is_set() else "left"

    async def _stop(self) -> None:
        self._worker.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await self._worker

    def _wake(self) -> None:
        self._idle.clear()
        self._changed.set()

    async def _work(self) -> None:
        while True:
            due = await self._next()
            if due is None:
                await self._listener.flushed()
            else:
                await self._say(due)

    async def _next(self) -> str | None:
        """Wait for text that may be spoken, or for a flush to be told of."""
        while True:
            self._changed.clear()
            if self._due:
                return self._due.popleft()
            now_s = self._clock()
            ahead_s = self._heard_until_s - now_s
            if text := self._text.take(now_s, hungry=ahead_s < HUNGRY_S):
                return text
            if not self._text.pending.strip():
                self._idle.set()
            wait_s = self._text.wait_s(now_s)
            if wait_s is not None:
                wait_s = max(wait_s, ahead_s - HUNGRY_S, 0.001)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    async def _say(self, text: str) -> None:
        told_s, words = 0.0, SpokenWords(self._wanted.stretch)
        try:
            async with self._speak(text) as speech:
                words.listen(speech)
                await self._listener.speaking(text)
                async for data in encoded(speech.chunks, speech.sample_rate, self._wanted):
                    seconds, told_s = speech.heard_s - told_s, speech.heard_s
                    self.audio_s += seconds
                    await self._listener.audio(data, seconds)
                    self._heard_until_s = max(self._heard_until_s, self._clock()) + seconds
                    if told := words.take():
                        await self._listener.words(told)
                if told := words.take():
                    await self._listener.words(told)
                await self._listener.spoken(text, speech.heard_s)
        except (SynthesisError, RequestRefused) as error:
            logger.warning("piece not spoken error=%s: %s", type(error).__name__, error)
            await self._listener.failed(error)

"""Answers that carry more than sound: server-sent events, and one JSON object; both with the words' times if asked for.

A word follows the sound that it ends in.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.types import Send

from gsv_gateway.speech_response import SpeechResponse, whole
from gsv_gateway.spoken_words import SpokenWords
from gsv_gateway.tritons import Speech


class _TimedResponse(SpeechResponse):
    """Keeps the words of the chunks that go by.

    Args:
        usage: Made of the seconds spoken; goes with the end.
    """

    def __init__(self, *args: Any, usage: Callable[[float], Mapping[str, int]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._usage = usage
        self._spoken: Speech | None = None
        self._words = SpokenWords(self._wanted.stretch)

    def _listen(self, speech: Speech) -> None:
        self._spoken = speech
        self._words.listen(speech)

    @property
    def _seconds(self) -> float:
        return self._spoken.heard_s if self._spoken else 0.0


class EventResponse(_TimedResponse):
    """Server-sent events, as OpenAI's ``stream_format: sse``, and ``speech.audio.words`` between them."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.headers["content-type"] = "text/event-stream"

    async def pieces(self, encoded_pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """An event for each piece, one for the words that end in it, and one that ends them."""
        async for data in encoded_pieces:
            yield event({"type": "speech.audio.delta", "audio": base64.b64encode(data).decode("ascii")})
            if told := self._words.take():
                yield event({"type": "speech.audio.words", **told})
        if told := self._words.take():
            yield event({"type": "speech.audio.words", **told})
        yield event({"type": "speech.audio.done", "usage": self._usage(self._seconds)})

    async def _send_pieces(self, speech: Speech, send: Send) -> None:
        self._listen(speech)
        await super()._send_pieces(speech, send)


class ObjectResponse(_TimedResponse):
    """One JSON object: ``audio`` in base64, ``format``, ``sample_rate``, ``duration``, ``words``, ``word_faults`` and
    ``usage``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, whole=True, **options)
        self.headers["content-type"] = "application/json"

    async def in_one_piece(self, speech: Speech) -> bytes:
        """The object."""
        self._listen(speech)
        data = await whole(speech, self._wanted)
        told = {
            "audio": base64.b64encode(data).decode("ascii"),
            "format": self._wanted.format.name,
            "sample_rate": self._wanted.rate_hz,
            "duration": round(self._seconds / self._wanted.stretch, 3),
            **(self._words.take() or {"words": [], "word_faults": []}),
            "usage": self._usage(self._seconds),
        }
        return json.dumps(told, ensure_ascii=False).encode("utf-8")


def event(value: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value).encode("utf-8") + b"\n\n"

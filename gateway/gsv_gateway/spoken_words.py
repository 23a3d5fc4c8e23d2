"""Words that go by with the sound: when each is said, and which of them a take swallowed or says twice.

Times are seconds of the audio as it is played.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from gsv_client import Word, WordFault
from gsv_client.audio import Chunk
from gsv_gateway.tritons import Speech


class SpokenWords:
    """Keeps the words of one answer's chunks until they are taken.

    Args:
        stretch: By how much speech is played faster than the model speaks it.
    """

    def __init__(self, stretch: float) -> None:
        self._stretch = stretch
        self._words: list[Word] = []
        self._faults: list[WordFault] = []

    def listen(self, speech: Speech) -> None:
        """Keep the words of an answer whose chunks are still to come."""
        speech.chunks = self._noted(speech.chunks)

    async def _noted(self, chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
        async for chunk in chunks:
            self._words += chunk.words
            self._faults += chunk.word_faults
            yield chunk

    def take(self) -> dict[str, list[dict[str, Any]]]:
        """What has come since this was last asked, `words` and `word_faults`; empty where nothing has."""
        if not self._words and not self._faults:
            return {}
        words, self._words = self._words, []
        faults, self._faults = self._faults, []
        return {
            "words": [word_object(word, self._stretch) for word in words],
            "word_faults": [fault_object(fault) for fault in faults],
        }


def word_object(word: Word, stretch: float = 1.0) -> dict[str, Any]:
    """A word as OpenAI's transcriptions have it, its place in the input, and its phones if they were asked for."""
    told: dict[str, Any] = {
        "word": word.text,
        "start": round(word.start_s / stretch, 3),
        "end": round(word.end_s / stretch, 3),
        "input_start": word.start,
        "input_end": word.end,
    }
    if word.phones:
        told["phones"] = [
            {"phone": phone.name, "start": round(phone.start_s / stretch, 3), "end": round(phone.end_s / stretch, 3)}
            for phone in word.phones
        ]
    return told


def fault_object(fault: WordFault) -> dict[str, Any]:
    """A word that was not said, or was said twice, and its place in the input."""
    return {"word": fault.text, "fault": fault.fault, "input_start": fault.start, "input_end": fault.end}

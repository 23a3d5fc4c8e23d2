"""Whole answers: a request that was spoken from memory is handed out again as it was sent, in the same pieces.

Finding each sentence, naming it by its SHA-256 and cutting it into pieces takes longer than sending it. An answer is
kept when all of it came from memory, so that it is what the cache gives anyway; it is in memory only, within the bound
that the sentences have too. Its key is all that the request says, and the content of the voice.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from gsv_runtime import reuse_policy as policy
from gsv_runtime.cache.memory import Memory
from gsv_runtime.contract import MEMORY, WHOLE_ANSWER
from gsv_runtime.metrics import Metrics
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tensors import Wire
from gsv_runtime.voices.store import Voice

# Fields of a request that are no part of an answer's key, and why.
WITHOUT_EFFECT = {
    "voice": "a name; what it stands for is in the key by its content",
    "reference": "likewise",
    "priority": "when, not what",
    "deadline_s": "when, not what",
    "cache": "whether to look",
    "answer": "tokens are not kept",
    "known_voice": "likewise",
    "latent_kbit_s": "likewise",
    "seeded": "decides whether the seed is in the key",
    "model": "a name; the fingerprint of its weights is in the key",
}
_decisive = attrgetter(*(field.name for field in fields(SpeechRequest) if field.name not in WITHOUT_EFFECT))

_ANSWER_OVERHEAD_BYTES = 2048  # Python's objects of an answer, its key and its place in memory
_RESPONSE_OVERHEAD_BYTES = 2048
_TEXT_OVERHEAD_BYTES = 64


@dataclass(frozen=True)
class WireChunk:
    """One response of an answer."""

    wire: Wire  # outputs of contract.TTS, as they are sent
    audio_s: float
    finish_reason: str  # of the sentence that ended with it, if one did

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory, about."""
        texts = [text for array in self.wire.values() if array.dtype == object for text in array]
        arrays = sum(array.nbytes for array in self.wire.values())
        return _RESPONSE_OVERHEAD_BYTES + arrays + sum(len(text) + _TEXT_OVERHEAD_BYTES for text in texts)


@dataclass(frozen=True)
class WholeAnswer:
    """All responses to a request, in order."""

    responses: tuple[WireChunk, ...]
    saved_s: float  # that stages worked for it, when it was computed
    nbytes: int  # that it takes in memory, about


class WholeAnswers:
    """One server's; safe to share between threads."""

    def __init__(self, memory: Memory | None, metrics: Metrics, fingerprint: str = "") -> None:
        """Keep answers in `memory`, which fine-tunes share; without one, none is kept and none found."""
        self._memory = memory
        self._fingerprint = fingerprint
        self._metrics = metrics

    def stores(self, request: SpeechRequest) -> bool:
        """Whether an answer to the request may be found, or kept."""
        return self._memory is not None and policy.allows(request.cache, policy.AUDIO)

    def find(self, request: SpeechRequest, voice: Voice) -> WholeAnswer | None:
        """What was sent to the same request, if that is known."""
        if self._memory is None or not self.stores(request):
            return None
        began_s = time.perf_counter()
        found: WholeAnswer | None = self._memory.get(answer_key(request, voice, self._fingerprint))
        self._metrics.observe("gsv_cache_get_seconds", time.perf_counter() - began_s, level=MEMORY, kind=WHOLE_ANSWER)
        if found is None:
            self._metrics.add("gsv_cache_misses_total", level=MEMORY, kind=WHOLE_ANSWER)
            return None
        self._metrics.add("gsv_cache_hits_total", level=MEMORY, kind=WHOLE_ANSWER)
        self._metrics.add("gsv_cache_hit_bytes_total", found.nbytes, level=MEMORY, kind=WHOLE_ANSWER)
        self._metrics.add("gsv_cache_saved_seconds_total", found.saved_s, kind=WHOLE_ANSWER)
        return found

    def keep(self, request: SpeechRequest, voice: Voice, responses: Sequence[WireChunk], saved_s: float) -> None:
        """Keep what was sent, all of which came from memory."""
        if self._memory is None or not self.stores(request):
            return
        nbytes = _ANSWER_OVERHEAD_BYTES + 4 * (len(request.text) + len(request.lexicon))
        nbytes += sum(response.nbytes for response in responses)
        key = answer_key(request, voice, self._fingerprint)
        if self._memory.put(key, WholeAnswer(tuple(responses), saved_s, nbytes), nbytes):
            self._metrics.add("gsv_cache_written_bytes_total", nbytes, level=MEMORY, kind=WHOLE_ANSWER)


def answer_key(request: SpeechRequest, voice: Voice, fingerprint: str = "") -> Hashable:
    """All that decides what is sent, compared value by value; `fingerprint` is that of the fine-tune."""
    if not request.seeded:
        request = replace(request, sampling=replace(request.sampling, seed=-1))
    known = (fingerprint, voice.content, voice.prompt_text, voice.prompt_language, voice.loudness)
    return WHOLE_ANSWER, *known, _decisive(request)

"""What `tts` keeps and reuses: the cache, what its entries are found by, and the work that requests share."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from gsv_runtime import reuse_policy as policy
from gsv_runtime.cache.entry import Entry
from gsv_runtime.cache.opening import open_cache
from gsv_runtime.cache.tiers import Cache
from gsv_runtime.metrics import Metrics
from gsv_runtime.models.catalogue import FineTune
from gsv_runtime.settings import TtsSettings
from gsv_runtime.speech_request import ReferenceRequest, SpeechRequest
from gsv_runtime.stages import Stages
from gsv_runtime.tts.reuse.computed_once import ComputeOnce
from gsv_runtime.tts.reuse.fingerprints import fingerprints
from gsv_runtime.tts.reuse.inline_voices import voice_entry, voice_of
from gsv_runtime.tts.reuse.keys import Fingerprints, loudness_key, voice_key
from gsv_runtime.tts.reuse.sentence_reuse import RequestSentences, SentenceCache
from gsv_runtime.tts.reuse.stage_answers import RememberedStages
from gsv_runtime.tts.reuse.whole_answers import WholeAnswers
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.pieces import NoReuse, Reuse
from gsv_runtime.voices.store import Voice

logger = logging.getLogger("gsv.cache")


class SpeechCache:
    """One server's; safe to share between threads."""

    def __init__(self, cache: Cache, known_by: Fingerprints, metrics: Metrics, once: ComputeOnce | None = None) -> None:
        """Keep in `cache` what `known_by` decides; `once` is shared where several fine-tunes share the cache."""
        self._cache = cache
        self._known_by = known_by
        self._metrics = metrics
        self._once = once or ComputeOnce(cache, metrics)
        self._sentences = SentenceCache(cache, known_by, metrics)
        self.answers = WholeAnswers(cache.memory, metrics, known_by.speech)

    @classmethod
    def open(cls, settings: TtsSettings, repository: Path, state: Path, metrics: Metrics) -> SpeechCache:
        """Open the levels that the settings ask for; without a fingerprint of the repository nothing is kept."""
        began_s = time.perf_counter()
        try:
            known_by = fingerprints(repository)
        except (ValueError, OSError) as failure:
            logger.warning("cache off cause=%r", str(failure))
            return cls(Cache.disabled(), Fingerprints("", ""), metrics)
        directory = str(state / settings.cache_directory) if settings.cache_directory else ""
        cache = open_cache(
            settings.cache_memory_bytes,
            directory,
            settings.cache_disk_bytes,
            settings.cache_redis_url,
            settings.cache_ttl_s,
            metrics,
        )
        took_ms = (time.perf_counter() - began_s) * 1e3
        logger.info("cache open text=%.8s speech=%.8s took_ms=%.0f", known_by.text, known_by.speech, took_ms)
        return cls(cache, known_by, metrics)

    def for_fine_tune(self, repository: Path, fine_tune: FineTune) -> SpeechCache:
        """The same levels for another fine-tune, whose entries are found by its own weights."""
        try:
            known_by = fingerprints(repository, fine_tune)
        except (ValueError, OSError) as failure:
            logger.warning("cache off model=%s cause=%r", fine_tune.name, str(failure))
            return SpeechCache(Cache.disabled(), Fingerprints("", ""), self._metrics)
        return SpeechCache(self._cache, known_by, self._metrics, self._once)

    def stages(self, stages: Stages, request: SpeechRequest, check: Callable[[], None]) -> Stages:
        """The stages, with what is known of text if the request allows it; see `RememberedStages`."""
        if not policy.allows(request.cache, policy.FEATURES):
            return stages
        return RememberedStages(stages, self._once, self._known_by, check)

    def voice(
        self,
        request: SpeechRequest,
        reference: ReferenceRequest,
        derive: Callable[[], Voice],
        check: Callable[[], None],
    ) -> Voice:
        """The voice of an inline reference, which `derive` computes; `check` raises to stop waiting."""
        if not policy.allows(request.cache, policy.FEATURES):
            return derive()
        return self._once.get(voice_key(reference, self._known_by), derive, voice_entry, voice_of, check)

    def loudness(self, voice: Voice, measure: Callable[[], float], check: Callable[[], None]) -> float:
        """How loud the model speaks with a voice, in LUFS; `measure` is called for the first request only."""
        return self._once.get(
            loudness_key(voice, self._known_by),
            measure,
            lambda measured, compute_s: Entry({}, {"loudness": measured, "compute_s": compute_s}),
            lambda entry: float(entry.facts["loudness"]),
            check,
        )

    def reuse(self, request: SpeechRequest, voice: Voice, schedule: ChunkSchedule, check: Callable[[], None]) -> Reuse:
        """What the pipeline need not compute; see `RequestSentences`."""
        if not policy.allows(request.cache, policy.TOKENS):
            return NoReuse()
        return RequestSentences(self._sentences, request, voice, schedule, check)

    @property
    def num_following(self) -> int:
        """Requests that wait for what another one computes."""
        return self._sentences.flights.num_following + self._once.num_following

    def flush(self, timeout_s: float) -> bool:
        """Wait until the slower levels have what was put; False where `timeout_s` was too short."""
        return self._cache.flush(timeout_s)

    def close(self) -> None:
        """Close the levels."""
        self._cache.close()

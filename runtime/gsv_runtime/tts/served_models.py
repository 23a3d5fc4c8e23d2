"""What `tts` has of each fine-tune: its pipeline, and what is kept of its speech."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from gsv_runtime.jobs import OpenStages
from gsv_runtime.models.catalogue import Catalogue, FineTune
from gsv_runtime.models.leased_stages import ModelLease
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import SpeechRequest
from gsv_runtime.tts.reuse.speech_cache import SpeechCache
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.voices.opening import Voices


@dataclass(frozen=True)
class ServedModel:
    """One fine-tune, ready to be asked."""

    fine_tune: FineTune
    pipeline: Pipeline
    cache: SpeechCache

    @property
    def facts(self) -> CheckpointFacts:
        """Of its checkpoints."""
        return self.fine_tune.facts


class ServedModels:
    """Every fine-tune of the server; safe to share between threads.

    Args:
        catalogue: the fine-tunes.
        repository: the model repository.
        cache: of the first fine-tune.
        make_pipeline: a pipeline for checkpoints with these facts.
        errands: threads that take and give back the leases of requests, as many as there are requests.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        repository: Path,
        cache: SpeechCache,
        make_pipeline: Callable[[CheckpointFacts], Pipeline],
        errands: Executor,
    ) -> None:
        self._catalogue = catalogue
        self._repository = repository
        self._cache = cache
        self._make_pipeline = make_pipeline
        self._errands = errands
        self._lock = threading.Lock()
        first = catalogue.first
        self._first = ServedModel(first, make_pipeline(first.facts), cache)
        self._others: dict[str, ServedModel] = {}

    def of_request(self, request: SpeechRequest, voices: Voices) -> ServedModel:
        """Return the fine-tune that is to speak: the one named, else the voice's, else the first.

        Raises:
            InvalidRequest: there is none of that name.
            VoiceNotFound: the voice is not registered.
        """
        if request.voice is None or request.model:
            return self._served(self._catalogue.get(request.model))
        return self._served(self._catalogue.get(voices.model_of(request.voice)))

    def lease(self, served: ServedModel, open_stages: OpenStages, check: Callable[[], None]) -> ModelLease:
        """Make a hold on a fine-tune; `check` raises to stop waiting for it."""
        return ModelLease(served.fine_tune, self._catalogue.first, open_stages, check, self._errands)

    def _served(self, fine_tune: FineTune) -> ServedModel:
        """Return what is there, made anew where the fine-tune was built again."""
        if fine_tune.first:
            return self._first
        with self._lock:
            known = self._others.get(fine_tune.name)
            if known is None or known.fine_tune != fine_tune:
                cache = self._cache.for_fine_tune(self._repository, fine_tune)
                known = ServedModel(fine_tune, self._make_pipeline(fine_tune.facts), cache)
                self._others[fine_tune.name] = known
            return known

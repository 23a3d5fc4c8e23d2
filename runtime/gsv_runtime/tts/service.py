"""What `tts` does with a request: let it in or refuse it at once. No Triton inside."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gsv_runtime import contract
from gsv_runtime.errors import SynthesisError
from gsv_runtime.jobs import ReadInputs
from gsv_runtime.metrics import Metrics, NoMetrics
from gsv_runtime.model_files import LATENT_CODEC_FILE, PHONE_DURATIONS_FILE, PHONE_TABLE_FILE
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.settings import TtsSettings
from gsv_runtime.speech_request import parse_speech_request
from gsv_runtime.tts.codec_file import read_codec
from gsv_runtime.tts.job import SpeechContext, SpeechJob
from gsv_runtime.tts.prefetch import Prefetch
from gsv_runtime.tts.reuse.speech_cache import SpeechCache
from gsv_runtime.tts.scheduling.admission import AdmissionLimits
from gsv_runtime.tts.scheduling.paced_stages import Clock, PrioritySemaphore, stage_semaphores
from gsv_runtime.tts.served_models import ServedModels
from gsv_runtime.tts.stream_ledger import StreamLedger
from gsv_runtime.tts.synthesis.alignment import PhoneTable
from gsv_runtime.tts.synthesis.chunking import chunk_schedule
from gsv_runtime.tts.synthesis.latent_codec import LatentCodec
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.voices.opening import open_voices

logger = logging.getLogger("gsv.tts")


def read_phone_table(repository: Path) -> PhoneTable | None:
    """What the build has learned of the voice model's tokens, if it did."""
    path = repository / contract.TTS.name / "1" / PHONE_TABLE_FILE
    if not path.is_file():
        return None
    durations = path.with_name(PHONE_DURATIONS_FILE)
    lasting = np.load(durations).astype(np.float32) if durations.is_file() else None
    return PhoneTable(np.load(path).astype(np.float32), lasting)


def _codec(repository: Path) -> LatentCodec | None:
    """What writes latents in few bits, if `make codec` has trained it."""
    path = repository / contract.TTS.name / "1" / LATENT_CODEC_FILE
    if not path.is_file():
        return None
    try:
        return read_codec(path)
    except (ValueError, OSError) as failure:
        logger.warning("codec of latents left out reason=%s", failure)
        return None


class SpeechService:
    """Everything that `tts` requests share, from the server's start to its end."""

    def __init__(
        self,
        settings: TtsSettings,
        catalogue: Catalogue,
        repository: Path,
        state: Path,
        metrics: Metrics | None = None,
        clock: Clock = time.monotonic,
        is_short_of_memory: Callable[[], bool] = lambda: False,
    ) -> None:
        """Serve the fine-tunes of `catalogue` and the voices in `state`, the folder of the server's state."""
        metrics = metrics or NoMetrics()
        schedule, table = chunk_schedule(settings), read_phone_table(repository)
        self.cache = SpeechCache.open(settings, repository, state, metrics)
        self._errands = ThreadPoolExecutor(settings.max_streams, thread_name_prefix="tts-leases")
        models = ServedModels(
            catalogue,
            repository,
            self.cache,
            lambda facts: Pipeline(facts, settings.tokens_per_call, schedule, settings.tokens_ahead, table),
            self._errands,
        )
        self._pool = ThreadPoolExecutor(settings.max_streams, thread_name_prefix="tts-tokens")
        self.context = SpeechContext(
            models,
            open_voices(settings.voices_directory, state),
            stage_semaphores(settings),
            PrioritySemaphore(settings.stage_slots),
            Prefetch(self._pool),
            StreamLedger(AdmissionLimits.of(settings), metrics, clock),
            clock,
            _codec(repository),
            is_short_of_memory,
        )

    def admit(self, read_inputs: ReadInputs) -> SpeechJob:
        """Let a request in; see `jobs.Admit`.

        Args:
            read_inputs: decodes tensors of contract.TTS.

        Raises:
            InvalidRequest: an input is at fault.
            ServerBusy: there is no room, or it would start too late; the message says when to come back.
        """
        ledger = self.context.ledger
        try:
            ledger.check_room()
            request = parse_speech_request(read_inputs())
            playback, refusal = ledger.let_in(request)
        except SynthesisError as failure:
            ledger.failed(failure)
            raise
        return SpeechJob(self.context, request, playback, refusal)

    def close(self) -> None:
        """Wait for the threads that pull tokens and give leases back, and for what the cache has to write."""
        self._pool.shutdown(wait=True)
        self._errands.shutdown(wait=True)
        self.cache.close()

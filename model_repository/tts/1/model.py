from typing import Any

from gsv_runtime import contract
from gsv_runtime.metrics import CACHE_METRICS, SPEECH_METRICS, STORAGE_METRICS
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.settings import TtsSettings, read, repository_of, state_of
from gsv_runtime.triton import messages
from gsv_runtime.triton.metrics import TritonMetrics
from gsv_runtime.triton.server_memory import ServerMemory
from gsv_runtime.triton.streams import StreamServer
from gsv_runtime.tts.service import SpeechService
from gsv_runtime.tts.storage_watch import StorageWatch


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        settings, repository = read(TtsSettings, args), repository_of(args)
        state, catalogue, memory = state_of(repository), Catalogue.open(repository), ServerMemory()
        metrics = TritonMetrics((*SPEECH_METRICS, *CACHE_METRICS, *STORAGE_METRICS))
        self._service = SpeechService(
            settings, catalogue, repository, state, metrics, is_short_of_memory=memory.is_short
        )
        self._server = StreamServer(contract.TTS, self._service.admit, settings.max_streams, metrics)
        self._storage = StorageWatch.of(settings, state, metrics)  # last: Triton takes no figure while it loads

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self._server.submit(request)  # hands the sender to a thread; ends it with exactly one FINAL

    def finalize(self) -> None:
        self._server.close()
        self._service.close()
        self._storage.close()

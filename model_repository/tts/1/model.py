from typing import Any

from gsv_runtime import contract
from gsv_runtime.metrics import CACHE_METRICS, SPEECH_METRICS
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.settings import TtsSettings, read, repository_of, state_of
from gsv_runtime.triton import messages
from gsv_runtime.triton.metrics import TritonMetrics
from gsv_runtime.triton.streams import StreamServer
from gsv_runtime.tts.service import SpeechService


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        settings, repository = read(TtsSettings, args), repository_of(args)
        metrics = TritonMetrics((*SPEECH_METRICS, *CACHE_METRICS))
        self._service = SpeechService(settings, Catalogue.open(repository), repository, state_of(repository), metrics)
        self._server = StreamServer(contract.TTS, self._service.admit, settings.max_streams, metrics)

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self._server.submit(request)  # hands the sender to a thread; ends it with exactly one FINAL

    def finalize(self) -> None:
        self._server.close()
        self._service.close()

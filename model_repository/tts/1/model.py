from typing import Any

from gsv_runtime import contract, serving
from gsv_runtime.services import SpeechService
from gsv_runtime.settings import CheckpointFacts, TtsSettings, read, repository_of


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        serving.configure_logging()
        settings, repository = read(TtsSettings, args), repository_of(args)
        service = SpeechService(settings, CheckpointFacts.from_repository(repository), repository)
        self._server = serving.StreamServer(contract.TTS, service.answer, settings.max_streams)

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self._server.submit(request)  # hands the sender to a thread; ends it with exactly one FINAL

    def finalize(self) -> None:
        self._server.close()

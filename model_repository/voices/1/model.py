from typing import Any

from gsv_runtime import contract
from gsv_runtime.jobs import AtMost, VoiceService
from gsv_runtime.settings import CheckpointFacts, VoicesSettings, read, repository_of
from gsv_runtime.triton import messages as serving


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        serving.configure_logging()
        settings, repository = read(VoicesSettings, args), repository_of(args)
        service = VoiceService(settings, CheckpointFacts.from_repository(repository), repository)
        self._server = serving.StreamServer(
            contract.VOICES, AtMost(settings.max_streams, service.answer), settings.max_streams
        )

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self._server.submit(request)  # answers from a thread, so that a list does not wait for a registration

    def finalize(self) -> None:
        self._server.close()

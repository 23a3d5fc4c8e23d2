from typing import Any

from gsv_runtime import contract
from gsv_runtime.jobs import StreamLimit
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.settings import VoicesSettings, read, repository_of, state_of
from gsv_runtime.triton import messages
from gsv_runtime.triton.streams import StreamServer
from gsv_runtime.voices.service import VoiceService


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        settings, repository = read(VoicesSettings, args), repository_of(args)
        service = VoiceService(settings, Catalogue.open(repository), state_of(repository))
        self._server = StreamServer(
            contract.VOICES, StreamLimit(settings.max_streams, service.answer), settings.max_streams
        )

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self._server.submit(request)  # answers from a thread, so that a list does not wait for a registration

    def finalize(self) -> None:
        self._server.close()

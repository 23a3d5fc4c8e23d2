from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.settings import CheckpointFacts, TextFrontendSettings, languages_at_start, read, repository_of
from gsv_runtime.text.languages import LANGUAGES
from gsv_runtime.text.service import TextService
from gsv_runtime.triton import messages


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        here = Path(args["model_repository"]) / args["model_version"]
        facts = CheckpointFacts.from_repository(repository_of(args))
        languages = languages_at_start(LANGUAGES)
        self._service = TextService(read(TextFrontendSettings, args), facts, here, languages)

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            if messages.is_pulse(request):
                messages.end_stream(request.get_response_sender(), messages.alive())
                continue
            reply = messages.reply_to(request, contract.TEXT_FRONTEND)
            try:
                self._service.submit(messages.decode(request, contract.TEXT_FRONTEND), reply)
            except Exception as failure:
                reply(failure)

    def finalize(self) -> None:
        self._service.close()

from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.settings import CheckpointFacts, TextFrontendSettings, read, repository_of
from gsv_runtime.text.service import TextService
from gsv_runtime.triton import messages


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        here = Path(args["model_repository"]) / args["model_version"]
        facts = CheckpointFacts.from_repository(repository_of(args))
        self._service = TextService(read(TextFrontendSettings, args), facts, here)

    def execute(self, requests: list[Any]) -> list[Any]:
        return messages.answer_batch(requests, contract.TEXT_FRONTEND, self._service.answer)

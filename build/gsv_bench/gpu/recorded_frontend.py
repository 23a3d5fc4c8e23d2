"""The model `text_frontend` of the benchmark's repository, which knows the recorded texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gsv_bench.gpu.recorded_texts import FILE, RecordedTexts
from gsv_runtime import contract
from gsv_runtime.triton import messages


class TritonPythonModel:
    """Answers from the file beside its model.py."""

    def initialize(self, args: dict[str, str]) -> None:
        """Read the file."""
        messages.configure_logging()
        self._texts = RecordedTexts(Path(args["model_repository"]) / args["model_version"] / FILE)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch of requests."""
        return messages.answer_batch(requests, contract.TEXT_FRONTEND, self._texts.answer)

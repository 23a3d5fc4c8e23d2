from pathlib import Path
from typing import Any

from gsv_runtime import contract, serving
from gsv_runtime.model_files import VOCABULARY_FILE
from gsv_runtime.settings import CheckpointFacts, repository_of
from gsv_runtime.tensors import Arrays
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.versions import ModelVersion


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        serving.configure_logging()
        facts = CheckpointFacts.from_repository(repository_of(args))
        vocabulary = None
        if facts.has_bert:
            path = Path(args["model_repository"]) / args["model_version"] / VOCABULARY_FILE
            tokens = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
            vocabulary = {token: index for index, token in enumerate(tokens)}
        self._frontend = TextFrontend(ModelVersion(facts.version).symbols, vocabulary)
        self._frontend.warm_up()

    def execute(self, requests: list[Any]) -> list[Any]:
        return serving.answer_batch(requests, contract.TEXT_FRONTEND, self._process)

    def _process(self, batch: list[Arrays]) -> list[Arrays]:
        names = [tensor.name for tensor in contract.TEXT_FRONTEND.inputs]
        return [vars(self._frontend.process(*(str(inputs[name][0]) for name in names))) for inputs in batch]

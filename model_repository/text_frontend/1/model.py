import logging
from pathlib import Path
from typing import Any

import numpy as np

from gsv_runtime import contract, serving, settings
from gsv_runtime.model_files import TEXT_RESOURCES, VOCABULARY_FILE
from gsv_runtime.settings import CheckpointFacts, repository_of
from gsv_runtime.tensors import Arrays
from gsv_runtime.text import resources
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.versions import ModelVersion

logger = logging.getLogger("gsv.text")


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        serving.configure_logging()
        facts = CheckpointFacts.from_repository(repository_of(args))
        here = Path(args["model_repository"]) / args["model_version"]
        vocabulary = None
        if facts.has_bert:
            tokens = (here / VOCABULARY_FILE).read_text(encoding="utf-8").removesuffix("\n").split("\n")
            vocabulary = {token: index for index, token in enumerate(tokens)}
        resources.use_directory(here / TEXT_RESOURCES)
        how = settings.read(settings.TextFrontendSettings, args)
        self._frontend = TextFrontend(ModelVersion(facts.version).symbols, vocabulary, how.frontend)
        self._frontend.warm_up()
        self._missing = np.array(self._frontend.missing(), dtype=np.object_)
        for sentence in self._missing:
            logger.warning("%s", sentence)

    def execute(self, requests: list[Any]) -> list[Any]:
        return serving.answer_batch(requests, contract.TEXT_FRONTEND, self._process)

    def _process(self, batch: list[Arrays]) -> list[Arrays]:
        return [self._answer(**{name: array[0] for name, array in one.items()}) for one in batch]

    def _answer(self, **values: Any) -> Arrays:
        return {**vars(self._frontend.process(**values)), "missing": self._missing}

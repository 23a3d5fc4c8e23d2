"""What the model `text_frontend` does with a batch: the front end with what lies beside the model. No Triton inside."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from gsv_runtime.model_files import TEXT_RESOURCES, VOCABULARY_FILE
from gsv_runtime.settings import CheckpointFacts, TextFrontendSettings
from gsv_runtime.tensors import Arrays
from gsv_runtime.text import resources
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.versions import ModelVersion

LOG = logging.getLogger("gsv.text")


class TextService:
    """Answers `text_frontend` requests."""

    def __init__(
        self, settings: TextFrontendSettings, facts: CheckpointFacts, directory: Path, warm: bool = True
    ) -> None:
        """Say once what optional resource is missing.

        Args:
            settings: whose phones.
            facts: symbols, and whether there is a `bert` to make token ids for.
            directory: of the model's version, where the build put vocabulary and resources.
            warm: whether every language is loaded now, or each by its first text.
        """
        vocabulary = None
        if facts.has_bert:
            tokens = (directory / VOCABULARY_FILE).read_text(encoding="utf-8").removesuffix("\n").split("\n")
            vocabulary = {token: index for index, token in enumerate(tokens)}
        resources.use_directory(directory / TEXT_RESOURCES)
        self._frontend = TextFrontend(ModelVersion(facts.version).symbols, vocabulary, settings.frontend)
        if warm:
            self._frontend.warm_up()
        self._missing = np.array(self._frontend.missing(), dtype=np.object_)
        for sentence in self._missing:
            LOG.warning("%s", sentence)

    def answer(self, batch: list[Arrays]) -> list[Arrays]:
        """Read the text of each request."""
        return [self._answer(**{name: array[0] for name, array in one.items()}) for one in batch]

    def _answer(self, **values: Any) -> Arrays:
        return {**vars(self._frontend.process(**values)), "missing": self._missing}

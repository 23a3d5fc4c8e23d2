"""What the model `text_frontend` does with a request: the front end, and what lies beside it. No Triton inside."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.model_files import TEXT_RESOURCES, VOCABULARY_FILE
from gsv_runtime.settings import CheckpointFacts, TextFrontendSettings
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.text import resources
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.languages import LANGUAGES
from gsv_runtime.text.time_limit import LimitedThreads
from gsv_runtime.versions import ModelVersion

LIMIT_S = 10.0  # of processor time for one text; 5,000 characters take about one
_THREADS = 8

LOG = logging.getLogger("gsv.text")


class TextService:
    """Answers `text_frontend` requests."""

    def __init__(
        self,
        settings: TextFrontendSettings,
        facts: CheckpointFacts,
        directory: Path,
        languages: Collection[str] = tuple(LANGUAGES),
    ) -> None:
        """Say once what optional resource is missing.

        Args:
            settings: whose phones.
            facts: symbols, and whether there is a `bert` to make token ids for.
            directory: of the model's version, where the build put vocabulary and resources.
            languages: keys of `LANGUAGES` that are loaded now; any other is by its first text.
        """
        vocabulary = None
        if facts.has_bert:
            tokens = (directory / VOCABULARY_FILE).read_text(encoding="utf-8").removesuffix("\n").split("\n")
            vocabulary = {token: index for index, token in enumerate(tokens)}
        resources.use_directory(directory / TEXT_RESOURCES)
        self._frontend = TextFrontend(ModelVersion(facts.version).symbols, vocabulary, settings.frontend)
        self._threads: LimitedThreads[Arrays] = LimitedThreads(_THREADS, LIMIT_S, _too_long)
        self._told: set[str] = set()
        if languages:
            with _uncollected():
                self._frontend.warm_up(languages)
                self._missing()

    def submit(self, inputs: Arrays, reply: Callable[[Arrays | Exception], None]) -> None:
        """Read the text of a request beside those of others.

        Args:
            inputs: decoded tensors of contract.TEXT_FRONTEND.
            reply: called once, from another thread, with its outputs or with the failure.
        """
        self._threads.submit(lambda: self.answer(inputs), reply)

    def answer(self, inputs: Arrays) -> Arrays:
        """Outputs of contract.TEXT_FRONTEND."""
        values: dict[str, Any] = {name: array[0] for name, array in inputs.items()}
        return {**vars(self._frontend.process(**values)), "missing": self._missing()}

    def _missing(self) -> Array:
        """Resources that loaded languages lack, each in the log once; [M] texts. Looking would load the others."""
        missing = self._frontend.missing()
        for sentence in missing:
            if sentence not in self._told:
                self._told.add(sentence)
                LOG.warning("%s", sentence)
        return np.array(missing, dtype=np.object_)

    def close(self) -> None:
        """Wait for the texts that are being read."""
        self._threads.close()


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Load without looking for garbage in between, and keep what was loaded out of all later looks.

    Dictionaries are a million objects that stay: each look at them would hold up whoever is read then.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def _too_long() -> InvalidRequest:
    return InvalidRequest(f"text takes longer than {LIMIT_S:g} s of a processor to read; send it in parts")

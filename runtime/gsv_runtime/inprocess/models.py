"""The stages of one model repository, opened in this process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.graphs.opening import OpenedStage, open_graph
from gsv_runtime.settings import (
    CheckpointFacts,
    OnnxStageSettings,
    T2SSettings,
    TextFrontendSettings,
    TtsSettings,
    VoicesSettings,
    parse,
)
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.opening import open_engine
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.t2s.service import T2SService
from gsv_runtime.tensors import Arrays
from gsv_runtime.text.service import TextService

logger = logging.getLogger("gsv.inprocess")

_GRAPHS = {model.name: model for model in contract.MODELS if model.graph}
_KINDS: Mapping[str, Any] = {
    contract.TTS.name: TtsSettings,
    contract.VOICES.name: VoicesSettings,
    contract.TEXT_FRONTEND.name: TextFrontendSettings,
    contract.T2S.name: T2SSettings,
    **dict.fromkeys(_GRAPHS, OnnxStageSettings),
}
SPEAKING = (contract.ACOUSTIC, contract.VOCODER)  # graphs that every request needs; the others wait for the first


def read_settings(
    parameters: Mapping[str, Mapping[str, str]], threads: int = 0, engine: str = "", device: str = ""
) -> dict[str, Any]:
    """Parse the parameters of every model.

    Args:
        parameters: model name to what its config.pbtxt would carry.
        threads: of one operator, for every stage; 0: as the parameters say.
        engine: of the graphs, one of `GRAPH_ENGINES`; empty: as the parameters say. T2S keeps its own.
        device: of the graphs, cpu or cuda; empty: as the parameters say. T2S keeps its own.

    Returns:
        Model name to its dataclass of `settings`.

    Raises:
        ValueError: a parameter is missing, unknown or not of its type.
    """
    settings = {name: parse(_KINDS[name], parameters[name]) for name in parameters}
    for name, each in settings.items():
        changes: dict[str, Any] = {}
        if threads and hasattr(each, "intra_op_threads"):
            changes["intra_op_threads"] = threads
        if name in _GRAPHS:
            changes |= {"engine": engine} if engine else {}
            changes |= {"device": device} if device else {}
        settings[name] = replace(each, **changes)
    return settings


class DecodingModels:
    """The graphs of a repository, each opened when it is first called; those that are needed at once."""

    def __init__(
        self, repository: Path, settings: Mapping[str, Any], needed: tuple[contract.Model, ...] = SPEAKING
    ) -> None:
        """Open a repository.

        Args:
            repository: folder with a folder for each model, as `make build` writes it.
            settings: of `read_settings`.
            needed: graphs that are opened at once.

        Raises:
            ValueError: a graph is missing.
        """
        self._repository = repository
        self._settings = settings
        self._graphs: dict[str, OpenedStage] = {}
        self._opening = threading.Lock()
        for model in needed:
            self._graph(model)

    @property
    def opened(self) -> tuple[str, ...]:
        """Names of the models that are in memory."""
        return tuple(self._graphs)

    def answer(self, model: contract.Model, sequence: SequenceCall | None, inputs: Arrays) -> Arrays:
        """Run one stage.

        Args:
            model: which.
            sequence: where in which sequence, for `t2s`.
            inputs: checked tensors of its contract.

        Raises:
            SynthesisError: the stage refuses the inputs or failed.
        """
        return self._graph(model).run([inputs])[0]

    def _graph(self, model: contract.Model) -> OpenedStage:
        with self._opening:
            if model.name not in self._graphs:
                stage = open_graph(model, self._folder(model), self._settings[model.name])
                stage.warm_up()
                self._graphs[model.name] = stage
                logger.info("stage opened model=%s", model.name)
            return self._graphs[model.name]

    def _folder(self, model: contract.Model) -> Path:
        return self._repository / model.name / "1"


class LoadedModels(DecodingModels):
    """Answers calls to every stage of a repository; safe to share between threads.

    A language's dictionaries and BERT wait for its first text, and the encoders of recordings for the first new voice:
    what a device does not use is never in its memory.
    """

    def __init__(self, repository: Path, settings: Mapping[str, Any], facts: CheckpointFacts) -> None:
        """Open a repository of a checkpoint with these facts; errors as `DecodingModels`."""
        super().__init__(repository, settings)
        self._t2s = self._open_t2s(settings[contract.T2S.name])
        folder = self._folder(contract.TEXT_FRONTEND)
        self._text = TextService(settings[contract.TEXT_FRONTEND.name], facts, folder, languages=())

    @property
    def opened(self) -> tuple[str, ...]:
        """Names of the models that are in memory."""
        return (contract.TEXT_FRONTEND.name, contract.T2S.name, *super().opened)

    def answer(self, model: contract.Model, sequence: SequenceCall | None, inputs: Arrays) -> Arrays:
        """Run one stage; see `DecodingModels.answer`."""
        if model is contract.T2S:
            if sequence is None:
                raise InvalidRequest("t2s was called without a sequence; give one")
            return self._tokens(sequence, inputs)
        if model is contract.TEXT_FRONTEND:
            return self._text.answer(inputs)
        return super().answer(model, sequence, inputs)

    def close(self) -> None:
        """End the thread of `t2s`; calls that are open fail."""
        self._t2s.close()

    def _tokens(self, sequence: SequenceCall, inputs: Arrays) -> Arrays:
        answer: Future[Arrays] = Future()

        def reply(outcome: Arrays | Exception) -> None:
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

        self._t2s.submit(sequence, inputs, reply)
        return answer.result()

    def _open_t2s(self, settings: T2SSettings) -> T2SService:
        engine = open_engine(self._folder(contract.T2S), settings)
        limit = TextLimit(settings.limit_tokens_per_phone, settings.limit_tokens_at_least)
        decoder = Decoder(engine, settings.repetition_window, settings.repetition_least_distinct, limit)
        return T2SService(decoder, settings.idle_s)

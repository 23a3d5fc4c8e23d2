"""The classes that `model_repository/*/1/model.py` hands to Triton: a service, a contract and settings, joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.contract import DROP_INPUT, WEIGHTS_INPUT
from gsv_runtime.graphs.opening import OpenedStage, open_graph
from gsv_runtime.graphs.resident import ResidentWeights
from gsv_runtime.settings import OnnxStageSettings, read
from gsv_runtime.tensors import Arrays
from gsv_runtime.triton import messages

_BY_NAME = {model.name: model for model in contract.MODELS}


class OnnxStageModel:
    """A stage that is one graph; which one says the name of its directory."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph and run it once."""
        messages.configure_logging()
        self._model = _BY_NAME[args["model_name"]]
        folder = Path(args["model_repository"]) / args["model_version"]
        self._settings = read(OnnxStageSettings, args)
        self._weights = ResidentWeights(self._open(folder), folder, self._open)

    def _open(self, folder: Path) -> OpenedStage:
        stage = open_graph(self._model, folder, self._settings)
        stage.warm_up()
        return stage

    def execute(self, requests: list[Any]) -> list[Any] | None:
        """Answer a batch of requests; those whose weights are not open are answered when they are."""
        if not self._model.checkpoint:
            return messages.answer_batch(requests, self._model, self._run_first)
        wanted = {id(request): self._note_weights(request) for request in requests}
        if all(self._weights.find(weights) is not None for weights in wanted.values()):
            return messages.answer_batch(requests, self._model, self._run)
        for request in requests:
            self._answer_later(request, wanted[id(request)])
        return None

    def _run_first(self, requests: list[Arrays]) -> list[Arrays]:
        first = self._weights.find(0)
        assert first is not None
        return first.run(requests)

    def _run(self, requests: list[Arrays]) -> list[Arrays]:
        """Run each fine-tune's requests as a batch of its own."""
        answers: dict[int, Arrays] = {}
        groups: dict[int, list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault(_named(request, WEIGHTS_INPUT), []).append(index)
        for weights, indices in groups.items():
            stage = self._weights.find(weights)
            assert stage is not None  # nothing drops weights while this thread answers
            own = [_without_weights(requests[index]) for index in indices]
            answers.update(zip(indices, stage.run(own), strict=True))
        return [answers[index] for index in range(len(requests))]

    def _note_weights(self, request: Any) -> int:
        """Drop what a request says is not needed any more; return the id of its weights. A stranger says nothing."""
        if not messages.shows_key(request, self._model):
            return 0
        self._weights.drop(messages.number_in(request, DROP_INPUT))
        return messages.number_in(request, WEIGHTS_INPUT)

    def _answer_later(self, request: Any, weights: int) -> None:
        reply = messages.reply_to(request, self._model)

        def answer(stage: OpenedStage | Exception) -> None:
            if isinstance(stage, Exception):
                reply(stage)
                return
            try:
                inputs = _without_weights(messages.decode(request, self._model))
                reply(stage.run([inputs])[0])
            except Exception as failure:
                reply(failure)

        self._weights.when_open(weights, answer)


def _named(request: Arrays, name: str) -> int:
    return int(request[name].flat[0]) if name in request else 0


def _without_weights(request: Arrays) -> Arrays:
    return {name: array for name, array in request.items() if name not in (WEIGHTS_INPUT, DROP_INPUT)}

"""The classes that `model_repository/*/1/model.py` hands to Triton: a service, a contract and settings, joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.graphs.opening import open_stage
from gsv_runtime.model_files import GRAPH_FILE
from gsv_runtime.settings import OnnxStageSettings, read
from gsv_runtime.triton import messages

_BY_NAME = {model.name: model for model in contract.MODELS}


class OnnxStageModel:
    """A stage that is one graph; which one says the name of its directory."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph and run it once."""
        messages.configure_logging()
        self._model = _BY_NAME[args["model_name"]]
        graph = Path(args["model_repository"]) / args["model_version"] / GRAPH_FILE
        if not graph.is_file():
            raise ValueError(f"{self._model.name} has no {GRAPH_FILE}; run `make build PRESET=cpu`")
        self._stage = open_stage(self._model, graph, read(OnnxStageSettings, args))
        self._stage.warm_up()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch of requests."""
        return messages.answer_batch(requests, self._model, self._stage.run)

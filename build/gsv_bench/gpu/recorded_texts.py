"""What the front end says of the benchmark's texts, for a GPU machine that has none of its libraries.

Reading a sentence takes about a millisecond of the processor and nothing of the GPU: the benchmark loses little.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gsv_runtime import contract
from gsv_runtime.tensors import NUMPY_DTYPES, Arrays

PROMPT_TEXT = "The harbour lights came on slowly one by one."
TEXTS = (
    "Seven small red boats went home at dusk.",
    "A cold wind came over the hills at night.",
    "She sells fresh bread in the old market.",
    "The children laughed at the black dog.",
)
FILE = "recorded_texts.json"


def record(path: Path) -> None:
    """Read the texts with the front end and write what it says."""
    from gsv_runtime.text.frontend import TextFrontend

    frontend = TextFrontend("v2", None)
    said = {text: vars(frontend.process(text, "en", "cut5")) for text in (PROMPT_TEXT, *TEXTS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, default=lambda array: array.tolist()), encoding="utf-8")


class RecordedTexts:
    """Answers `text_frontend` requests about those texts."""

    def __init__(self, path: Path) -> None:
        """Read what `record` wrote."""
        self._said = json.loads(path.read_text(encoding="utf-8"))

    def answer(self, batch: list[Arrays]) -> list[Arrays]:
        """Outputs of contract.TEXT_FRONTEND for each request; its language and way of cutting are as recorded."""
        return [self._answer(str(request["text"][0])) for request in batch]

    def _answer(self, text: str) -> Arrays:
        said = {**self._said[text], "missing": []}
        return {
            tensor.name: np.array(said[tensor.name], dtype=NUMPY_DTYPES[tensor.dtype])
            for tensor in contract.TEXT_FRONTEND.outputs
        }

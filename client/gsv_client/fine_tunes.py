"""The fine-tuned models of a server, on the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from gsv_client.protocol import Response, Tensors, tensors_of, texts_of

MODEL = "models"  # as Triton calls it
INPUTS = {"action": "BYTES", "name": "BYTES", "lease": "INT64"}
OUTPUTS = ("models",)


@dataclass(frozen=True)
class FineTune:
    """A fine-tuned model of the server.

    Attributes:
        model: Its name.
        first: Whether it is the first, which speaks where none is named, and stays loaded.
        version: Such as "v2Pro".
        s1: Name of the .ckpt that it was built from; empty where the server does not know.
        s2: Name of its .pth.
        nbytes: Bytes of both, as they were built.
        loaded: Whether a request need not wait for it.
        pinned: Whether it stays loaded.
        in_use: Requests that hold it.
        waiting: Requests that wait for it.
    """

    model: str
    first: bool = False
    version: str = ""
    s1: str = ""
    s2: str = ""
    nbytes: int = 0
    loaded: bool = False
    pinned: bool = False
    in_use: int = 0
    waiting: int = 0


def fine_tunes_inputs(action: str, name: str | None = None) -> Tensors:
    """Build the inputs of one call to `models`; `action` is "list", "load", "unload", "pin" or "unpin"."""
    return tensors_of({"action": action, "name": name}, INPUTS)


def parse_fine_tunes(response: Response) -> list[FineTune]:
    """The fine-tunes of a `models` answer."""
    known = {each.name for each in fields(FineTune)}
    items = (json.loads(item) for item in texts_of(response.get("models", ())))
    return [
        FineTune(**{name: value for name, value in item.items() if name in known}, nbytes=int(item.get("bytes", 0)))
        for item in items
    ]

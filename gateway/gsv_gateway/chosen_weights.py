"""Which weights a caller asked for by api_v2's `/set_gpt_weights` and `/set_sovits_weights`: its own default.

Upstream swaps weights for everybody. Here the choice belongs to the API key, and where no keys are set to the client's
address. Gateways that share the file share the choices.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsv_client import FineTune
from gsv_gateway.json_file import JsonFile

S1, S2 = "s1", "s2"
_LONGEST = 300  # characters of a path that are kept, the last ones
_MOST = 10_000  # callers that are remembered; the one that chose longest ago is forgotten


@dataclass(frozen=True)
class Choice:
    """Paths that a caller has set, in lower case; empty: not set."""

    s1: str = ""
    s2: str = ""
    last: str = ""  # which of the two was set last

    def with_file(self, kind: str, name: str) -> Choice:
        """This choice with one file more."""
        return Choice(name if kind == S1 else self.s1, name if kind == S2 else self.s2, kind)


class ChosenWeights:
    """Every caller's choice.

    Args:
        path: The file where they are kept.
    """

    def __init__(self, path: Path) -> None:
        self._file: JsonFile[dict[str, Choice]] = JsonFile(path, _parsed, look_every_s=0.0)

    def has_chosen(self, caller_id: str) -> bool:
        """Whether a caller has set anything."""
        return caller_id in self._file.read()

    def model_of(self, caller_id: str, models: Sequence[FineTune]) -> str | None:
        """The model that a caller's choice stands for; None where it made none, or its model is gone."""
        choice = self._file.read().get(caller_id)
        found = matching(choice, models) if choice is not None else None
        return found.model if found is not None else None

    def choose(self, caller_id: str, kind: str, path: str, models: Sequence[FineTune]) -> FineTune | None:
        """Set one file of a caller's choice; None where no model has it, and then nothing is set."""
        asked = path.lower()[-_LONGEST:]
        if not any(_fits(each, kind, asked) for each in models):
            return None
        with self._file.locked() as choices:
            choice = choices.pop(caller_id, Choice()).with_file(kind, asked)
            kept = [*list(choices.items())[-_MOST + 1 :], (caller_id, choice)]
            self._file.write({key: vars(each) for key, each in kept})
        return matching(choice, models)

    def forget(self, caller_id: str) -> None:
        """Let a caller have what it would have without a choice."""
        if self.has_chosen(caller_id):
            with self._file.locked() as choices:
                self._file.write({key: vars(each) for key, each in choices.items() if key != caller_id})


def matching(choice: Choice, models: Sequence[FineTune]) -> FineTune | None:
    """The model with both files, else one with the file that was set last.

    Where several have a file of that name, it is the one whose own name is a folder of the path, else the first.
    """
    both = [each for each in models if _fits(each, S1, choice.s1) and _fits(each, S2, choice.s2)]
    last = choice.s1 if choice.last == S1 else choice.s2
    found = both or [each for each in models if _fits(each, choice.last, last)]
    folders = {*_parts(choice.s1), *_parts(choice.s2)}
    return max(found, key=lambda each: each.model.lower() in folders, default=None)


def file_name(path: str) -> str:
    """The last part of a path as any system writes it, in lower case."""
    return _parts(path)[-1]


def _parts(path: str) -> list[str]:
    return re.split(r"[/\\]", path.lower())


def _fits(model: FineTune, kind: str, path: str) -> bool:
    """Whether a path is that of a model's file, or the model's name."""
    name = file_name(path)
    return name != "" and name in ((model.s1 if kind == S1 else model.s2).lower(), model.model.lower())


def _parsed(values: Any) -> dict[str, Choice]:
    return {key: Choice(**each) for key, each in values.items()} if isinstance(values, dict) else {}

"""Which weights a caller asked for by api_v2's `/set_gpt_weights` and `/set_sovits_weights`: its own default.

Upstream swaps weights for everybody. Here the choice belongs to the API key, and where no keys are set to the client's
address. Gateways that share a store of choices share them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from gsv_client import FineTune
from gsv_gateway.choices import S1, S2, Choice, Choices

_LONGEST = 300  # characters of a path that are kept, the last ones


class ChosenWeights:
    """Every caller's choice.

    Args:
        choices: Where they are kept.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    async def model_of(self, caller_id: str, list_models: Callable[[], Awaitable[Sequence[FineTune]]]) -> str | None:
        """The model that a caller's choice stands for; None where it made none, or its model is gone.

        Args:
            caller_id: Whose.
            list_models: Gets the models of the servers; asked only where there is a choice.
        """
        choice = await self._choices.find(caller_id)
        found = matching(choice, await list_models()) if choice is not None else None
        return found.model if found is not None else None

    async def choose(self, caller_id: str, kind: str, path: str, models: Sequence[FineTune]) -> FineTune | None:
        """Set one file of a caller's choice; None where no model has it, and then nothing is set."""
        asked = path.lower()[-_LONGEST:]
        if not any(_fits(each, kind, asked) for each in models):
            return None
        return matching(await self._choices.change(caller_id, lambda choice: choice.with_file(kind, asked)), models)

    async def forget(self, caller_id: str) -> None:
        """Let a caller have what it would have without a choice."""
        await self._choices.forget(caller_id)

    async def close(self) -> None:
        """Let connections go."""
        await self._choices.close()


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

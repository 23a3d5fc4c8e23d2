"""The fine-tuned models behind, and what the names of models stand for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress

from gsv_client import FineTune, InternalError, InvalidRequest, SynthesisError
from gsv_gateway.chosen_weights import ChosenWeights
from gsv_gateway.problems import RequestRefused
from gsv_gateway.shared_list import SharedList
from gsv_gateway.tritons import Tritons

FRESH_S, OLD_S = 5.0, 25.0  # for which a list of models is taken as it is; how much older it may be to speak by
OWN_MODEL = "gpt-sovits"
ALIASES = (OWN_MODEL, "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
# Also dated forms of OpenAI's, and the names that clients of Kokoro and of GSVI are set to.
_ACCEPTED = re.compile(r"(tts-1(-hd)?|gpt-4o-mini-tts)(-[0-9-]+)?|kokoro|gpt-sovits(-v\w+)?|tts-v\w+", re.IGNORECASE)


class Models:
    """Lists and resolves.

    Args:
        tritons: The servers that have them.
        chosen: What callers set by api_v2.
        clock: Seconds that only grow.
    """

    def __init__(self, tritons: Tritons, chosen: ChosenWeights, clock: Callable[[], float] = time.monotonic) -> None:
        self._tritons, self.chosen = tritons, chosen
        self._list = SharedList(self._listed, FRESH_S, clock)

    async def all(self) -> list[FineTune]:
        """Every model of the servers, as of a moment ago; none where a server is older than this gateway."""
        return await self._list.get()

    async def _listed(self) -> list[FineTune]:
        try:
            return await self._tritons.first(lambda triton: triton.client.list_models())
        except (InvalidRequest, InternalError):
            return []

    async def named(self, name: str) -> str | None:
        """A model of the servers by its name in any case; None where there is none."""
        lower = name.strip().lower()
        for outdated, old_s in ((0, OLD_S), (self._list.asked, 0.0)):  # added a moment ago, perhaps
            for found in await self._list.get(outdated, old_s=old_s):
                if found.model.lower() == lower:
                    return found.model
        return None

    async def _listed_as(self, name: str) -> str | None:
        """A model that has a name which stands for whatever is served; no list is no failure, since few have one."""
        with suppress(SynthesisError):
            models = await self._list.get(old_s=OLD_S)
            return next((each.model for each in models if each.model.lower() == name.lower()), None)
        return None

    async def resolve(self, name: str, caller_id: str) -> str | None:
        """What the server is to be asked for; None: the voice's own model, or the first.

        Args:
            name: A model's, or one of those that mean whatever is served.
            caller_id: Whose default counts, see `ChosenWeights`.

        Raises:
            RequestRefused: 404; there is no such model.
        """
        if _ACCEPTED.fullmatch(name):
            own = await self._listed_as(name)
            return own if own is not None else await self.default(caller_id)
        found = await self.named(name)
        if found is None:
            names = ", ".join([*(each.model for each in self._list.last[:8]), OWN_MODEL])
            message = f"model {name[:60]!r} does not exist; need one of {names}"
            raise RequestRefused(404, message, code="model_not_found", param="model")
        return found

    async def choose(self, caller_id: str, kind: str, path: str) -> bool:
        """Set one file of a caller's choice; False where no model has it, one that was added a moment ago included."""
        for outdated in (0, self._list.asked):
            if await self.chosen.choose(caller_id, kind, path, await self._list.get(outdated)) is not None:
                return True
        return False

    async def default(self, caller_id: str) -> str | None:
        """The model that a caller chose by its weights; None where it chose none."""
        return await self.chosen.model_of(caller_id, self.all)

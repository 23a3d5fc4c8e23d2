"""Where gateways keep what callers chose: in a file, or in a Redis that gateways on several machines share."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gsv_client import ServerBusy
from gsv_gateway.json_file import JsonFile

S1, S2 = "s1", "s2"
_MOST = 10_000  # callers that a file remembers; the one that chose longest ago is forgotten
_REDIS = ("redis", "rediss", "unix")
_PREFIX, _KEPT_S, _TIMEOUT_S = "gsv:choices:", 90 * 86_400, 2.0

logger = logging.getLogger("gsv.gateway")


@dataclass(frozen=True)
class Choice:
    """Paths that a caller has set, in lower case; empty: not set."""

    s1: str = ""
    s2: str = ""
    last: str = ""  # which of the two was set last

    def with_file(self, kind: str, name: str) -> Choice:
        """This choice with one file more."""
        return Choice(name if kind == S1 else self.s1, name if kind == S2 else self.s2, kind)


class Choices(Protocol):
    """Choices by caller; what one gateway has set the others see at once.

    Every method raises `ServerBusy` where the place cannot be used.
    """

    async def find(self, caller_id: str) -> Choice | None:
        """A caller's choice, if it has one."""
        ...

    async def change(self, caller_id: str, change: Callable[[Choice], Choice]) -> Choice:
        """Set what `change` makes of a caller's choice, and return that."""
        ...

    async def forget(self, caller_id: str) -> None:
        """Remove a caller's choice; no error where there is none."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


def open_choices(place: str, keys_file: Path) -> Choices:
    """Open the place that an operator names.

    Args:
        place: A file, or a URL such as redis://host:6379/0; empty: a file beside the keys.
        keys_file: Of the API keys.

    Raises:
        ValueError: The URL is none of a Redis, or the package redis is not installed.
    """
    if place.partition("://")[0] in _REDIS:
        return RedisChoices(place)
    if "://" in place:
        raise ValueError(f"choices are {place!r}; need a file, or redis://host:6379/0")
    return FileChoices(Path(place) if place else keys_file.with_name("gateway-weights.json"))


class FileChoices:
    """Choices in one file, which gateways may share.

    Args:
        path: The file; where it is missing there are no choices.
    """

    def __init__(self, path: Path) -> None:
        self._file: JsonFile[dict[str, Choice]] = JsonFile(path, _parsed, look_every_s=0.0)

    async def find(self, caller_id: str) -> Choice | None:
        """See `Choices`."""
        with _told(OSError, ValueError):
            return self._file.read().get(caller_id)

    async def change(self, caller_id: str, change: Callable[[Choice], Choice]) -> Choice:
        """See `Choices`."""
        with _told(OSError, ValueError), self._file.locked() as choices:
            choice = change(choices.pop(caller_id, Choice()))
            kept = [*list(choices.items())[-_MOST + 1 :], (caller_id, choice)]
            self._file.write({key: vars(each) for key, each in kept})
        return choice

    async def forget(self, caller_id: str) -> None:
        """See `Choices`."""
        if await self.find(caller_id) is None:
            return
        with _told(OSError, ValueError), self._file.locked() as choices:
            self._file.write({key: vars(each) for key, each in choices.items() if key != caller_id})

    async def close(self) -> None:
        """See `Choices`."""


class RedisChoices:
    """Choices in a Redis, each for 90 days after it was made.

    Args:
        url: Such as redis://host:6379/0; nothing is connected yet.
    """

    def __init__(self, url: str) -> None:
        try:
            import redis.asyncio
        except ImportError:
            raise ValueError(f"choices are {url!r}; install gsv-gateway[redis] for it") from None
        self._failures = (redis.RedisError, OSError, ValueError, TypeError)
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, decode_responses=True
        )

    async def find(self, caller_id: str) -> Choice | None:
        """See `Choices`."""
        with _told(*self._failures):
            found = await self._redis.get(_PREFIX + caller_id)
            return None if found is None else Choice(**json.loads(found))

    async def change(self, caller_id: str, change: Callable[[Choice], Choice]) -> Choice:
        """See `Choices`; of two changes of one caller at the same time the later one counts."""
        choice = change(await self.find(caller_id) or Choice())
        with _told(*self._failures):
            await self._redis.set(_PREFIX + caller_id, json.dumps(vars(choice)), ex=_KEPT_S)
        return choice

    async def forget(self, caller_id: str) -> None:
        """See `Choices`."""
        with _told(*self._failures):
            await self._redis.delete(_PREFIX + caller_id)

    async def close(self) -> None:
        """See `Choices`."""
        await self._redis.aclose()


def _parsed(values: Any) -> dict[str, Choice]:
    return {key: Choice(**each) for key, each in values.items()} if isinstance(values, dict) else {}


@contextmanager
def _told(*failures: type[Exception]) -> Iterator[None]:
    """Say what a client can do; the cause may hold addresses and stays in the log."""
    try:
        yield
    except failures as failure:
        logger.error("choices of weights cannot be used cause=%r", str(failure))
        raise ServerBusy(
            "what callers chose cannot be read or kept now; the operator finds the reason in the log"
        ) from None

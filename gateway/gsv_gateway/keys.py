"""API keys: a file with the hash of each and what it allows; read again when it changes.

A key is 32 random bytes, so one round of SHA-256 keeps it: nobody can guess what is hashed, as one could a password.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gsv_gateway.access import Caller
from gsv_gateway.json_file import JsonFile

_PREFIX = "gsv-"


@dataclass(frozen=True)
class ApiKey:
    """One key, as the file has it; what it allows is as in `Caller`."""

    key_id: str
    name: str
    sha256: str
    created: str
    voices: tuple[str, ...] = ("*",)
    may_register: bool = True
    may_change_shared: bool = False
    requests_per_minute: int = 0
    streams: int = 0

    def caller(self) -> Caller:
        """Whoever shows it."""
        return Caller(
            self.key_id,
            self.name,
            self.voices,
            self.may_register,
            self.may_change_shared,
            self.requests_per_minute,
            self.streams,
        )


class KeysUnreadable(Exception):
    """The file of keys is there and cannot be read; nobody is let in meanwhile."""


class KeyStore:
    """The keys of one file.

    Args:
        path: The file; where it is missing there are no keys.
        clock: Seconds that only grow.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._file = JsonFile(path, _parsed, clock)

    def all(self) -> list[ApiKey]:
        """Every key that has not been revoked.

        Raises:
            KeysUnreadable: The file holds something else.
        """
        with self._readable():
            return self._file.read()

    @property
    def is_new(self) -> bool:
        """Whether there is no file, so that no key was ever made."""
        return not self.path.exists()

    def find(self, secret: str) -> ApiKey | None:
        """The key that is this secret; every one is compared, so that the time taken tells nothing."""
        digest, found = _digest(secret), None
        for key in self.all():
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def add(self, name: str, **allowed: object) -> tuple[ApiKey, str]:
        """Make a key.

        Args:
            name: What the operator calls it.
            **allowed: Fields of `ApiKey`.

        Returns:
            The key and its secret, which is nowhere else.
        """
        secret = _PREFIX + secrets.token_urlsafe(32)
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._readable(), self._file.locked() as keys:
            taken = {key.key_id for key in keys}
            key_id = next(found for found in iter(lambda: secrets.token_hex(4), None) if found not in taken)
            key = ApiKey(key_id, name, _digest(secret), created, **allowed)  # type: ignore[arg-type]
            self._file.write([asdict(each) for each in (*keys, key)])
        return key, secret

    def revoke(self, key_id: str) -> bool:
        """Take a key back; False where there is none of that id."""
        with self._readable(), self._file.locked() as keys:
            left = [key for key in keys if key.key_id != key_id]
            if is_known := len(left) < len(keys):
                self._file.write([asdict(key) for key in left])
        return is_known

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise KeysUnreadable(f"{self.path}: {error}; mend the file or remove it") from None


def _parsed(items: Any) -> list[ApiKey]:
    return [ApiKey(**{**item, "voices": tuple(item["voices"])}) for item in items or ()]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()

"""API keys: a file with the hash of each and what it allows; read again when it changes.

A key is 32 random bytes, so one round of SHA-256 keeps it: nobody can guess what is hashed, as one could a password.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock

from gsv_gateway.access import Caller

_PREFIX = "gsv-"
_LOOK_EVERY_S = 1.0  # at the file, for keys added or revoked meanwhile


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
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._keys: list[ApiKey] = []
        self._looked_at_s = float("-inf")
        self._seen: tuple[int, int, int] | None = None

    def all(self) -> list[ApiKey]:
        """Every key that has not been revoked.

        Raises:
            KeysUnreadable: The file holds something else.
        """
        now_s = self._clock()
        if now_s - self._looked_at_s >= _LOOK_EVERY_S:
            self._read_if_changed()
            self._looked_at_s = now_s
        return self._keys

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
        with self._locked() as keys:
            taken = {key.key_id for key in keys}
            key_id = next(found for found in iter(lambda: secrets.token_hex(4), None) if found not in taken)
            key = ApiKey(key_id, name, _digest(secret), created, **allowed)  # type: ignore[arg-type]
            self._write([*keys, key])
        return key, secret

    def revoke(self, key_id: str) -> bool:
        """Take a key back; False where there is none of that id."""
        with self._locked() as keys:
            left = [key for key in keys if key.key_id != key_id]
            self._write(left)
        return len(left) < len(keys)

    @contextmanager
    def _locked(self) -> Iterator[list[ApiKey]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = self._path.with_name(self._path.name + ".lock")
        with FileLock(lock):
            self._seen = None
            self._read_if_changed()
            yield self._keys

    def _read_if_changed(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._keys, self._seen = [], None
            return
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen:
            self._keys, self._seen = _parsed(self._path), seen

    def _write(self, keys: list[ApiKey]) -> None:
        """Whole or not at all, and for the owner's eyes only."""
        handle, new = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([asdict(key) for key in keys], file, indent=1)
        os.replace(new, self._path)
        self._seen = None


def _parsed(path: Path) -> list[ApiKey]:
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
        return [ApiKey(**{**item, "voices": tuple(item["voices"])}) for item in items]
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise KeysUnreadable(f"{path}: {error}; mend the file or remove it") from None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()

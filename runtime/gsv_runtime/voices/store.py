"""Voices on disk: everything derived from a reference, stored under its content, and names that point to it.

    <directory>/content/<digest>.npz    the arrays, without pickle
    <directory>/names/<voice>.json      what `list` shows, and the digest

Written files appear whole (temporary file, fsync, rename). Writers hold a lock file, so that registering a voice
in one process and deleting another with the same content in a second one cannot lose it. Readers need no lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np

from gsv_runtime.errors import InvalidRequest, VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.tensors import Array

_MAX_LOADED = 64  # voices whose content is kept in memory


@dataclass(frozen=True, eq=False)
class Voice:
    """A speaker, as the pipeline needs it."""

    ARRAYS: ClassVar = ("prompt_tokens", "prompt_phones", "prompt_features", "global_condition")

    digest: str
    weights_digest: str
    prompt_text: str
    prompt_language: str
    seconds: float
    prompt_tokens: Array  # [T] int64; empty without a transcript
    prompt_phones: Array  # [P] int64
    prompt_features: Array  # [bert_dim, P] float32
    global_condition: Array  # [1, global_dim] float32
    report: dict[str, Any] = field(default_factory=dict)  # report.ReferenceReport as JSON

    @cached_property
    def content(self) -> str:
        """SHA-256 over all that the pipeline takes from it; the same for voices that speak alike."""
        digest = hashlib.sha256()
        for name in self.ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(array.data)
        return digest.hexdigest()


@dataclass(frozen=True)
class VoiceEntry:
    """A registered voice, as `list` shows it."""

    voice: str
    prompt_text: str
    prompt_language: str
    seconds: float
    created: str  # ISO 8601, UTC
    report: dict[str, Any] = field(default_factory=dict)  # of its recording; empty where an older server wrote it

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)


def voice_digest(request: ReferenceRequest, weights_digest: str) -> str:
    """Names a voice after all that it is derived from: audio, transcript, language, trimming and weights."""
    digest = hashlib.sha256()
    parts = (
        weights_digest.encode(),
        request.audio,
        request.prompt_text.encode(),
        request.prompt_language.encode(),
        bytes([request.trim]),
    )
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


class VoiceStore:
    """Registered voices in one directory, shared by every process that serves them."""

    def __init__(self, directory: Path, max_voices: int | None = None) -> None:
        self._names = directory / "names"
        self._content = directory / "content"
        self._lock = directory / "lock"
        self._max_voices = max_voices
        self._load = lru_cache(_MAX_LOADED)(self._read_content)
        self._parse = lru_cache(_MAX_LOADED)(self._parse_record)
        for path in (self._names, self._content):
            path.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, voice: Voice) -> VoiceEntry:
        """Register `voice` as `name`; a voice of that name is replaced.

        Raises:
            InvalidRequest: the store is full.
        """
        entry = VoiceEntry(
            voice=name,
            prompt_text=voice.prompt_text,
            prompt_language=voice.prompt_language,
            seconds=voice.seconds,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            report=voice.report,
        )
        record = {**asdict(entry), "digest": voice.digest, "weights_digest": voice.weights_digest}
        arrays = {array: getattr(voice, array) for array in Voice.ARRAYS}
        with self._locked():
            previous = self._read_record(name)
            if previous is None and self._max_voices is not None and len(self._record_paths()) >= self._max_voices:
                raise InvalidRequest(f"{self._max_voices} voices are registered, the most allowed; delete one first")
            _write_atomically(self._content / f"{voice.digest}.npz", lambda file: np.savez(file, **arrays))
            text = json.dumps(record, ensure_ascii=False).encode()
            _write_atomically(self._names / f"{name}.json", lambda file: file.write(text))
            if previous is not None:
                self._drop_unused(previous["digest"])
        return entry

    def get(self, name: str, weights_digest: str) -> Voice:
        """Read a registered voice.

        Raises:
            VoiceNotFound: there is none of that name.
            InvalidRequest: it was made with other weights, so its features mean nothing here.
        """
        for _ in range(2):  # once more if it was replaced between reading its name and its content
            record = self._read_record(name)
            if record is None:
                raise VoiceNotFound(f"voice {name!r} is not registered; register it or choose one of the list")
            if record["weights_digest"] != weights_digest:
                raise InvalidRequest(f"voice {name!r} was registered with other weights; register it again")
            try:
                file = (self._content / f"{record['digest']}.npz").stat()
                known = {kept.name for kept in fields(Voice)} & record.keys() - {"report"}  # a client has had that
                facts = tuple((key, record[key]) for key in sorted(known))
                return self._load(record["digest"], facts, (file.st_ino, file.st_mtime_ns, file.st_size))
            except FileNotFoundError:
                continue
        raise VoiceNotFound(f"voice {name!r} was deleted just now; register it again")

    def entries(self) -> list[VoiceEntry]:
        """All registered voices, by name."""
        keys = [kept.name for kept in fields(VoiceEntry)]
        records = (self._read_record(path.stem) for path in self._record_paths())
        return [
            VoiceEntry(**{key: record[key] for key in keys if key in record})
            for record in records
            if record is not None
        ]

    def delete(self, name: str) -> None:
        """Remove a voice.

        Raises:
            VoiceNotFound: there is none of that name.
        """
        with self._locked():
            record = self._read_record(name)
            if record is None:
                raise VoiceNotFound(f"voice {name!r} is not registered; nothing to delete")
            (self._names / f"{name}.json").unlink()
            self._drop_unused(record["digest"])

    def _read_content(self, digest: str, facts: tuple[tuple[str, Any], ...], _file: tuple[int, ...]) -> Voice:
        """Read a voice; kept in memory under all three, so that a file that was replaced is read again."""
        with np.load(self._content / f"{digest}.npz", allow_pickle=False) as arrays:
            return Voice(**{array: arrays[array] for array in Voice.ARRAYS}, **dict(facts))

    def _record_paths(self) -> list[Path]:
        return sorted(self._names.glob("*.json"))

    def _read_record(self, name: str) -> dict[str, Any] | None:
        path = self._names / f"{name}.json"
        try:
            file = path.stat()
            return self._parse(path, (file.st_ino, file.st_mtime_ns, file.st_size))
        except FileNotFoundError:
            return None

    def _parse_record(self, path: Path, _file: tuple[int, ...]) -> dict[str, Any]:
        """Read a name's record; kept in memory until its file is replaced."""
        record: dict[str, Any] = json.loads(path.read_bytes())
        return record

    def _drop_unused(self, digest: str) -> None:
        records = (self._read_record(path.stem) for path in self._record_paths())
        if not any(record is not None and record["digest"] == digest for record in records):
            (self._content / f"{digest}.npz").unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise

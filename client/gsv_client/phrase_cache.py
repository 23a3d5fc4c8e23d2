"""Phrases kept on this device, to be said again without a server: the twin of the web client's cache.

Audio is found by what it holds (SHA-256), a phrase by what was asked; both as `web/src/cache.ts` has it. The audio
kept never exceeds the limit, and the phrase that was not wanted longest goes first. It is one file of SQLite, which
processes share.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gsv_client.audio import Audio, Chunk
from gsv_client.client import Client
from gsv_client.errors import ConnectionFailed, InvalidRequest, SynthesisError
from gsv_client.protocol import pcm16_samples

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gsv_client.protocol import Options

SAMPLE_RATE_HZ = 32_000
DEFAULT_LIMIT_BYTES = 64 * 2**20  # a quarter of an hour
KEPT = "kept"  # the source of a chunk that needed no server

_NOT_IN_KEY = ("priority", "deadline_s", "cache", "streaming", "encoding")  # they change no audio
_TABLES = """
pragma journal_mode = wal;
create table if not exists phrases (key text primary key, hash text not null, used integer not null);
create table if not exists audio (hash text primary key, bytes blob not null);
"""


class PhraseCache:
    """Phrases within a limit; safe to share between threads and processes.

    Args:
        path: File of SQLite; made where there is none.
        limit_bytes: Of audio, two bytes a sample.
    """

    def __init__(self, path: Path, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._path = path
        self.limit_bytes = limit_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._opened()) as database:
            database.executescript(_TABLES)

    def speak(self, client: Client, text: str, *, voice_version: str = "", **options: Unpack[Options]) -> Audio:
        """Say a text: from here where it is kept, else by a server, and then it is kept.

        Args:
            client: Of the server.
            text: What to say.
            voice_version: Anything that changes when the voice does, such as `Voice.created`.
            **options: See `gsv_client.Options`; `reference_audio` is not kept, and not allowed here.

        Raises:
            ConnectionFailed: It is not kept and no server is reached.
            SynthesisError: Any other leaf of `gsv_client.errors`.
        """
        key = key_of(text, voice_version=voice_version, **options)
        found = self.get(key)
        if found is not None:
            samples = pcm16_samples(found)
            return Audio(samples, SAMPLE_RATE_HZ, (Chunk(samples, SAMPLE_RATE_HZ, final=True, source=KEPT),))
        try:
            audio = client.synthesize(text, **options)
        except ConnectionFailed as error:
            raise type(error)(f"{error}; the phrase is not kept here either") from None
        if audio.sample_rate == SAMPLE_RATE_HZ:
            self.put(key, (np.clip(np.rint(audio.samples * 32767.0), -32768, 32767)).astype("<i2").tobytes())
        return audio

    def prefetch(
        self, client: Client, texts: Iterable[str], **options: Unpack[Options]
    ) -> Iterator[tuple[str, SynthesisError | None]]:
        """Fetch phrases that will be wanted; yield each with what went wrong, if anything did."""
        asked: Options = {"priority": "batch", **options}
        for text in texts:
            try:
                if not self.has(key_of(text, **asked)):
                    self.speak(client, text, **asked)
                yield text, None
            except SynthesisError as error:
                yield text, error

    def get(self, key: str) -> bytes | None:
        """The audio of a phrase; None where it is not kept, or its bytes are not what they were."""
        with self._change() as database:
            row = database.execute(
                "select hash, bytes from phrases join audio using (hash) where key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            if hashlib.sha256(row[1]).hexdigest() != row[0]:
                database.execute("delete from phrases where hash = ?", (row[0],))
                database.execute("delete from audio where hash = ?", (row[0],))
                return None
            database.execute("update phrases set used = (select max(used) + 1 from phrases) where key = ?", (key,))
            return bytes(row[1])

    def has(self, key: str) -> bool:
        """Whether a phrase is kept; it counts as no use."""
        with self._change() as database:
            return database.execute("select 1 from phrases where key = ?", (key,)).fetchone() is not None

    def put(self, key: str, audio: bytes) -> bool:
        """Keep a phrase; False where it is larger than the limit by itself."""
        if len(audio) > self.limit_bytes:
            return False
        digest = hashlib.sha256(audio).hexdigest()
        with self._change() as database:
            used = database.execute("select coalesce(max(used), 0) + 1 from phrases").fetchone()[0]
            database.execute("delete from phrases where key = ? and hash != ?", (key, digest))
            _drop_unused(database)
            is_there = database.execute("select 1 from audio where hash = ?", (digest,)).fetchone() is not None
            _make_room(database, self.limit_bytes - (0 if is_there else len(audio)))
            database.execute("insert or ignore into audio values (?, ?)", (digest, audio))
            database.execute("insert or replace into phrases values (?, ?, ?)", (key, digest, used))
        return True

    def delete(self, key: str) -> None:
        """Forget a phrase."""
        with self._change() as database:
            database.execute("delete from phrases where key = ?", (key,))
            _drop_unused(database)

    def clear(self) -> None:
        """Forget every phrase."""
        with self._change() as database:
            database.execute("delete from phrases")
            database.execute("delete from audio")

    def size(self) -> tuple[int, int]:
        """Bytes of audio, and how many phrases, that are kept."""
        with self._change() as database:
            return _bytes(database), database.execute("select count(*) from phrases").fetchone()[0]

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=30.0, isolation_level=None)
        database.execute("pragma synchronous = normal")  # after a power cut the last phrases may be missing
        return database

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Open one transaction: all of it happens or nothing, and nobody else comes between."""
        with closing(self._opened()) as database:
            database.execute("begin immediate")
            try:
                yield database
            except BaseException:
                database.execute("rollback")
                raise
            database.execute("commit")


def key_of(text: str, *, voice_version: str = "", **options: Any) -> str:
    """Key of a phrase: SHA-256 of its text and options as JSON with sorted names, as `web/src/request.ts` makes it.

    Raises:
        InvalidRequest: It brings a recording, which no key stands for.
    """
    if options.get("reference_audio") is not None:
        raise InvalidRequest("a phrase that imitates reference_audio is not kept; register the voice and name it")
    version = {"voiceVersion": voice_version} if voice_version else {}
    fields: dict[str, Any] = {"input": text, "sample_rate": SAMPLE_RATE_HZ, **version, **_given(options)}
    return hashlib.sha256(
        json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that have a value; a number as JavaScript writes it, which knows no 1.0."""
    given = {name: value for name, value in options.items() if value is not None and name not in _NOT_IN_KEY}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in given.items()
    }


def _bytes(database: sqlite3.Connection) -> int:
    return int(database.execute("select coalesce(sum(length(bytes)), 0) from audio").fetchone()[0])


def _make_room(database: sqlite3.Connection, room: int) -> None:
    """Forget phrases, the one that was not wanted longest first, until the audio takes at most `room` bytes."""
    while _bytes(database) > room:
        oldest = database.execute("select key from phrases order by used limit 1").fetchone()
        if oldest is None:
            database.execute("delete from audio")
            return
        database.execute("delete from phrases where key = ?", oldest)
        _drop_unused(database)


def _drop_unused(database: sqlite3.Connection) -> None:
    database.execute("delete from audio where hash not in (select hash from phrases)")

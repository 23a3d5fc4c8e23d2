"""Voices in a store that several servers share without a leader: Redis, or S3 and its like.

    names/<voice>.json               what `list` shows, and the digests of the rest
    clips/<voice>/<sha256>           its recording, from which features can be derived anew
    content/<voice>/<digest>.npz     what was derived with certain weights: arrays, without pickle

A name's record is read for every request, so that what one server registered or deleted is so for all at once. Content
is written before the record that points to it and removed after it, and no two voices share any, so that nothing needs
a lock. Content is kept in memory by its digest.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from gsv_runtime.errors import InvalidRequest, ServerBusy, VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.records import VoiceEntry, VoiceRecord
from gsv_runtime.voices.store import MAX_LOADED, Derive, Voice, record_of
from gsv_runtime.voices.uploads import file_of

_logger = logging.getLogger("gsv.voices")
_TIMEOUT_S = 5.0  # of one call to Redis: a voice's content is some 100 kB


class Objects(Protocol):
    """Bytes by path, in a place that all servers see; a write is seen by whoever reads after it."""

    def read(self, path: str) -> bytes | None:
        """What is there; None where nothing is."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Put or replace it, whole."""
        ...

    def remove(self, path: str) -> None:
        """Remove it; no error where nothing is."""
        ...

    def paths(self, folder: str) -> list[str]:
        """All paths below a folder, in order."""
        ...


class RedisObjects:
    """Keys of a Redis, which must keep them: `maxmemory-policy noeviction`, and a disk behind it."""

    def __init__(self, url: str, prefix: str = "gsv:voices:") -> None:
        """Use the Redis at `url`; it is asked when it is needed."""
        import redis  # 0.2 s that nobody pays who does not use it

        self._redis = redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        self._prefix = prefix
        self._failures = redis.RedisError

    def read(self, path: str) -> bytes | None:
        """See `Objects`."""
        with _told(self._failures):
            found: Any = self._redis.get(self._prefix + path)
            return None if found is None else bytes(found)

    def write(self, path: str, data: bytes) -> None:
        """See `Objects`."""
        with _told(self._failures):
            self._redis.set(self._prefix + path, data)

    def remove(self, path: str) -> None:
        """See `Objects`."""
        with _told(self._failures):
            self._redis.delete(self._prefix + path)

    def paths(self, folder: str) -> list[str]:
        """See `Objects`."""
        with _told(self._failures):
            found = self._redis.scan_iter(match=f"{self._prefix}{folder}/*", count=1000)
            return sorted({key.decode()[len(self._prefix) :] for key in found})


class CloudObjects:
    """A bucket: ``s3://bucket/prefix``, or another URL that obstore opens; access as its environment says.

    S3 and its like answer what was written last, to everybody and at once.
    """

    def __init__(self, url: str) -> None:
        """Use the bucket at `url`.

        Raises:
            ValueError: obstore is not installed, or cannot open the URL.
        """
        try:
            import obstore
            import obstore.exceptions
            import obstore.store
        except ImportError:
            raise ValueError(f"voices_directory is {url!r}; install gsv-runtime[s3] for it") from None
        try:
            self._store = obstore.store.from_url(url)
        except Exception as failure:
            raise ValueError(f"voices_directory is {url!r}, which cannot be opened: {failure}") from None
        self._obstore = obstore
        self._failures = obstore.exceptions.BaseError

    def read(self, path: str) -> bytes | None:
        """See `Objects`."""
        with _told(self._failures):
            try:
                return bytes(self._obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def write(self, path: str, data: bytes) -> None:
        """See `Objects`."""
        with _told(self._failures):
            self._obstore.put(self._store, path, data)

    def remove(self, path: str) -> None:
        """See `Objects`."""
        with _told(self._failures):
            try:
                self._obstore.delete(self._store, path)
            except FileNotFoundError:
                return

    def paths(self, folder: str) -> list[str]:
        """See `Objects`."""
        with _told(self._failures):
            return sorted(item["path"] for page in self._obstore.list(self._store, folder) for item in page)


class SharedVoiceStore:
    """`VoiceStore` over `Objects`; safe to share between threads."""

    def __init__(self, objects: Objects, max_voices: int | None = None) -> None:
        """Keep voices in `objects`, at most so many; servers that add at the same time may exceed that by one each."""
        self._objects = objects
        self._max_voices = max_voices
        self._load = lru_cache(MAX_LOADED)(self._read_content)

    def add(
        self, name: str, voice: Voice, reference: ReferenceRequest, loudness: float = 0.0, model: str = ""
    ) -> VoiceEntry:
        """Register `voice`, which was derived from `reference`; see `VoiceStore.add`.

        Raises:
            InvalidRequest: the store is full.
            ServerBusy: it does not answer.
        """
        previous, clips = self._read_record(name), [file_of(each) for each in (reference.audio, *reference.aux_audio)]
        if previous is None and self._max_voices is not None and len(self._names()) >= self._max_voices:
            raise InvalidRequest(f"{self._max_voices} voices are registered, the most allowed; delete one first")
        record = record_of(name, voice, reference, clips, loudness, model)
        for digest, clip in zip(record.clips, clips, strict=True):
            self._objects.write(_clip_path(name, digest), clip)
        self._write_voice(record, voice)
        if previous is not None:
            self._remove_files(name, _files_of(previous) - _files_of(record))
        return record.entry

    def get(self, name: str, weights_digest: str, derive: Derive | None = None) -> Voice:
        """Read a registered voice; see `VoiceStore.get`.

        Raises:
            VoiceNotFound: there is none of that name.
            InvalidRequest: it was made with other weights, and cannot be made anew.
            ServerBusy: the store does not answer.
        """
        for _ in range(2):  # once more if it was replaced between reading its record and its content
            record = self._found(name)
            digest = record.derived.get(weights_digest)
            if digest is None:
                return self._derived_anew(record, derive)
            entry = record.entry
            facts = (weights_digest, entry.prompt_text, entry.prompt_language, entry.seconds)
            try:
                return self._load(name, digest, entry.loudness, facts)
            except FileNotFoundError:
                continue
        raise VoiceNotFound(f"voice {name!r} was deleted just now; register it again")

    def model_of(self, name: str) -> str:
        """Name of the fine-tune that speaks with a voice; empty: the first.

        Raises:
            VoiceNotFound: there is none of that name.
            ServerBusy: the store does not answer.
        """
        return self._found(name).entry.model

    def entries(self) -> list[VoiceEntry]:
        """All registered voices, by name."""
        records = (self._read_record(name) for name in self._names())
        return [record.entry for record in records if record is not None]

    def delete(self, name: str) -> None:
        """Remove a voice.

        Raises:
            VoiceNotFound: there is none of that name.
        """
        record = self._read_record(name)
        if record is None:
            raise VoiceNotFound(f"voice {name!r} is not registered; nothing to delete")
        self._objects.remove(_record_path(name))
        self._remove_files(name, _files_of(record))

    def _derived_anew(self, record: VoiceRecord, derive: Derive | None) -> Voice:
        """Features for other weights than those that it has, from its recording; kept beside them."""
        entry = record.entry
        clips = [self._objects.read(_clip_path(entry.voice, digest)) for digest in record.clips]
        kept = [clip for clip in clips if clip is not None]
        if derive is None or not kept or len(kept) < len(clips):
            raise InvalidRequest(f"voice {entry.voice!r} was registered with other weights; register it again")
        request = ReferenceRequest(kept[0], entry.prompt_text, entry.prompt_language, record.trim, tuple(kept[1:]))
        voice = replace(derive(request), loudness=entry.loudness)
        now = self._read_record(entry.voice)
        if now is not None and now.clips == record.clips:
            changed = now.with_derived(voice.weights_digest, voice.digest)
            self._write_voice(changed, voice)
            self._remove_files(entry.voice, _files_of(now) - _files_of(changed))
        return voice

    def _write_voice(self, record: VoiceRecord, voice: Voice) -> None:
        """Write what was derived, and then the record that names it."""
        file, name = io.BytesIO(), record.entry.voice
        np.savez(file, **{array: getattr(voice, array) for array in Voice.ARRAYS})
        self._objects.write(_content_path(name, voice.digest), file.getvalue())
        self._objects.write(_record_path(name), record.to_json())

    def _remove_files(self, name: str, files: set[tuple[str, str]]) -> None:
        for kind, digest in files:
            self._objects.remove(_clip_path(name, digest) if kind == "clip" else _content_path(name, digest))

    def _names(self) -> list[str]:
        return [path.removeprefix("names/").removesuffix(".json") for path in self._objects.paths("names")]

    def _found(self, name: str) -> VoiceRecord:
        record = self._read_record(name)
        if record is None:
            raise VoiceNotFound(f"voice {name!r} is not registered; register it or choose one of the list")
        return record

    def _read_record(self, name: str) -> VoiceRecord | None:
        data = self._objects.read(_record_path(name))
        return None if data is None else VoiceRecord.parse(data)

    def _read_content(self, name: str, digest: str, loudness: float, facts: tuple[Any, ...]) -> Voice:
        data = self._objects.read(_content_path(name, digest))
        if data is None:
            raise FileNotFoundError(digest)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            found = {array: arrays[array] for array in Voice.ARRAYS}
        return replace(Voice(digest, *facts, **found), loudness=loudness)


def _files_of(record: VoiceRecord) -> set[tuple[str, str]]:
    """Kind and digest of every file beside the record."""
    return {*(("clip", digest) for digest in record.clips), *(("content", each) for each in record.derived.values())}


def _record_path(name: str) -> str:
    return f"names/{name}.json"


def _content_path(name: str, digest: str) -> str:
    return f"content/{name}/{digest}.npz"


def _clip_path(name: str, digest: str) -> str:
    return f"clips/{name}/{digest}"


@contextmanager
def _told(failures: type[Exception]) -> Iterator[None]:
    """Say what a client can do where the store fails; the cause may hold addresses and stays in the log."""
    try:
        yield
    except failures as failure:
        _logger.error("store of voices failed cause=%r", str(failure))
        raise ServerBusy.with_hint("the store of voices does not answer", 1.0) from None

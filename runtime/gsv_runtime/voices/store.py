"""Registered voices in a folder: recordings, what was derived from them, and names that point to both.

    <directory>/clips/<sha256>          a recording as it was sent, from which features can be derived anew
    <directory>/content/<digest>.npz    what was derived from it with certain weights: arrays, without pickle
    <directory>/names/<voice>.json      what `list` shows, and the digests of both

Written files appear whole (temporary file, fsync, rename). Writers hold a lock file, so that registering a voice
in one process and deleting another with the same content in a second one cannot lose it. Readers need no lock.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from filelock import FileLock

from gsv_runtime.errors import InvalidRequest, StorageFailed, VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.tensors import Array
from gsv_runtime.voices.record_files import RecordFiles
from gsv_runtime.voices.records import VoiceEntry, VoiceRecord
from gsv_runtime.voices.uploads import file_of
from gsv_runtime.voices.voice_files import VoiceFiles, checked_record, write_atomically

MAX_LOADED = 64  # voices whose content is kept in memory

logger = logging.getLogger("gsv.voices")


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
    loudness: float = 0.0  # as VoiceEntry.loudness

    @cached_property
    def content(self) -> str:
        """SHA-256 over all that the pipeline takes from it; the same for voices that speak alike."""
        digest = hashlib.sha256()
        for name in self.ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(array.data)
        return digest.hexdigest()


def voice_digest(request: ReferenceRequest, weights_digest: str) -> str:
    """Names a voice after all that it is derived from: audio, transcript, language, trimming and weights."""
    digest = hashlib.sha256()
    parts = (
        weights_digest.encode(),
        request.audio,
        request.prompt_text.encode(),
        request.prompt_language.encode(),
        bytes([request.trim]),
        *request.aux_audio,
    )
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


Derive = Callable[[ReferenceRequest], Voice]


def record_of(
    name: str, voice: Voice, reference: ReferenceRequest, clips: Sequence[bytes], loudness: float, model: str
) -> VoiceRecord:
    """What is written down of a voice when it is registered; `clips` are its recordings as files."""
    entry = VoiceEntry(
        voice=name,
        prompt_text=voice.prompt_text,
        prompt_language=voice.prompt_language,
        seconds=voice.seconds,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        report=voice.report,
        loudness=loudness,
        model=model,
    )
    digests = tuple(hashlib.sha256(clip).hexdigest() for clip in clips)
    return VoiceRecord(entry, {voice.weights_digest: voice.digest}, digests, reference.trim)


class VoiceStore:
    """Registered voices in one directory, shared by every process that serves them."""

    def __init__(self, directory: Path, max_voices: int | None = None) -> None:
        """Keep voices in `directory`, which is made when the first is registered."""
        self._names = directory / "names"
        self._content = directory / "content"
        self._clips = directory / "clips"
        self._lock = directory / "lock"
        self._max_voices = max_voices
        self._load = lru_cache(MAX_LOADED)(self._read_content)
        self._records = RecordFiles(self._names, VoiceRecord.parse)

    def add(
        self, name: str, voice: Voice, reference: ReferenceRequest, loudness: float = 0.0, model: str = ""
    ) -> VoiceEntry:
        """Register `voice`, which was derived from `reference`, as `name`; a voice of that name is replaced.

        Args:
            name: of the voice.
            voice: its features.
            reference: its recording, which is kept.
            loudness: see `VoiceEntry.loudness`.
            model: name of the fine-tune that speaks with it where none is named; empty: the first.

        Raises:
            InvalidRequest: the store is full.
            StorageFailed: the folder cannot be written; a voice of that name is what it was.
        """
        clips = [file_of(clip) for clip in (reference.audio, *reference.aux_audio)]
        record = record_of(name, voice, reference, clips, loudness, model)
        with self._writing():
            previous = self._records.get(name)
            if previous is None and self._max_voices is not None and self._records.count() >= self._max_voices:
                raise InvalidRequest(f"{self._max_voices} voices are registered, the most allowed; delete one first")
            try:
                for digest, clip in zip(record.clips, clips, strict=True):
                    write_atomically(self._clips / digest, lambda file, clip=clip: file.write(clip))  # type: ignore[misc]
                self._write_voice(name, record, voice)
            except OSError:
                self._drop_unused(record)  # what was written of it before the disk refused
                raise
            if previous is not None:
                self._drop_unused(previous)
        return record.entry

    def model_of(self, name: str) -> str:
        """Name of the fine-tune that speaks with a voice; empty: the first.

        Raises:
            VoiceNotFound: there is none of that name.
        """
        record = self._records.get(name)
        if record is None:
            raise VoiceNotFound(f"voice {name!r} is not registered; register it or choose one of the list")
        return record.entry.model

    def get(self, name: str, weights_digest: str, derive: Derive | None = None) -> Voice:
        """Read a registered voice.

        Args:
            name: of the voice.
            weights_digest: of the weights that are served.
            derive: computes its features anew, where they were made with other weights and its recording is kept.

        Raises:
            VoiceNotFound: there is none of that name.
            InvalidRequest: it was made with other weights, so its features mean nothing here, and cannot be made anew.
        """
        record = self._records.get(name)
        if record is None:
            raise VoiceNotFound(f"voice {name!r} is not registered; register it or choose one of the list")
        for _ in range(2):  # once more if it was replaced between reading its name and its content
            digest = record.derived.get(weights_digest)
            if digest is None:
                break
            try:
                return self._content_of(record.entry, digest, weights_digest)
            except FileNotFoundError:
                record = self._records.get(name)
            if record is None:
                raise VoiceNotFound(f"voice {name!r} was deleted just now; register it again")
        return self._derived_anew(name, record, derive)

    def reference(self, name: str) -> ReferenceRequest | None:
        """What a voice was registered with; None where its recording was not kept, or there is no such voice."""
        record = self._records.get(name)
        return None if record is None else self._reference_of(record)

    def files(self, name: str) -> VoiceFiles:
        """Read all that is written of a voice.

        Raises:
            VoiceNotFound: there is none of that name.
        """
        record = self._records.get(name)
        if record is None:
            raise VoiceNotFound(f"voice {name!r} is not registered; choose one of the list")
        paths = [(digest, self._content / f"{digest}.npz") for digest in record.derived.values()]
        contents = {digest: path.read_bytes() for digest, path in paths if path.is_file()}
        return VoiceFiles(record.to_json(), [(self._clips / clip).read_bytes() for clip in record.clips], contents)

    def restore(self, name: str, files: VoiceFiles, *, replace: bool = False) -> bool:
        """Register a voice from its files.

        Returns:
            False where one of that name was there and stays.

        Raises:
            DamagedVoice: the files do not belong together, and nothing was written.
            StorageFailed: the folder cannot be written.
        """
        record = checked_record(name, files, Voice.ARRAYS)
        with self._writing():
            previous = self._records.get(name)
            if previous is not None and not replace:
                return False
            for digest, clip in zip(record.clips, files.clips, strict=True):
                write_atomically(self._clips / digest, lambda file, clip=clip: file.write(clip))  # type: ignore[misc]
            for digest, content in files.contents.items():
                if not (self._content / f"{digest}.npz").exists():
                    path = self._content / f"{digest}.npz"
                    write_atomically(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
            write_atomically(self._names / f"{name}.json", lambda file: file.write(record.to_json()))
            if previous is not None:
                self._drop_unused(previous)
        return True

    def entries(self) -> list[VoiceEntry]:
        """All registered voices, by name."""
        records = self._records.all()
        return [records[name].entry for name in sorted(records)]

    def delete(self, name: str) -> None:
        """Remove a voice.

        Raises:
            VoiceNotFound: there is none of that name.
            StorageFailed: the folder cannot be written.
        """
        if self._records.get(name) is None:
            raise VoiceNotFound(f"voice {name!r} is not registered; nothing to delete")
        with self._writing():
            record = self._records.get(name)
            if record is None:
                raise VoiceNotFound(f"voice {name!r} is not registered; nothing to delete")
            (self._names / f"{name}.json").unlink()
            self._drop_unused(record)

    def _derived_anew(self, name: str, record: VoiceRecord, derive: Derive | None) -> Voice:
        reference = self._reference_of(record)
        if reference is None or derive is None:
            why = "" if derive is None else ", by a version that kept no recordings"
            raise InvalidRequest(f"voice {name!r} was registered with other weights{why}; register it again")
        voice = replace(derive(reference), loudness=record.entry.loudness)
        logger.info("voice derived anew voice=%s weights=%.8s", name, voice.weights_digest)
        try:
            self._keep_derived(name, record, voice)
        except StorageFailed:
            logger.warning("voice will be derived again at the next request voice=%s", name)
        return voice

    def _keep_derived(self, name: str, derived_from: VoiceRecord, voice: Voice) -> None:
        """Keep features for these weights, beside those for others; not if the voice was replaced meanwhile."""
        with self._writing():
            record = self._records.get(name)
            if record is None or record.clips != derived_from.clips:
                return
            self._write_voice(name, record.with_derived(voice.weights_digest, voice.digest), voice)
            self._drop_unused(record)

    def _write_voice(self, name: str, record: VoiceRecord, voice: Voice) -> None:
        arrays = {array: getattr(voice, array) for array in Voice.ARRAYS}
        write_atomically(self._content / f"{voice.digest}.npz", lambda file: np.savez(file, **arrays))
        write_atomically(self._names / f"{name}.json", lambda file: file.write(record.to_json()))

    def _reference_of(self, record: VoiceRecord) -> ReferenceRequest | None:
        try:
            clips = [(self._clips / digest).read_bytes() for digest in record.clips]
        except FileNotFoundError:
            return None
        if not clips:
            return None
        entry, (first, *others) = record.entry, clips
        return ReferenceRequest(first, entry.prompt_text, entry.prompt_language, record.trim, tuple(others))

    def _content_of(self, entry: VoiceEntry, digest: str, weights_digest: str) -> Voice:
        file = (self._content / f"{digest}.npz").stat()
        facts = (digest, weights_digest, entry.prompt_text, entry.prompt_language, entry.seconds, entry.loudness)
        return self._load(facts, (file.st_ino, file.st_mtime_ns, file.st_size))

    def _read_content(self, facts: tuple[str, str, str, str, float, float], _file: tuple[int, ...]) -> Voice:
        """Read a voice; kept in memory under all of this, so that a file that was replaced is read again."""
        with np.load(self._content / f"{facts[0]}.npz", allow_pickle=False) as arrays:
            return Voice(*facts[:5], **{array: arrays[array] for array in Voice.ARRAYS}, loudness=facts[5])

    def _drop_unused(self, before: VoiceRecord) -> None:
        """Remove the files of a record that was replaced or deleted, but for those that another record needs."""
        records = self._records.all().values()
        contents = {digest for record in records for digest in record.derived.values()}
        clips = {digest for record in records for digest in record.clips}
        for digest in set(before.derived.values()) - contents:
            (self._content / f"{digest}.npz").unlink(missing_ok=True)
        for digest in set(before.clips) - clips:
            (self._clips / digest).unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock; what the disk refuses is told without a path.

        Raises:
            StorageFailed: the folder cannot be written.
        """
        try:
            for path in (self._names, self._content, self._clips):
                path.mkdir(parents=True, exist_ok=True)
            with FileLock(self._lock):
                yield
        except OSError as failure:
            logger.error("voices cannot be written directory=%s cause=%r", self._lock.parent, str(failure))
            advice = "the operator finds the folder in the server's log, and by `gsv doctor`"
            raise StorageFailed(f"the server cannot keep voices ({failure.strerror}); {advice}") from failure

"""Reads checkpoint files without ever running what is in them.

A ``.ckpt`` or ``.pth`` is a zip with a pickle inside, and a pickle is a program. It is read by PyTorch's
restricted unpickler, which gets harmless stand-ins for what training scripts leave there; any other name that the
pickle asks for is refused before anything is called.
"""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gsv_build.checkpoints.errors import CheckpointError, HostileCheckpoint, UnreadableCheckpoint
from gsv_build.checkpoints.stand_ins import plain, stand_ins
from gsv_build.checkpoints.wrong_files import HEAD_BYTES, named

MAX_FILE_BYTES = 4 * 1024**3  # the largest official file is 1.3 GB
MAX_PICKLE_BYTES = 64 * 1024**2  # tensors lie beside the pickle; the pickle itself is small
MAX_CONFIG_BYTES = 1024**2

_LISTED = 5
_BLOCK_BYTES = 4 * 1024**2
_ZIP_MAGIC = b"PK"
# What PyTorch raises on damaged files, found by changing bytes at random (tests).
_DAMAGE = (
    *(RuntimeError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError),
    *(EOFError, OSError, MemoryError, struct.error),
)
_REQUESTED_GLOBAL = re.compile(r"GLOBAL (\S+)")


def read_pickled(path: Path, max_bytes: int = MAX_FILE_BYTES) -> dict[str, Any]:
    """Read a zipped pickle whose top level is a dict.

    Args:
        path: a ``.ckpt``, ``.pth`` or ``.bin`` file; its first two bytes may be version digits instead of ``PK``.
        max_bytes: larger files are refused before they are read.

    Returns:
        The dict: tensors on the CPU, containers and scalars; configuration objects as plain dicts.

    Raises:
        UnreadableCheckpoint: absent, too large, truncated or not a zipped pickle.
        HostileCheckpoint: the pickle asks for a global that is not on the allow-list.
    """
    source = _open_zip(path, max_bytes)
    try:
        with torch.serialization.safe_globals(stand_ins(_requested(source))), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")  # what it cannot read, it refuses
            content = plain(torch.load(source, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise _refusal(path.name, source, error) from None
    except _DAMAGE as error:
        raise UnreadableCheckpoint(
            f"{path.name} is damaged ({type(error).__name__}: {_first_line(error)}); need the file as it was "
            "published; download it again"
        ) from None
    if not isinstance(content, dict):
        raise UnreadableCheckpoint(f"{path.name} holds a {type(content).__name__}; need a dict of tensors")
    return content


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a bare state dict, from safetensors or from a zipped pickle, by the file's suffix."""
    if path.suffix != ".safetensors":
        return tensors_of(read_pickled(path), path.name)
    _check_size(path, MAX_FILE_BYTES)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UnreadableCheckpoint(
            f"{path.name} is not a safetensors file ({_first_line(error)}); download it again"
        ) from None


def tensors_of(mapping: object, subject: str) -> dict[str, Tensor]:
    """Check that a mapping is a state dict: text to dense tensors.

    Raises:
        CheckpointError: it is not; the message names the first entry at fault.
    """
    if not isinstance(mapping, Mapping) or not mapping:
        found = "is empty" if isinstance(mapping, Mapping) else f"holds a {type(mapping).__name__}"
        raise CheckpointError(f"{subject} {found}; need a dict of tensors")
    for name, value in mapping.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            raise CheckpointError(f"{subject}: entry {name!r} is a {type(value).__name__}; need a dense tensor")
    return dict(mapping)


def read_config(path: Path, max_bytes: int = MAX_CONFIG_BYTES) -> dict[str, Any]:
    """Read a JSON object; larger files are refused before they are read."""
    _check_size(path, max_bytes)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnreadableCheckpoint(f"{path.name} is not JSON ({_first_line(error)}); download it again") from None
    if not isinstance(config, dict):
        raise UnreadableCheckpoint(f"{path.name} holds a {type(config).__name__}; need a JSON object")
    return config


def require_file(path: Path) -> None:
    """See that there is a file.

    Raises:
        UnreadableCheckpoint: there is none, or it is a folder.
    """
    if path.is_dir():
        raise UnreadableCheckpoint(f"{path} is a folder; name the file in it")
    if not path.is_file():
        raise UnreadableCheckpoint(f"{path} does not exist; fetch it with `python -m gsv_build weights`")


def _check_size(path: Path, max_bytes: int) -> None:
    require_file(path)
    size = path.stat().st_size
    if size > max_bytes:
        raise UnreadableCheckpoint(f"{path.name} is {size:,} bytes; need at most {max_bytes:,}; check the file")


def _open_zip(path: Path, max_bytes: int) -> Path | io.BytesIO:
    """Something that `torch.load` can read: the path, or its bytes with the zip magic put back."""
    _check_size(path, max_bytes)
    with path.open("rb") as file:
        head = file.read(2)
        if head == _ZIP_MAGIC:
            source: Path | io.BytesIO = path
        elif head.isdigit() and len(head) == 2:
            source = io.BytesIO(_ZIP_MAGIC + file.read())
        else:
            raise UnreadableCheckpoint(f"{path.name} is {named(head + file.read(HEAD_BYTES))}")
    _check_zip(path.name, source)
    return source


def _check_zip(name: str, source: Path | io.BytesIO) -> None:
    """Refuse a truncated or damaged zip, compressed entries (a bomb unpacks to any size) and an outsized pickle."""
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            damaged = _damaged(archive, entries)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise UnreadableCheckpoint(
            f"{name} has no complete zip directory at its end: it is truncated or damaged; download it again"
        ) from None
    if isinstance(source, io.BytesIO):
        source.seek(0)
    pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
    if len(pickles) != 1:
        inside = ", ".join(entry.filename for entry in entries[:_LISTED]) or "nothing"
        raise UnreadableCheckpoint(
            f"{name} is a zip archive without data.pkl, so torch.save did not write it; it holds {inside}; unpack it, "
            "and name the .ckpt or .pth in it"
        )
    if damaged:
        raise UnreadableCheckpoint(
            f"{name} is damaged: {damaged} in it has other bytes than were saved, by its checksum; "
            "download or copy it again"
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnreadableCheckpoint(f"{name} has compressed entries; need them stored, as PyTorch writes; save it anew")
    if pickles[0].file_size > MAX_PICKLE_BYTES:
        raise UnreadableCheckpoint(
            f"{name}: its pickle is {pickles[0].file_size:,} bytes; need at most {MAX_PICKLE_BYTES:,}; check the file"
        )


def _damaged(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo]) -> str:
    """Name the first entry whose bytes do not fit its checksum, which PyTorch never looks at; empty where all do.

    A file saved with ``torch.serialization.set_crc32_options(False)`` has no true checksum, and is taken as it is.
    """
    stored = [entry for entry in entries if entry.file_size and entry.compress_type == zipfile.ZIP_STORED]
    broken = [entry.filename for entry in stored if not _fits_checksum(archive, entry)]
    return broken[0] if 0 < len(broken) < len(stored) else ""


def _fits_checksum(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(entry) as file:
            while file.read(_BLOCK_BYTES):
                pass
    except zipfile.BadZipFile:
        return False
    return True


def _refusal(name: str, source: Path | io.BytesIO, error: pickle.UnpicklingError) -> CheckpointError:
    """The error to raise for what the restricted unpickler would not do."""
    requested = _REQUESTED_GLOBAL.search(str(error))
    names = [requested.group(1)] if requested else _stack_globals(source)
    if names:
        wish = f"asks for {', '.join(names)}, which no checkpoint needs"
    else:
        wish = f"does what no checkpoint needs ({_first_line(str(error).split('WeightsUnpickler error: ')[-1])})"
    return HostileCheckpoint(
        f"{name} is refused: its pickle {wish}; nothing of it was run; get the file from its publisher"
    )


def _requested(source: Path | io.BytesIO) -> list[str]:
    """Names that the pickle asks for beside PyTorch's own; read, never run."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(source)
    except (pickle.UnpicklingError, *_DAMAGE):
        return []  # what is wrong with it is said when it is read
    finally:
        if isinstance(source, io.BytesIO):
            source.seek(0)


def _stack_globals(source: Path | io.BytesIO) -> list[str]:
    """Names asked for through opcodes that the restricted unpickler does not even know; read, never run."""
    names: list[str] = []
    texts: list[str] = []
    try:
        with zipfile.ZipFile(source) as archive:
            program = next(archive.read(entry) for entry in archive.namelist() if entry.endswith("/data.pkl"))
        for opcode, argument, _ in pickletools.genops(program):
            if opcode.name == "STACK_GLOBAL" and len(texts) > 1:
                names.append(".".join(texts[-2:]))
            elif opcode.name == "INST":
                names.append(str(argument).replace(" ", "."))
            elif isinstance(argument, str):
                texts.append(argument)
    except (ValueError, StopIteration, zipfile.BadZipFile, OSError):
        pass  # a broken program: what was found so far is named
    return names[:3]


def _first_line(error: object) -> str:
    """First line of a message, at most 200 characters."""
    lines = str(error).strip().splitlines() or [""]
    return lines[0][:200]

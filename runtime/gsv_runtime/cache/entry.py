"""What a cache keeps: arrays with a few facts, under the SHA-256 of all that they depend on; and its bytes.

A serialised entry is, little-endian throughout,

    magic [8] | version u32 | header length u32 | header, JSON | arrays, each from a multiple of 64 bytes | SHA-256

The key is in the header, so that data found under another name is refused. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from gsv_runtime.contract import ENTRY_KINDS

Array = npt.NDArray[Any]
Fact = str | int | float | bool

_MAGIC = b"gsvcache"
_VERSION = 1
_PREFIX = struct.Struct("<8sII")
_ALIGNMENT = 64
_CHECKSUM_BYTES = 32
_DTYPES = frozenset("|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f2 <f4 <f8".split())
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ENTRY_OVERHEAD_BYTES = 1024  # Python's objects of an entry and of its place in a level
_ARRAY_OVERHEAD_BYTES = 256


class CorruptEntry(ValueError):
    """What was stored is not what was put there."""


@dataclass(frozen=True)
class Key:
    """Where an entry is found: its kind, and the SHA-256 (64 hex digits) of everything that it depends on."""

    kind: str
    digest: str

    def __post_init__(self) -> None:
        if self.kind not in ENTRY_KINDS:
            raise ValueError(f"kind is {self.kind!r}; need one of {', '.join(ENTRY_KINDS)}")
        if not _DIGEST.fullmatch(self.digest):
            raise ValueError(f"digest is {self.digest!r}; need the 64 hex digits of a SHA-256")


@dataclass(frozen=True, eq=False)
class Entry:
    """Arrays by name, and facts.

    Entries are shared by requests, so their arrays are read-only: what the maker may still write to is copied.

    Args:
        arrays: of booleans, integers or floats of at most 64 bits, any shape; no objects and no strings.
        facts: finite numbers, strings and booleans.

    Raises:
        ValueError: an array's dtype is none of these, or a fact is not finite.
        TypeError: a fact is something else.
    """

    arrays: Mapping[str, Array] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        arrays = {name: _frozen(name, array) for name, array in self.arrays.items()}
        object.__setattr__(self, "arrays", MappingProxyType(arrays))
        object.__setattr__(self, "facts", MappingProxyType(_checked(self.facts)))

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory, about; never less than its arrays do."""
        arrays = sum(array.nbytes + len(name) + _ARRAY_OVERHEAD_BYTES for name, array in self.arrays.items())
        facts = sum(len(name) + 2 * len(str(fact)) + 200 for name, fact in self.facts.items())
        return _ENTRY_OVERHEAD_BYTES + arrays + facts


def _frozen(name: str, array: Array) -> Array:
    wanted = array.dtype.newbyteorder("<")
    if wanted.str not in _DTYPES:
        raise ValueError(f"array {name} is {array.dtype}; need booleans, integers or floats of at most 64 bits")
    if array.flags.writeable or array.dtype != wanted or not array.flags.c_contiguous:
        array = np.array(array, dtype=wanted, order="C")
        array.flags.writeable = False
    return array


def _checked(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    for name, fact in facts.items():
        if type(fact) not in (str, int, float, bool):
            raise TypeError(f"fact {name} is {type(fact).__name__}; need str, int, float or bool")
    json.dumps(dict(facts), allow_nan=False)
    return dict(facts)


def serialise(key: Key, entry: Entry) -> bytes:
    """The entry's bytes; the same entry gives the same bytes."""
    described, payload = [], bytearray()
    for name, array in sorted(entry.arrays.items()):
        payload += bytes(-len(payload) % _ALIGNMENT)
        described.append({"name": name, "dtype": array.dtype.str, "shape": array.shape, "offset": len(payload)})
        payload += array.tobytes()
    header = {"kind": key.kind, "digest": key.digest, "facts": dict(entry.facts), "arrays": described}
    text = json.dumps(header, sort_keys=True, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    text += b" " * (-(_PREFIX.size + len(text)) % _ALIGNMENT)
    data = _PREFIX.pack(_MAGIC, _VERSION, len(text)) + text + payload
    return data + hashlib.sha256(data).digest()


def parse(key: Key, data: bytes) -> Entry:
    """Read what `serialise` wrote under the same key.

    Args:
        key: under which the data was found.
        data: all of it; the entry's arrays are views of it.

    Raises:
        CorruptEntry: a bit of it is not as it was written, or it was written under another key or by another version.
    """
    found, entry = parse_any(data)
    if found != key:
        raise CorruptEntry(f"entry is {found.kind} {found.digest}; need {key.kind} {key.digest}")
    return entry


def parse_any(data: bytes) -> tuple[Key, Entry]:
    """Read what `serialise` wrote, whatever its key.

    Raises:
        CorruptEntry: as of `parse`.
    """
    if len(data) < _PREFIX.size + _CHECKSUM_BYTES:
        raise CorruptEntry(f"entry has {len(data)} bytes; need at least {_PREFIX.size + _CHECKSUM_BYTES}")
    magic, version, header_bytes = _PREFIX.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise CorruptEntry(f"entry starts with {magic!r} {version}; need {_MAGIC!r} {_VERSION}")
    view = memoryview(data)
    if hashlib.sha256(view[:-_CHECKSUM_BYTES]).digest() != view[-_CHECKSUM_BYTES:]:
        raise CorruptEntry("entry differs from its checksum")
    try:
        header = json.loads(str(view[_PREFIX.size : _PREFIX.size + header_bytes], "utf-8", "surrogatepass"))
        payload = view[_PREFIX.size + header_bytes : -_CHECKSUM_BYTES].toreadonly()
        arrays = {described["name"]: _array(described, payload) for described in header["arrays"]}
        return Key(header["kind"], header["digest"]), Entry(arrays, header["facts"])
    except Exception as failure:  # of whatever kind: the checksum holds, so that another program made this up
        raise CorruptEntry(f"entry cannot be read: {failure}") from None


def _array(described: dict[str, Any], payload: memoryview) -> Array:
    dtype, shape = np.dtype(described["dtype"]), tuple(described["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(payload, dtype, count, described["offset"]).reshape(shape)

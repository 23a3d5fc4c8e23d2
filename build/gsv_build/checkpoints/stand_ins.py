"""Harmless stand-ins for what training scripts pickle beside the tensors: settings, paths, numbers of NumPy.

A stand-in takes the place of whatever class the pickle names; nothing of that name is imported or called.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# Upstream's utils.HParams, under any module's name, and classes that are named after what they hold: settings.
_SETTINGS = re.compile(
    r"(HParams|HyperParameters|(Simple)?Namespace|[A-Z]\w*(Config|Params|Arguments|Args|Options|Settings))$"
)
_PATHS = {
    f"pathlib{part}.{name}"
    for part in ("", "._local")
    for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
}
_TOLD = {f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta", "timezone")} | {
    "uuid.UUID",
    "decimal.Decimal",
}
_NUMBERS = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}
_DTYPE = "numpy.dtype"
_NUMERIC = re.compile(r"[<>=|]?[biuf][1248]")


class HParams:
    """Settings, which are pickled by class name; only their fields are kept."""

    def __init__(self, *_values: object) -> None:
        self.fields: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError(f"settings hold a {type(state).__name__}, not a dict")
        self.fields = {str(name): value for name, value in state.items()}


class RecordedPath:
    """A path of the machine that trained the model; only its text is kept."""

    def __init__(self, *parts: object) -> None:
        self.text = "/".join(str(part) for part in parts)


class Told:
    """A date or the like, which nobody needs; only what it was made of is kept, as text."""

    def __init__(self, *parts: object) -> None:
        self.text = " ".join(str(part) for part in parts)

    def __setstate__(self, state: object) -> None:
        self.text = str(state)


class NumberType:
    """NumPy's dtype, for numbers only."""

    def __init__(self, code: object = "", *_flags: object) -> None:
        if not isinstance(code, str) or not _NUMERIC.fullmatch(code):
            raise pickle.UnpicklingError(f"a NumPy value of type {str(code)[:20]!r}; need numbers")
        self.code = code

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "="
        if order in ("<", ">"):
            self.code = f"{order}{self.code.lstrip('<>=|')}"


def number(kind: object, data: object = b"") -> int | float | bool:
    """A number of NumPy, as Python's."""
    if not isinstance(kind, NumberType):
        raise pickle.UnpicklingError("a NumPy value of no type; need numbers")
    raw = data.encode("latin-1") if isinstance(data, str) else data
    if not isinstance(raw, bytes) or len(raw) != np.dtype(kind.code).itemsize:
        raise pickle.UnpicklingError("a NumPy number of another length than its type")
    value: int | float | bool = np.frombuffer(raw, dtype=kind.code)[0].item()
    return value


def stand_ins(names: Iterable[str]) -> list[Any]:
    """Stand-ins for those of the names that a pickle asks for that are known as harmless."""
    return [(found, name) for name in names if (found := _stand_in(name)) is not None]


def _stand_in(name: str) -> Any:
    if _SETTINGS.match(name.rpartition(".")[2]):
        return HParams
    if name in _PATHS:
        return RecordedPath
    if name in _NUMBERS:
        return number
    return NumberType if name == _DTYPE else Told if name in _TOLD else None


def plain(value: Any) -> Any:
    """Replace stand-ins by dicts and text, throughout."""
    if isinstance(value, HParams):
        return {name: plain(item) for name, item in value.fields.items()}
    if isinstance(value, (RecordedPath, Told)):
        return value.text
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return tuple(plain(item) for item in value) if type(value) is tuple else value

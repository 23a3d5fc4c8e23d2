"""The library of the fused engine, as C sees it: structures, entry points, and whether it can run here."""

from __future__ import annotations

import ctypes
import functools
import hashlib
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

GROUP = 64  # outputs that a thread takes at least
BLOCK = 32  # inputs that share a scale


@dataclass(frozen=True)
class FusedLibrary:
    """The same sources, compiled for one kind of CPU."""

    name: str  # of the library's file
    panel: int  # outputs that lie together: float32 of a register
    needed: frozenset[str]  # flags of the CPU


AVX512 = FusedLibrary("_fused", 16, frozenset("avx512f avx512bw avx512dq avx512vl avx512_vnni f16c fma".split()))
AVX2 = FusedLibrary("_fused_avx2", 8, frozenset("avx2 f16c fma".split()))
_CPU_FACTS = Path("/proc/cpuinfo")
FLOAT32, HALF, INT8, INT4 = range(4)


class Linear(ctypes.Structure):
    """A product; see `_fused.h`."""

    _fields_ = [
        ("kind", ctypes.c_int32),
        ("inputs", ctypes.c_int32),
        ("outputs", ctypes.c_int32),
        ("rectified", ctypes.c_int32),
        ("weights", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
    ]


class Norm(ctypes.Structure):
    """A normalisation."""

    _fields_ = [("gain", ctypes.c_void_p), ("bias", ctypes.c_void_p)]


class Layer(ctypes.Structure):
    """A transformer layer."""

    _fields_ = [
        ("qkv", Linear),
        ("attention_output", Linear),
        ("expand", Linear),
        ("contract", Linear),
        ("attention_norm", Norm),
        ("feed_forward_norm", Norm),
    ]


class Network(ctypes.Structure):
    """All layers, and the cache."""

    _fields_ = [
        ("num_layers", ctypes.c_int32),
        ("hidden", ctypes.c_int32),
        ("heads", ctypes.c_int32),
        ("head_dim", ctypes.c_int32),
        ("half_cache", ctypes.c_int32),
        ("slots", ctypes.c_int64),
        ("cache_rows", ctypes.c_int64),
        ("layers", ctypes.POINTER(Layer)),
        ("head", Linear),
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
    ]


class Launch(ctypes.Structure):
    """Steps with their draws; see `_fused_launch.c`."""

    _fields_ = [
        *(
            (name, ctypes.c_int32)
            for name in ("steps", "span", "rows", "vocabulary", "width", "hidden", "least_tokens")
        ),
        ("longest_s", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("embedding", "positions", "noise", "slots", "limits", "top_k")),
        *((name, ctypes.c_void_p) for name in ("tokens", "token_positions", "places", "generated")),
        *((name, ctypes.c_void_p) for name in ("temperature", "penalty", "present")),
        *((name, ctypes.c_void_p) for name in ("drawn", "active", "ended", "finite")),
    ]


def path(library: FusedLibrary) -> Path | None:
    """Where a library lies; None if it was not compiled, for lack of a compiler or on another kind of machine."""
    folder = Path(__file__).parent
    names = (f"{library.name}{suffix}" for suffix in reversed(EXTENSION_SUFFIXES))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def flags() -> frozenset[str]:
    """What this CPU can do, in Linux's words; empty on another kind of machine."""
    if not _CPU_FACTS.is_file():
        return frozenset()
    lines = _CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    return frozenset(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))


@functools.cache
def usable() -> tuple[FusedLibrary, ...]:
    """Libraries that were compiled and that this CPU can run, the fastest first."""
    return tuple(each for each in (AVX512, AVX2) if each.needed <= flags() and path(each) is not None)


def runs_here() -> bool:
    """Whether there is a library that this CPU can run."""
    return bool(usable())


def why_none() -> str:
    """Why no library can run here; empty if one can."""
    if runs_here():
        return ""
    if not flags():
        return "this is no x86-64 CPU with Linux"
    if missing := sorted(AVX2.needed - flags()):
        return f"this CPU lacks {', '.join(missing)}"
    return "the library was not compiled: gsv-runtime was installed without a C compiler, or from its pure wheel"


def fitting(head_dim: int) -> FusedLibrary | None:
    """The fastest of the usable whose panels heads of so many channels fill; None if there is none."""
    return next((each for each in usable() if head_dim % each.panel == 0), None)


def load(library: FusedLibrary) -> ctypes.CDLL:
    """Load one of the usable.

    Raises:
        RuntimeError: it was not compiled, or from other sources than lie beside it.
    """
    file = path(library)
    if file is None:
        raise RuntimeError(f"{library.name} was not compiled; install a C compiler and run `make setup` again")
    loaded = ctypes.CDLL(str(file))
    _require_these_sources(loaded, file)
    loaded.gsv_fused_open.restype = ctypes.c_void_p
    loaded.gsv_fused_open.argtypes = [ctypes.POINTER(Network), ctypes.c_int]
    loaded.gsv_fused_run.restype = ctypes.c_int
    loaded.gsv_fused_run.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 5]
    loaded.gsv_fused_launch.restype = ctypes.c_int
    loaded.gsv_fused_launch.argtypes = [ctypes.c_void_p, ctypes.POINTER(Launch)]
    loaded.gsv_fused_close.argtypes = [ctypes.c_void_p]
    return loaded


def _require_these_sources(loaded: ctypes.CDLL, library: Path) -> None:
    """Refuse a library of another checkout's structures: it would read memory that is not its own."""
    sources = sorted(library.parent.glob("_fused*.[ch]"))
    if not sources:  # an installed wheel, which was compiled as a whole
        return
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    told = getattr(loaded, "gsv_fused_sources", None)
    if told is not None:
        told.restype = ctypes.c_char_p
    if told is None or told().decode() != digest:
        raise RuntimeError(f"{library} was compiled from other sources than those beside it; run `make setup`")

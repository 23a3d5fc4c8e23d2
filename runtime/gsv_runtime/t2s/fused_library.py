"""The library of the fused engine, as C sees it: structures, entry points, and whether it can run here."""

from __future__ import annotations

import ctypes
import functools
import hashlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

PANEL, GROUP = 16, 64  # outputs that lie together, and the least that a thread takes
BLOCK = 32  # inputs that share a scale
_NEEDED = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "f16c", "fma"})
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


@functools.cache
def path() -> Path | None:
    """Where the library lies; None if it was not compiled, for lack of a compiler or on another kind of machine."""
    folder = Path(__file__).parent
    return next((each for suffix in EXTENSION_SUFFIXES if (each := folder / f"_fused{suffix}").is_file()), None)


@functools.cache
def runs_here() -> bool:
    """Whether it was compiled, and this CPU has what it needs: AVX-512 with VNNI."""
    if path() is None or not _CPU_FACTS.is_file():
        return False
    lines = _CPU_FACTS.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    return _NEEDED.issubset(flags)


@functools.cache
def load() -> ctypes.CDLL:
    """Load it.

    Raises:
        RuntimeError: it cannot run here, or was compiled from other sources than lie beside it.
    """
    library = path()
    if library is None or not runs_here():
        raise RuntimeError(
            "t2s cannot run fused: that needs a CPU with AVX-512 and VNNI, and a C compiler when gsv-runtime is "
            'installed; build without it: make build ARGS="--tune off"'
        )
    loaded = ctypes.CDLL(str(library))
    _require_these_sources(loaded, library)
    loaded.gsv_fused_open.restype = ctypes.c_void_p
    loaded.gsv_fused_open.argtypes = [ctypes.POINTER(Network), ctypes.c_int]
    loaded.gsv_fused_run.restype = ctypes.c_int
    loaded.gsv_fused_run.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 5]
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

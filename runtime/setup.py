"""What pyproject.toml cannot say: two libraries are built on Linux only, and not for every wheel.

One is loaded into tritonserver (decision 20), the other by the fused engine of T2S (decision 33), compiled once for
AVX-512 and once for AVX2. Neither knows of Python, so that one wheel serves every Python ("abi3"). Without a C
compiler they are left out, and on another CPU than x86-64 the second is. GSV_PURE_WHEEL=1 leaves both out, for a wheel
that every machine takes (docs/edge.md).
"""

import glob
import hashlib
import os
import platform
import sys
from pathlib import Path

from setuptools import Extension, setup

PRELOAD = Extension(
    "gsv_runtime.server._preloaded",
    sorted(glob.glob("gsv_runtime/server/_preload*.c")),
    depends=["gsv_runtime/server/_preload.h"],
    extra_compile_args=["-O2", "-fvisibility=hidden"],
    optional=True,
    py_limited_api=True,
)

# A library that was compiled from other sources would read structures of another form: `fused_library` refuses it.
SOURCES = sorted(glob.glob("gsv_runtime/t2s/_fused*.[ch]"))
DIGEST = hashlib.sha256(b"".join(Path(path).read_bytes() for path in SOURCES)).hexdigest()


def fused(name: str, lanes: int) -> Extension:
    """T2S's library for registers of so many float32; the names are those of `fused_library`."""
    return Extension(
        f"gsv_runtime.t2s.{name}",
        [path for path in SOURCES if path.endswith(".c")],
        depends=["gsv_runtime/t2s/_fused.h", "gsv_runtime/t2s/_fused_lanes.h"],
        define_macros=[("FUSED_SOURCES", f'"{DIGEST}"'), ("LANES", str(lanes))],
        extra_compile_args=["-O3", "-fvisibility=hidden", "-pthread"],
        extra_link_args=["-pthread"],
        optional=True,
        py_limited_api=True,
    )


LIBRARIES = [PRELOAD, fused("_fused", 16), fused("_fused_avx2", 8)] if platform.machine() == "x86_64" else [PRELOAD]
if sys.platform == "linux" and not os.environ.get("GSV_PURE_WHEEL"):
    setup(ext_modules=LIBRARIES, options={"bdist_wheel": {"py_limited_api": "cp311"}})
else:
    setup()

"""What pyproject.toml cannot say: a library for tritonserver is built on Linux only, and not for every wheel.

It is loaded into tritonserver, not into Python. Without a C compiler it is left out (decision 20).
GSV_PURE_WHEEL=1 leaves it out as well, for a wheel that small devices take (docs/edge.md).
"""

import glob
import os
import sys

from setuptools import Extension, setup

PRELOAD = Extension(
    "gsv_runtime.server._preloaded",
    sorted(glob.glob("gsv_runtime/server/_preload*.c")),
    depends=["gsv_runtime/server/_preload.h"],
    extra_compile_args=["-O2", "-fvisibility=hidden"],
    optional=True,
)

setup(ext_modules=[PRELOAD] if sys.platform == "linux" and not os.environ.get("GSV_PURE_WHEEL") else [])

"""Finds the library of two repairs that is loaded into tritonserver before all others (_preload.c, decision 20)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from gsv_runtime.server.workarounds import PRELOAD

logger = logging.getLogger("gsv.preload")

MISSING = (
    "tritonserver runs without our repairs: no C compiler was there when gsv-runtime was installed; HTTP answers 400 "
    "where it should say 503 or 404, and a model that is killed may take the server along; install gcc, then "
    "gsv-runtime again (make: rm .venv/.server, make setup)"
)
_VARIABLE = "LD_PRELOAD"
_FOLDER = Path(__file__).parent


def library(folder: Path = _FOLDER) -> Path | None:
    """Where it lies; None if no C compiler was there when gsv-runtime was installed."""
    candidates = (folder / f"_preload{suffix}" for suffix in EXTENSION_SUFFIXES)
    return next(filter(Path.is_file, candidates), None)


def with_preload(environment: Mapping[str, str], found: Path | None) -> dict[str, str]:
    """The environment for tritonserver, with the library where that is possible; what it preloads already stays.

    Args:
        environment: says by `workarounds.PRELOAD` whether it is wanted.
        found: where the library lies, if anywhere.
    """
    if not PRELOAD.is_on(environment):
        return dict(environment)
    if found is None:
        logger.warning(MISSING)
        return dict(environment)
    if re.search(r"[\s:]", str(found)):  # the loader takes them for the end of a name
        logger.warning("tritonserver runs without our repairs: its path cannot be preloaded path=%r", str(found))
        return dict(environment)
    return {**environment, _VARIABLE: ":".join(filter(None, [str(found), environment.get(_VARIABLE)]))}

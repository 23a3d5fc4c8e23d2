"""Finds the library of repairs that is loaded into tritonserver before all others (_preload*.c, decision 20)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from gsv_runtime.server.workarounds import PRELOAD
from gsv_runtime.settings import ADMIN_KEY

logger = logging.getLogger("gsv.preload")

MISSING = (
    "tritonserver runs without our repairs: no C compiler was there when gsv-runtime was installed; HTTP answers 400 "
    "where it should say 503 or 404, a model that is killed may take the server along, hostile requests are not turned "
    "away at the door, and the admin key stands on tritonserver's command line; install gcc, then "
    "gsv-runtime again (make: rm .venv/.server, make setup)"
)
GUARDED_PORT = "GSV_GUARDED_PORT"  # of HTTP, where the library looks at what clients send
KEY_PLACE = f"@{ADMIN_KEY}"  # on tritonserver's command line, where the library puts the key's place
_VARIABLE = "LD_PRELOAD"
_FOLDER = Path(__file__).parent
_UNREADABLE = re.compile(r"[\s:]")  # the loader takes them for the end of a name


def library(folder: Path = _FOLDER) -> Path | None:
    """Where it lies; None if no C compiler was there when gsv-runtime was installed."""
    candidates = (folder / f"_preloaded{suffix}" for suffix in reversed(EXTENSION_SUFFIXES))
    return next(filter(Path.is_file, candidates), None)


def is_loaded(environment: Mapping[str, str], found: Path | None) -> bool:
    """Whether tritonserver gets the library: it is wanted, it is there, and the loader can read its path."""
    return PRELOAD.is_on(environment) and found is not None and not _UNREADABLE.search(str(found))


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
    if _UNREADABLE.search(str(found)):
        logger.warning("tritonserver runs without our repairs: its path cannot be preloaded path=%r", str(found))
        return dict(environment)
    return {**environment, _VARIABLE: ":".join(filter(None, [str(found), environment.get(_VARIABLE)]))}

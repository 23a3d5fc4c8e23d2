"""Figures of one part of a run, written as they come, so that a run that is killed loses only the rest."""

from __future__ import annotations

import json
import logging
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

logger = logging.getLogger("gsv.bench")


class Figures:
    """One JSON file: names to values, failures beside them, and how long each took."""

    def __init__(self, path: Path) -> None:
        """Begin an empty file at `path`; its folder is made."""
        self._path = path
        self.values: dict[str, Any] = {"failures": {}, "seconds": {}}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write()

    def put(self, name: str, value: Any) -> None:
        """Write one value, JSON's types only; a name that was there before is replaced."""
        self.values[name] = value
        self._write()
        logger.info("%s: %s", name, json.dumps(value)[:400])

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Run what may fail on this machine: its failure is written down under `name`, and the rest goes on."""
        began_s = time.perf_counter()
        try:
            yield
        except Exception as failure:
            logger.warning("%s failed", name, exc_info=failure)
            last = traceback.format_exc().strip().splitlines()[-6:]
            self.values["failures"][name] = {"error": f"{type(failure).__name__}: {failure}"[:2000], "traceback": last}
        self.values["seconds"][name] = round(time.perf_counter() - began_s, 2)
        self._write()

    def _write(self) -> None:
        temporary = self._path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(self.values, indent=1), encoding="utf-8")
        temporary.replace(self._path)

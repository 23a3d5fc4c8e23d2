"""Optional files of the text front end that no wheel carries: where they are, and what their absence costs.

Nothing is downloaded. `make build` links what it finds under the weights directory into the model's directory;
``GSV_TEXT_RESOURCES`` names another one for use without a server.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class _Directory:
    path: Path | None = field(default=None)


_current = _Directory()


def use_directory(path: Path) -> None:
    """Look for optional files in `path`; to be called before any language is read."""
    _current.path = path


def find(name: str) -> Path | None:
    """An optional file or folder, or None if the user has not got it."""
    directory = _current.path or (Path(named) if (named := os.environ.get("GSV_TEXT_RESOURCES")) else None)
    path = directory / name if directory else None
    return path if path is not None and path.exists() else None

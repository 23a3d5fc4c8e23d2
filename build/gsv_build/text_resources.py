"""Optional files of the text front end: from the weights directory to where the server finds them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gsv_runtime import contract
from gsv_runtime.model_files import G2PW_FOLDER, LARGE_LANGUAGE_MODEL_FILE, TEXT_RESOURCES

# Where each may lie: beside the checkpoints, or where a checkout of upstream has it beside `pretrained_models`.
_PLACES = {
    G2PW_FOLDER: (G2PW_FOLDER, f"../text/{G2PW_FOLDER}"),
    LARGE_LANGUAGE_MODEL_FILE: (LARGE_LANGUAGE_MODEL_FILE, f"fast_langdetect/{LARGE_LANGUAGE_MODEL_FILE}"),
}


def link_text_resources(weights: Path, repository: Path) -> list[str]:
    """Make the optional files under `weights` those of the repository; files that are gone there go here too.

    Args:
        weights: directory of the checkpoints.
        repository: model repository.

    Returns:
        Names of what is there.
    """
    target = repository / contract.TEXT_FRONTEND.name / "1" / TEXT_RESOURCES
    shutil.rmtree(target, ignore_errors=True)
    found = []
    for name, places in _PLACES.items():
        source = next((weights / place for place in places if (weights / place).exists()), None)
        if source is not None:
            _link(source, target / name)
            found.append(name)
    return found


def _link(source: Path, target: Path) -> None:
    """Hard links where the file system allows it, copies elsewhere: the server may run in a container."""
    files = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
    for path in files:
        place = target / path.relative_to(source) if source.is_dir() else target
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path.resolve(), place)
        except OSError:
            shutil.copyfile(path, place)

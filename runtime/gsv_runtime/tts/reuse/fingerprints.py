"""What decides a result beside the request: which files were built, with which code and libraries they are run.

Whatever might change a result is in here: a build, a setting of a stage, a library's version, and for our own code two
numbers, which whoever changes its results raises. Golden tests say when
(tests/gsv_runtime/tts/reuse/test_epochs.py). Too much only means that something is computed once more.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from gsv_runtime import contract
from gsv_runtime.model_files import CONFIG_FILE, TEXT_RESOURCES, file_digest
from gsv_runtime.models.catalogue import FineTune
from gsv_runtime.settings import read_build
from gsv_runtime.tts.reuse.keys import Fingerprints, content_digest

TEXT_EPOCH = 2  # of what is read out of a text
SPEECH_EPOCH = 4  # of what becomes of it, and of a recording
_TEXT_MODELS = (contract.TEXT_FRONTEND, contract.BERT)
# What of their settings matters is in the keys.
_UNCONCERNED_MODELS = (contract.TTS, contract.VOICES, contract.FINE_TUNES)
_UNCONCERNED_LIBRARIES = ("filelock", "redis")


class NoFingerprint(ValueError):
    """It cannot be told what the repository was built from, or what runs it."""


def fingerprints(repository: Path, fine_tune: FineTune | None = None) -> Fingerprints:
    """Of a model repository, as this process and its neighbours run it; takes some milliseconds, more with large files.

    Args:
        repository: the model repository.
        fine_tune: one that was added to the first; None: the first.

    Raises:
        NoFingerprint: build.json does not say what the stages' files hold, or a library is missing.
    """
    build = read_build(repository)
    if "files" not in build or build["files"].keys() != build["stages"].keys():
        raise NoFingerprint(f"{repository.name} was built before there was a cache; run `make build`")
    files: dict[str, str] = {**build["files"], **(fine_tune.files if fine_tune is not None else {})}
    stages = [model for model in contract.MODELS if model not in _UNCONCERNED_MODELS]
    text = content_digest(
        {model.name: files.get(model.name, "") for model in _TEXT_MODELS},
        [_digest(repository / model.name / CONFIG_FILE) for model in _TEXT_MODELS],
        _digest(repository / contract.TEXT_FRONTEND.name / "1" / TEXT_RESOURCES),
        TEXT_EPOCH,
        libraries(),
        build["facts"],
    )
    configs = [_digest(repository / model.name / CONFIG_FILE) for model in stages]
    own = [] if fine_tune is None else [asdict(fine_tune.facts)]
    return Fingerprints(text, content_digest(text, files, configs, SPEECH_EPOCH, *own))


def libraries() -> dict[str, str]:
    """Versions of all that this package requires, of Python without its patch level, and of Triton where it says.

    Raises:
        NoFingerprint: one is not installed; a server that is never asked for what needs it runs without a cache.
    """
    try:
        entries = metadata.requires("gsv-runtime") or ()
        optional = {re.split(r"[^\w.-]", entry, maxsplit=1)[0]: "extra ==" in entry for entry in entries}
        concerned = sorted(optional.keys() - set(_UNCONCERNED_LIBRARIES))
        versions = {name: _version(name, optional[name]) for name in concerned}
    except metadata.PackageNotFoundError as missing:
        raise NoFingerprint(f"{missing.name} is not installed; install gsv-runtime with all that it requires") from None
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    triton = os.environ.get("NVIDIA_TRITON_SERVER_VERSION", "")
    return {**versions, "python": python, "triton": triton}


def _version(library: str, optional: bool) -> str:
    """Of a library, or of its build for a GPU, another package of the same name to Python; empty of an absent extra."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        if optional:
            return ""
        try:
            return f"gpu {metadata.version(f'{library}-gpu')}"
        except metadata.PackageNotFoundError:
            raise metadata.PackageNotFoundError(library) from None


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of all files below a directory with their names; empty where there is nothing."""
    return file_digest(path) if path.exists() else ""

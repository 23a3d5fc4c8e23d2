"""What decides a result beside the request: which files were built, with which code and libraries they are run.

Whatever might change a bit of the output is in here: a build, a setting of a stage, a library's version, a line of the
sources listed below. Too much only means that something is computed once more.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import gsv_runtime
from gsv_runtime import contract
from gsv_runtime.model_files import CONFIG_FILE, TEXT_RESOURCES, file_digest
from gsv_runtime.settings import read_build
from gsv_runtime.tts.reuse.keys import Fingerprints, content_digest

# Sources, relative to the package, that decide what is read out of a text, and what becomes of it.
TEXT_SOURCES = ("text/**/*", "graphs/*.py", "triton/graph_model.py")
SPEECH_SOURCES = (
    "contract.py",
    "model_files.py",
    "settings.py",
    "speech_request.py",
    "t2s/*.py",
    "tensors.py",
    "tts/synthesis/*.py",
    "versions.py",
    "voices/*.py",
)
_TEXT_MODELS = (contract.TEXT_FRONTEND, contract.BERT)
_UNCONCERNED_MODELS = (contract.TTS, contract.VOICES)  # what of their settings matters is in the keys
_UNCONCERNED_LIBRARIES = ("redis",)


class NoFingerprint(ValueError):
    """It cannot be told what the repository was built from."""


def fingerprints(repository: Path) -> Fingerprints:
    """Of a model repository, as this process and its neighbours run it; takes some milliseconds, more with large files.

    Raises:
        NoFingerprint: build.json does not say what the stages' files hold.
    """
    build = read_build(repository)
    if "files" not in build or build["files"].keys() != build["stages"].keys():
        raise NoFingerprint(f"{repository.name} was built before there was a cache; run `make build`")
    files: dict[str, str] = build["files"]
    stages = [model for model in contract.MODELS if model not in _UNCONCERNED_MODELS]
    text = content_digest(
        {model.name: files.get(model.name, "") for model in _TEXT_MODELS},
        [_digest(repository / model.name / CONFIG_FILE) for model in _TEXT_MODELS],
        _digest(repository / contract.TEXT_FRONTEND.name / "1" / TEXT_RESOURCES),
        sources_digest(TEXT_SOURCES),
        libraries(),
        build["facts"],
    )
    configs = [_digest(repository / model.name / CONFIG_FILE) for model in stages]
    return Fingerprints(text, content_digest(text, files, configs, sources_digest(SPEECH_SOURCES)))


def sources(patterns: Iterable[str]) -> list[Path]:
    """Files of this package that match."""
    package = Path(gsv_runtime.__file__).parent
    found = {path for pattern in patterns for path in package.glob(pattern)}
    return sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts)


def sources_digest(patterns: Iterable[str]) -> str:
    """Of names and contents."""
    return content_digest([(path.name, _digest(path)) for path in sources(patterns)])


def libraries() -> dict[str, str]:
    """Versions of all that this package requires, of Python, and of Triton where it says."""
    required = {re.split(r"[^\w.-]", entry, maxsplit=1)[0] for entry in metadata.requires("gsv-runtime") or ()}
    versions = {name: _version(name) for name in sorted(required - set(_UNCONCERNED_LIBRARIES))}
    triton = os.environ.get("NVIDIA_TRITON_SERVER_VERSION", "")
    return {**versions, "python": sys.version, "triton": triton}


def _version(library: str) -> str:
    """Of a library, or of its build for a GPU, which is another package of the same name to Python."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return f"gpu {metadata.version(f'{library}-gpu')}"


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of all files below a directory with their names; empty where there is nothing."""
    return file_digest(path) if path.exists() else ""

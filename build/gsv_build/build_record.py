"""What a model repository was built from: build.json, and the digests that say what is up to date."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from gsv_build.graph_quantisation import T2SPrecision
from gsv_runtime.settings import BUILD_FILE, CheckpointFacts

_BLOCK_BYTES = 1 << 20
# Source files that decide what an exported graph is; serving and fetching are none of its business.
_EXPORTING = ("modules/**/*.py", "checkpoints/**/*.py", "export*.py", "*graph*.py", "stage_builds.py", "engines.py")


@dataclass
class BuildRecord:
    """build.json. `models` and `facts` are there when the build is complete."""

    preset: str
    t2s_precision: str = T2SPrecision.FP32.value
    stages: dict[str, str] = field(default_factory=dict)  # stage to the digest that its files were written from
    files: dict[str, str] = field(default_factory=dict)  # stage to SHA-256 of what was written: the cache's keys
    engines: dict[str, str] = field(default_factory=dict)  # stage to the digest that its TensorRT engine was built from
    models: list[str] | None = None
    facts: CheckpointFacts | None = None

    @classmethod
    def read(cls, repository: Path, preset: str, t2s_precision: str = T2SPrecision.FP32.value) -> BuildRecord:
        """Reads what the last build wrote; graphs are the same for every preset."""
        try:
            values = json.loads((repository / BUILD_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return cls(preset, t2s_precision)
        files, engines = values.get("files", {}), values.get("engines", {})
        return cls(preset, t2s_precision, values["stages"], files, engines)

    def write(self, repository: Path) -> None:
        """Writes build.json at once."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        temporary = repository / f".{BUILD_FILE}.{os.getpid()}"
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        temporary.replace(repository / BUILD_FILE)


@lru_cache(maxsize=64)
def file_digest(path: Path) -> str:
    """SHA-256 of a file, or of every file below a directory with its name."""
    digest = hashlib.sha256()
    if path.is_dir():
        for member in sorted(path.rglob("*")):
            if member.is_file():
                digest.update(f"{member.relative_to(path)} {file_digest(member)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def built_digest(directory: Path) -> str:
    """SHA-256 of what a build wrote into a model's version directory, with names."""
    built = sorted(path for path in directory.iterdir() if path.is_file() and path.suffix != ".py")
    return joined_digest(f"{path.name} {file_digest.__wrapped__(path)}" for path in built)


def joined_digest(parts: Iterable[str]) -> str:
    """SHA-256 over several texts."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def builder_digest() -> str:
    """SHA-256 of the source files that decide what an exported graph is."""
    package = Path(__file__).parent
    paths = sorted({path for pattern in _EXPORTING for path in package.glob(pattern)})
    contract = Path(__file__).parents[0] / "sizes.py"
    return joined_digest(f"{path.name} {file_digest(path)}" for path in [*paths, contract])

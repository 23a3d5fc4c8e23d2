"""What a model repository was built from: build.json, and the digests that say what is up to date."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from gsv_build.graphs.graph_quantisation import T2SPrecision
from gsv_runtime import model_files
from gsv_runtime.model_files import joined_digest
from gsv_runtime.models.catalogue import Checkpoint
from gsv_runtime.settings import BUILD_FILE, CheckpointFacts

# Source files that decide what an exported graph is; serving and fetching are none of its business.
_EXPORTING = (
    "modules/**/*.py",
    "checkpoints/**/*.py",
    "export*.py",
    "graphs/*.py",
    "stage_builds.py",
    "phone_table.py",
)


@dataclass
class BuildRecord:
    """build.json. What may be None is there when the build is complete."""

    preset: str
    t2s_precision: str = T2SPrecision.FP32.value
    stages: dict[str, str] = field(default_factory=dict)  # stage to the digest that its files were written from
    files: dict[str, str] = field(default_factory=dict)  # stage to SHA-256 of what was written: the cache's keys
    engines: dict[str, str] = field(
        default_factory=dict
    )  # stage to what its engine was built from: engines.engine_digest
    name: str | None = None  # of the fine-tune, where it was given one
    base: str | None = None  # directory of the encoders that all fine-tunes share
    sovits: str | None = None  # the s2 that the graphs were exported from
    axes: dict[str, int] | None = None  # sizes of the contract's named axes
    checkpoints: dict[str, Checkpoint] | None = None
    tuned: dict[str, Any] = field(default_factory=dict)  # stage to its engine and what was measured: tuning.Choice
    models: list[str] | None = None
    facts: CheckpointFacts | None = None

    @classmethod
    def read(cls, repository: Path, preset: str, t2s_precision: str = T2SPrecision.FP32.value) -> BuildRecord:
        """Read what the last build wrote; graphs are the same for every preset."""
        try:
            values = json.loads((repository / BUILD_FILE).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return cls(preset, t2s_precision)
        files, engines, tuned = (values.get(name, {}) for name in ("files", "engines", "tuned"))
        name = values.get("name")
        return cls(preset, t2s_precision, values["stages"], files, engines, name=name, tuned=tuned)

    def write(self, repository: Path) -> None:
        """Write build.json at once."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        temporary = repository / f".{BUILD_FILE}.{os.getpid()}"
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        temporary.replace(repository / BUILD_FILE)


file_digest = lru_cache(maxsize=64)(model_files.file_digest)  # sources do not change while a build runs


def built_digest(directory: Path) -> str:
    """SHA-256 of what a build wrote into a model's version directory, with names."""
    built = sorted(path for path in directory.iterdir() if path.is_file() and path.suffix != ".py")
    return joined_digest(f"{path.name} {model_files.file_digest(path)}" for path in built)


def builder_digest() -> str:
    """SHA-256 of the source files that decide what an exported graph is."""
    package = Path(__file__).parent
    paths = sorted({path for pattern in _EXPORTING for path in package.glob(pattern)})
    contract = Path(__file__).parents[0] / "sizes.py"
    return joined_digest(f"{path.name} {file_digest(path)}" for path in [*paths, contract])

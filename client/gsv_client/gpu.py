"""What this machine offers to a server on a GPU: card, driver, ONNX Runtime's CUDA provider, TensorRT, what was built.

`python -m gsv_client.gpu` prints the preset that runs here, and says why: `make demo` asks it.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import importlib.metadata
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsv_client.doctor import Finding, Verdict

_SMI_PLACES = ("/usr/local/nvidia/bin/nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")
_PROVIDER = "CUDAExecutionProvider"
_WARNINGS, _SILENT = 2, 4  # severities of ONNX Runtime's log
_NEED_A_GPU = ("cuda", "onnx", "tensorrt")  # presets
_IN_THIS_PROCESS = "cuda"  # of those, the one that this machine's Python runs; the others bring a container
_TENSORRT = ("tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-rtx-cu12", "tensorrt-rtx-cu13")
_INSTALL = "`make cuda` puts onnxruntime-gpu and CUDA's libraries into .venv (1.5 GB to fetch)"
_WITHOUT = "presets cuda, onnx and tensorrt need one; cpu needs none"
# y = Identity(x), one float: a provider shows whether its libraries load only when it gets a graph.
_GRAPH = base64.b64decode("CAg6NwoQCgF4EgF5IghJZGVudGl0eRIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEA0=")


@dataclass(frozen=True)
class Card:
    """A GPU as its driver names it."""

    name: str
    driver: str
    memory: str


@dataclass(frozen=True)
class Provider:
    """ONNX Runtime here, and whether it runs on CUDA."""

    works: bool
    found: str


@dataclass(frozen=True)
class Machine:
    """All that is looked at."""

    cards: tuple[Card, ...]
    no_card: str  # why there is none, where there is none
    provider: Provider
    tensorrt: tuple[str, ...]  # packages with their versions
    preset: str | None  # that the repository here was built for
    engines: tuple[str, ...]  # models of it that have one

    @property
    def best_preset(self) -> str:
        """What `make demo` takes: cuda where a card and the provider are, else cpu."""
        return _IN_THIS_PROCESS if self.cards and self.provider.works else "cpu"


def look(repository: Path = Path("model_repository")) -> Machine:
    """Look at this machine; `repository` is where a server's models would lie."""
    cards, no_card = find_cards()
    preset, engines = _built(repository)
    tensorrt = tuple(f"{name} {version}" for name in _TENSORRT if (version := _version(name)))
    return Machine(cards, no_card, find_provider(bool(cards)), tensorrt, preset, engines)


def find_cards() -> tuple[tuple[Card, ...], str]:
    """The GPUs that the driver lists, and why there are none."""
    places = (shutil.which("nvidia-smi"), *_SMI_PLACES)
    program = next((place for place in places if place and Path(place).exists()), None)
    if program is None:
        return (), "no NVIDIA driver (nvidia-smi is not here)"
    command = [program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return (), f"nvidia-smi does not run: {failure}"
    if answer.returncode:
        said = (answer.stdout + answer.stderr).strip().splitlines()
        return (), f"nvidia-smi: {said[0] if said else f'it ended with {answer.returncode}'}"
    rows = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines() if line.strip()]
    return tuple(Card(*row) for row in rows if len(row) == 3), "nvidia-smi lists no card"


def find_provider(has_card: bool) -> Provider:
    """Whether ONNX Runtime runs a graph on CUDA here; it is not tried without a card."""
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError:
        return Provider(False, "ONNX Runtime is not installed")
    name = f"ONNX Runtime {onnxruntime.__version__}"
    if _PROVIDER not in onnxruntime.get_available_providers():
        return Provider(False, f"{name} was built without {_PROVIDER}")
    if not has_card:
        return Provider(False, f"{name} has {_PROVIDER}, which was not tried without a card")
    try:
        works = _runs_on_cuda(onnxruntime)
    except Exception as failure:
        return Provider(False, f"{name}: {_PROVIDER} fails: {failure}")
    return Provider(works, f"{name} with {_PROVIDER}" if works else f"{name}: CUDA's libraries do not load")


def _runs_on_cuda(onnxruntime: Any) -> bool:
    """Open a graph there; what ONNX Runtime prints of libraries that are missing is no part of our answer."""
    onnxruntime.set_default_logger_severity(_SILENT)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            if hasattr(onnxruntime, "preload_dlls"):
                onnxruntime.preload_dlls()
            session = onnxruntime.InferenceSession(_GRAPH, providers=[_PROVIDER])
        return _PROVIDER in session.get_providers()
    finally:
        onnxruntime.set_default_logger_severity(_WARNINGS)


def findings(machine: Machine) -> Iterator[Finding]:
    """Say what is there and what is missing; it is a warning only where what was built here needs it."""
    needed = machine.preset in _NEED_A_GPU
    missing = Verdict.WARNING if needed else Verdict.OK
    for card in machine.cards:
        yield Finding("gpu", Verdict.OK, f"{card.name}, {card.memory}, driver {card.driver}")
    if not machine.cards:
        yield Finding("gpu", missing, machine.no_card, _WITHOUT)
    if machine.provider.works:
        advice = "" if needed or not machine.cards else "`make demo` and `make build PRESET=cuda` use it"
        yield Finding("cuda provider", Verdict.OK, machine.provider.found, advice)
    elif machine.cards or machine.preset == _IN_THIS_PROCESS:
        verdict = missing if machine.preset == _IN_THIS_PROCESS else Verdict.OK
        yield Finding("cuda provider", verdict, machine.provider.found, _INSTALL)
    if machine.cards or machine.tensorrt or machine.preset == "tensorrt":
        yield Finding("tensorrt", Verdict.OK, ", ".join(machine.tensorrt) or "not installed", "")
    if machine.preset is not None:
        yield _engines(machine)


def _engines(machine: Machine) -> Finding:
    found = f"built for preset {machine.preset}, {len(machine.engines)} TensorRT engines"
    if machine.engines:
        return Finding("engines", Verdict.OK, f"{found}: {', '.join(machine.engines)}")
    if machine.preset == "tensorrt":
        return Finding(
            "engines", Verdict.WARNING, found, "`make build PRESET=tensorrt` on the GPU's machine builds them"
        )
    return Finding("engines", Verdict.OK, found)


def _built(repository: Path) -> tuple[str | None, tuple[str, ...]]:
    try:
        record = json.loads((repository / "build.json").read_text(encoding="utf-8"))
        preset = str(record["preset"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, ()
    return preset, tuple(sorted(path.parts[-3] for path in repository.glob("*/1/model.plan")))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def reason(machine: Machine) -> str:
    """Why `best_preset` is what it is, in one line."""
    if not machine.cards:
        return f"preset cpu: {machine.no_card}"
    card = machine.cards[0]
    if not machine.provider.works:
        return f"preset cpu: {card.name} is here, but {machine.provider.found}; {_INSTALL}, then `make demo` takes cuda"
    return f"preset cuda: {card.name}, driver {card.driver}, {machine.provider.found}; PRESET=cpu keeps off the GPU"


def main() -> int:
    """Print the preset that runs here to stdout, and the reason to stderr."""
    machine = look()
    sys.stderr.write(reason(machine) + "\n")
    sys.stdout.write(machine.best_preset + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

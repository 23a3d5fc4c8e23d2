"""What every part of a GPU run is told."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from gsv_build.size_presets import NetworkSizes, network_sizes
from gsv_runtime.graphs.session import CPU, CUDA, Device
from gsv_runtime.versions import ModelVersion


@dataclass(frozen=True)
class Options:
    """Where to measure, at which sizes, and how long."""

    device: str  # "cuda", or "cpu" for a dry run
    size: str  # official or small
    work: Path  # weights, repositories and graphs; kept from run to run
    out: Path  # figures
    texts: Path | None  # what the front end says of the texts, where its libraries are missing
    short: bool  # a few turns only: a dry run
    brief: bool = False  # only what preset cuda serves, and one seed

    @property
    def session_device(self) -> Device:
        """For ONNX Runtime."""
        return {"cpu": CPU, "cuda": CUDA}[self.device]

    @property
    def slots(self) -> tuple[int, ...]:
        """Slots of T2S to measure."""
        return (1, 2) if self.short else (1, 8, 16, 32, 64)

    @property
    def repeats(self) -> int:
        """Timed runs of what takes milliseconds."""
        return 3 if self.short else 40

    def sizes(self, version: ModelVersion) -> NetworkSizes:
        """Of a version's networks."""
        return network_sizes(version, self.size)

    def repository(self, version: ModelVersion) -> Path:
        """The model repository of a version, built for preset cuda."""
        return self.work / f"{version.value}-{self.size}" / "model_repository"

    def weights(self, version: ModelVersion) -> Path:
        """Its random checkpoints."""
        return self.work / f"{version.value}-{self.size}" / "weights"

    def arguments(self) -> list[str]:
        """The command line that says the same."""
        words = [f"--device={self.device}", f"--size={self.size}", f"--work={self.work}", f"--out={self.out}"]
        return (
            words
            + ([f"--texts={self.texts}"] if self.texts else [])
            + [f"--{name}" for name in ("short", "brief") if getattr(self, name)]
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of all parts."""
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: a dry run")
    parser.add_argument("--size", choices=("official", "small"), default="official")
    parser.add_argument("--work", type=Path, default=Path("var/bench/gpu"), help="keeps weights and graphs")
    parser.add_argument("--out", type=Path, default=Path("var/bench/gpu/figures"), help="a JSON file for each part")
    parser.add_argument("--texts", type=Path, help="made by --record-texts, where text libraries are missing")
    parser.add_argument("--short", action="store_true", help="a few turns of everything: a dry run")
    parser.add_argument("--brief", action="store_true", help="only what preset cuda serves, and one seed")


def from_arguments(arguments: argparse.Namespace) -> Options:
    """Options of a command line."""
    texts = arguments.texts.resolve() if arguments.texts else None
    work, out = arguments.work.resolve(), arguments.out.resolve()
    return Options(arguments.device, arguments.size, work, out, texts, arguments.short, arguments.brief)

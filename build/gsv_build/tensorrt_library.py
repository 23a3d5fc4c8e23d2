"""Whichever TensorRT is installed: `tensorrt` 10 or 11, or TensorRT for RTX, which needs no GPU to build an engine.

Networks are strongly typed in all three: half precision is a property of the exported graph (graphs/precision.py),
because TensorRT 11 has no flag for it. Run here: TensorRT for RTX 1.7.1. Not run here: `tensorrt` 10 and 11, whose
wheels fetch from elsewhere; they have the same calls in NVIDIA's documentation.
"""

from __future__ import annotations

import importlib
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Shape = tuple[int, ...]
Profiles = Mapping[str, tuple[Shape, Shape, Shape]]  # input name to smallest, tuned and largest shape
_MODULES = ("tensorrt", "tensorrt_rtx")


class EngineFailed(Exception):
    """An engine cannot be built; the message says what is missing and how to get it."""


@dataclass(frozen=True)
class BuiltEngine:
    """A plan, and what was learnt about this GPU's kernels while it was made: empty if the library keeps nothing."""

    plan: bytes
    timing_cache: bytes


class TensorRT:
    """One installed library."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.log = module.Logger(module.Logger.WARNING)

    @classmethod
    def find(cls) -> TensorRT:
        """Import the first that is installed.

        Raises:
            EngineFailed: none is, with the ways to get one.
        """
        for name in _MODULES:
            try:
                return cls(importlib.import_module(name))
            except ImportError:
                continue
        raise EngineFailed(
            "TensorRT is not installed here; build engines in NVIDIA's container with "
            "`docker compose run --rm build build --preset tensorrt --weights /weights` (see build/Dockerfile), "
            "or for RTX cards after `pip install tensorrt-rtx-cu13`"
        )

    @property
    def is_for_rtx(self) -> bool:
        """Whether its engines are compiled for a GPU when one first runs them."""
        return str(self.module.__name__) == "tensorrt_rtx"

    @property
    def name(self) -> str:
        """Library and version, as a record of a build has them."""
        return f"{self.module.__name__} {self.module.__version__}"

    @property
    def target(self) -> str:
        """Which GPUs its engines run on."""
        if self.is_for_rtx:
            return "compute capability 8.0, 8.6, 8.9, 12.0 and later"
        return _gpus() or f"the GPU of {platform.node()}"

    @property
    def keeps_timing_cache(self) -> bool:
        """Whether it times kernels when it builds; TensorRT for RTX does not, and reads no such cache without a GPU."""
        return not self.is_for_rtx

    def build(
        self, graph: Path, profiles: Profiles, timing_cache: bytes = b"", on_this_gpu: bool = False
    ) -> BuiltEngine:
        """Build one engine.

        Args:
            graph: ONNX file; external weights beside it are found.
            profiles: of every input whose shape varies, and any other.
            timing_cache: of an earlier build; empty if there was none, or the library keeps none.
            on_this_gpu: make it for the GPU of this machine alone, where the library would make it for several.

        Raises:
            EngineFailed: the parser or the builder refuses, with its words.
        """
        trt = self.module
        builder = trt.Builder(self.log)
        network = self.parse(builder, graph)
        config = builder.create_builder_config()
        if on_this_gpu and self.is_for_rtx:
            config.num_compute_capabilities = 1
            config.set_compute_capability(trt.ComputeCapability.CURRENT, 0)
        if self.keeps_timing_cache:
            cache = config.create_timing_cache(timing_cache) or config.create_timing_cache(b"")
            config.set_timing_cache(cache, ignore_mismatch=True)
        profile = builder.create_optimization_profile()
        for name, (low, opt, high) in profiles.items():
            profile.set_shape(name, low, opt, high)
        config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise EngineFailed(f"{self.name} built no engine from {label(graph)}; its log above says why")
        learnt = config.get_timing_cache() if self.keeps_timing_cache else None
        return BuiltEngine(bytes(plan), bytes(learnt.serialize()) if learnt is not None else b"")

    def parse(self, builder: Any, graph: Path) -> Any:
        """Read an ONNX file into a network.

        Raises:
            EngineFailed: the parser refuses, with its words.
        """
        trt = self.module
        typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        network = builder.create_network(0 if typed is None else 1 << int(typed))
        parser = trt.OnnxParser(network, self.log)
        if not parser.parse_from_file(str(graph)):
            problems = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
            raise EngineFailed(f"{self.name} cannot parse {label(graph)}: {problems}")
        return network


def label(graph: Path) -> str:
    """Model and file of a graph in a repository, for messages."""
    return f"{graph.parent.parent.name}/{graph.name}"


def _gpus() -> str:
    """Names of this machine's GPUs; empty where the driver's `nvidia-smi` is not there or fails."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    asked = subprocess.run([command, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True)
    return ", ".join(sorted(set(asked.stdout.split("\n")) - {""})) if asked.returncode == 0 else ""

"""`python -m gsv_build engines`: builds a TensorRT engine from each exported graph.

Not run here: our machines have no TensorRT and no suitable GPU. The profiles are tested, the calls are NVIDIA's
documented Python API (tensorrt.Builder, OnnxParser, IOptimizationProfile). An engine runs only on the GPU model and
the TensorRT version that built it, so this command runs in the container of `docker compose run --rm build`.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
from tqdm import tqdm

from gsv_build.deployment import PRESETS, Deployment, ModelDeployment, Runtime, Span
from gsv_build.graphs.precision import Precision
from gsv_build.tensorrt_library import EngineFailed
from gsv_runtime.contract import MODELS, Model
from gsv_runtime.model_files import DEFAULT_REPOSITORY, ENGINE_FILE, GRAPH_FILE

logger = logging.getLogger("gsv.build")

Shape = tuple[int, ...]
_WORKSPACE_BYTES = 4 << 30


def input_profiles(
    model: Model, how: ModelDeployment, shapes: Mapping[str, list[int | str]]
) -> dict[str, tuple[Shape, Shape, Shape]]:
    """Smallest, tuned and largest shape of every input of a graph.

    Args:
        model: its contract, which names the axes.
        how: its deployment, which has the sizes of each axis.
        shapes: input name to the shape that the graph declares; an int there is fixed.

    Returns:
        Input name to (min, opt, max).

    Raises:
        EngineFailed: an axis varies and the deployment has no sizes for it.
    """
    spans = {**how.profile, "B": how.batch_span}
    profiles = {}
    for tensor in model.inputs:
        if tensor.name not in shapes:
            continue
        sizes = []
        for axis, declared in zip(tensor.axes, shapes[tensor.name], strict=True):
            if isinstance(declared, int):
                sizes.append(Span(declared, declared, declared))
            elif axis in spans:
                sizes.append(spans[axis])
            else:
                raise EngineFailed(f"{model.name}: {tensor.name} varies along {axis}; add its sizes to deployment.py")
        low, opt, high = zip(*((span.min, span.opt, span.max) for span in sizes), strict=True)
        profiles[tensor.name] = (low, opt, high)
    return profiles


def trtexec_arguments(profiles: Mapping[str, tuple[Shape, Shape, Shape]], fp16: bool) -> list[str]:
    """The same profiles as arguments of NVIDIA's `trtexec`, for whoever builds by hand."""
    rendered = [
        f"--{kind}Shapes=" + ",".join(f"{name}:{'x'.join(map(str, shapes[i]))}" for name, shapes in profiles.items())
        for i, kind in enumerate(("min", "opt", "max"))
    ]
    return [*rendered, *(["--fp16"] if fp16 else [])]


def graph_input_shapes(graph: Path) -> dict[str, list[int | str]]:
    """Input name to declared shape of an ONNX file; the weights are not read."""
    loaded = onnx.load(str(graph), load_external_data=False).graph
    weights = {initializer.name for initializer in loaded.initializer}
    return {
        value.name: [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim]
        for value in loaded.input
        if value.name not in weights
    }


def engine_models(deployment: Deployment, repository: Path) -> list[Model]:
    """Models that this deployment runs as engines and whose graphs have been exported."""
    engines = [model for model in MODELS if deployment.model(model).runtime is Runtime.TENSORRT]
    return [model for model in engines if (repository / model.name / "1" / GRAPH_FILE).is_file()]


def load_tensorrt() -> Any:
    """Imports TensorRT.

    Raises:
        EngineFailed: it is not installed, with the way to get it.
    """
    try:
        return importlib.import_module("tensorrt")
    except ImportError:
        raise EngineFailed(
            "TensorRT is not installed here; engines are built on the GPU that will run them, in NVIDIA's container: "
            "`docker compose run --rm build build --preset tensorrt --weights /weights` "
            "(image nvcr.io/nvidia/tensorrt, see build/Dockerfile)"
        ) from None


def build_engine(
    trt: Any, graph: Path, engine: Path, profiles: Mapping[str, tuple[Shape, Shape, Shape]], fp16: bool
) -> None:
    """Build one engine. Not run here.

    Args:
        trt: the tensorrt module.
        graph: ONNX file; external weights beside it are found.
        engine: plan to write, at once.
        profiles: input name to (min, opt, max).
        fp16: allow half precision where it is faster.

    Raises:
        EngineFailed: the parser or the builder refuses, with its words.
    """
    log = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(log)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(graph)):
        problems = "; ".join(str(parser.get_error(index)) for index in range(parser.num_errors))
        raise EngineFailed(f"TensorRT cannot parse {graph.parent.parent.name}/{graph.name}: {problems}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    if fp16:
        config.set_flag(trt.BuilderFlag.FP16)
    profile = builder.create_optimization_profile()
    for name, (low, opt, high) in profiles.items():
        profile.set_shape(name, low, opt, high)
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise EngineFailed(f"TensorRT built no engine from {graph.parent.parent.name}; its log above says why")
    temporary = engine.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(bytes(plan))
    temporary.replace(engine)


def build_engines(repository: Path, deployment: Deployment, names: Collection[str] | None = None) -> Iterator[str]:
    """Build the engines of a deployment, or of those models only that are named; yield each model when it has one."""
    models = [model for model in engine_models(deployment, repository) if names is None or model.name in names]
    if not models:
        return
    trt = load_tensorrt()
    for model in tqdm(models, desc="engines", unit="engine", file=sys.stderr):
        graph = repository / model.name / "1" / GRAPH_FILE
        profiles = input_profiles(model, deployment.model(model), graph_input_shapes(graph))
        build_engine(trt, graph, graph.with_name(ENGINE_FILE), profiles, deployment.precision is Precision.FP16)
        yield model.name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)
    parser.add_argument("--print", action="store_true", help="print trtexec arguments instead of building")


def run(arguments: argparse.Namespace) -> int:
    """Build or print; return the exit status."""
    deployment = PRESETS["tensorrt"]
    models = engine_models(deployment, arguments.repository)
    if not models:
        logger.error("no exported graphs in %s; run `make build PRESET=tensorrt`", arguments.repository)
        return 1
    try:
        if arguments.print:
            for model in models:
                graph = arguments.repository / model.name / "1" / GRAPH_FILE
                profiles = input_profiles(model, deployment.model(model), graph_input_shapes(graph))
                plan = graph.with_name(ENGINE_FILE)
                words = ["trtexec", f"--onnx={graph}", f"--saveEngine={plan}"]
                half = deployment.precision is Precision.FP16
                sys.stdout.write(" ".join([*words, *trtexec_arguments(profiles, half)]) + "\n")
        else:
            list(build_engines(arguments.repository, deployment))
    except EngineFailed as failure:
        logger.error("%s", failure)
        return 1
    return 0

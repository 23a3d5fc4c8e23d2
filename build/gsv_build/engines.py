"""`python -m gsv_build engines`: builds a TensorRT engine from each exported graph.

Run here with TensorRT for RTX, which needs no GPU to build. Not run here: `tensorrt` 10 and 11, whose engines run only
on the GPU model and the version that built them, so that this runs in the container of `docker compose run --rm build`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from gsv_build import tensorrt_library
from gsv_build.build_record import BuildRecord, built_digest, file_digest
from gsv_build.deployment import PRESETS, Deployment, ModelDeployment, Runtime, Span
from gsv_build.tensorrt_library import EngineFailed, Profiles, TensorRT
from gsv_runtime import model_files
from gsv_runtime.contract import MODELS, Model
from gsv_runtime.model_files import DEFAULT_REPOSITORY, ENGINE_FILE, GRAPH_FILE, joined_digest
from gsv_runtime.settings import CheckpointFacts, read_build

logger = logging.getLogger("gsv.build")


def input_profiles(model: Model, how: ModelDeployment, shapes: Mapping[str, list[int | str]]) -> Profiles:
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


def trtexec_arguments(profiles: Profiles) -> list[str]:
    """The same profiles as arguments of NVIDIA's `trtexec`, for whoever builds by hand.

    `--stronglyTyped` is what TensorRT 10 needs and TensorRT 11 does anyway: half precision is in the graph.
    """
    rendered = [
        f"--{kind}Shapes=" + ",".join(f"{name}:{'x'.join(map(str, shapes[i]))}" for name, shapes in profiles.items())
        for i, kind in enumerate(("min", "opt", "max"))
    ]
    return [*rendered, "--stronglyTyped"]


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


def graph_profiles(model: Model, deployment: Deployment, graph: Path) -> Profiles:
    """Profiles of a graph as this deployment runs it.

    Raises:
        EngineFailed: an axis varies and the deployment has no sizes for it.
    """
    return input_profiles(model, deployment.model(model), graph_input_shapes(graph))


def engine_digest(library: TensorRT, graph: Path, profiles: Profiles) -> str:
    """SHA-256 of what an engine depends on: graph and weights, profiles, library, its target, how we call it."""
    parts = sorted(path for path in graph.parent.iterdir() if path.name.startswith(graph.name))
    ours = file_digest(Path(tensorrt_library.__file__))
    profile = json.dumps(profiles, sort_keys=True)
    return joined_digest([library.name, library.target, ours, profile, *map(model_files.file_digest, parts)])


def build_engines(repository: Path, deployment: Deployment, record: BuildRecord, library: TensorRT) -> list[str]:
    """Build the engines that are not up to date, and write each into the record as soon as it is there.

    Args:
        repository: with the graphs.
        deployment: says which models run as engines, and at which sizes.
        record: of this repository; says what the engines that are there were built from.
        library: builds them.

    Returns:
        Names of the models whose engines were built.

    Raises:
        EngineFailed: the parser or the builder refuses a graph, with its words.
    """
    stale = {}
    for model in engine_models(deployment, repository):
        graph = repository / model.name / "1" / GRAPH_FILE
        digest = engine_digest(library, graph, graph_profiles(model, deployment, graph))
        if record.engines.get(model.name) != digest or not graph.with_name(ENGINE_FILE).is_file():
            stale[model] = digest
    if not stale:
        return []
    logger.info("engines to build count=%d library=%s for=%s", len(stale), library.name, library.target)
    if library.is_for_rtx:
        logger.warning(
            "Triton's TensorRT backend loads no engine of %s; to serve, build in the container", library.name
        )
    steps = tqdm(stale.items(), desc="engines", unit="engine", file=sys.stderr)
    with logging_redirect_tqdm():
        for model, digest in steps:
            steps.set_postfix_str(model.name)
            version = repository / model.name / "1"
            _build_engine(library, version / GRAPH_FILE, graph_profiles(model, deployment, version / GRAPH_FILE))
            record.engines[model.name] = digest
            record.files[model.name] = built_digest(version)
            record.write(repository)
    return [model.name for model in stale]


def _build_engine(library: TensorRT, graph: Path, profiles: Profiles) -> None:
    """Build one engine beside its graph, and keep what the library learnt for the next."""
    began_s = time.perf_counter()
    kept = _timing_cache(library, graph.parents[2])
    built = library.build(graph, profiles, kept.read_bytes() if kept.is_file() else b"")
    _write_at_once(graph.with_name(ENGINE_FILE), built.plan)
    if built.timing_cache:
        _write_at_once(kept, built.timing_cache)
    seconds = time.perf_counter() - began_s
    logger.info("engine built model=%s s=%.1f bytes=%d", graph.parents[1].name, seconds, len(built.plan))


def _timing_cache(library: TensorRT, repository: Path) -> Path:
    """Where a library's cache lies: one for each version and target, because no other can read it."""
    return repository / f".timing-{joined_digest([library.name, library.target])[:16]}"


def _write_at_once(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)
    parser.add_argument("--print", action="store_true", help="print trtexec arguments instead of building")


def run(arguments: argparse.Namespace) -> int:
    """Build or print; return the exit status."""
    deployment, repository = PRESETS["tensorrt"], arguments.repository
    models = engine_models(deployment, repository)
    if not models:
        logger.error("no exported graphs in %s; run `make build PRESET=tensorrt`", repository)
        return 1
    try:
        if arguments.print:
            for model in models:
                graph = repository / model.name / "1" / GRAPH_FILE
                words = ["trtexec", f"--onnx={graph}", f"--saveEngine={graph.with_name(ENGINE_FILE)}"]
                words += trtexec_arguments(graph_profiles(model, deployment, graph))
                sys.stdout.write(" ".join(words) + "\n")
        else:
            library = TensorRT.find()
            built = build_engines(repository, deployment, _finished_record(repository), library)
            logger.info("engines ready built=%s", ",".join(built) or "nothing, all up to date")
    except (EngineFailed, ValueError) as failure:
        logger.error("%s", failure)
        return 1
    return 0


def _finished_record(repository: Path) -> BuildRecord:
    """The record of a build that ended, with all that a server reads."""
    values = read_build(repository)
    record = BuildRecord.read(repository, values["preset"], values["t2s_precision"])
    return replace(record, models=values["models"], facts=CheckpointFacts.from_repository(repository))

"""`python -m gsv_build build`: checkpoints in the official formats become a model repository that speaks."""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from gsv_build import configs
from gsv_build.added_models import (
    add_model,
    changing,
    checkpoints_of,
    folders_of,
    is_added,
    keep_shared,
    weights_ids,
)
from gsv_build.build_record import BuildRecord, builder_digest, built_digest
from gsv_build.checkpoints import CheckpointError
from gsv_build.deployment import PRESETS, Deployment, Runtime, with_frontend
from gsv_build.engines import build_engines, graph_input_shapes
from gsv_build.export import ExportFailed
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.pairing import check_pair
from gsv_build.pbtxt import CheckpointSizes
from gsv_build.stage_builds import Weights, remove_leftovers, stage_builds, t2s_quantisation
from gsv_build.tensorrt_library import EngineFailed, TensorRT
from gsv_build.text_resources import link_text_resources
from gsv_build.tuning import Tuning, as_json, kept_choices, tune, with_choices
from gsv_build.weights import Chosen, find_weights
from gsv_runtime import contract
from gsv_runtime.contract import MODELS
from gsv_runtime.graphs.stage import WARM_UP_SIZES, example_inputs
from gsv_runtime.model_files import DEFAULT_REPOSITORY, GRAPH_FILE
from gsv_runtime.models.catalogue import DamagedCatalogue, read_first
from gsv_runtime.settings import read_build
from gsv_runtime.tensors import Arrays
from gsv_runtime.text.languages import FRONTENDS
from gsv_runtime.versions import SUPPORTED, ModelVersion

logger = logging.getLogger("gsv.build")


def build(
    repository: Path,
    deployment: Deployment,
    directory: Path,
    version: ModelVersion | None = None,
    chosen: Chosen | None = None,
    name: str | None = None,
    tuning: Tuning | None = None,
) -> list[str]:
    """Build what is not up to date of a repository's first fine-tune.

    Args:
        repository: model repository; models that it lacks are put there.
        deployment: the preset.
        directory: of the checkpoints.
        version: which, if the directory holds several.
        chosen: files that were named, and are not looked for there.
        name: of the fine-tune; None: the one that it has.
        tuning: measure who runs the graphs of a sentence; None keeps what an earlier build found.

    Returns:
        Stages whose graph or engine was built; empty if all was up to date.

    Raises:
        CheckpointError: a checkpoint is missing or cannot be used.
        ExportFailed: a stage has no pure graph.
        EngineFailed: TensorRT is missing or refuses a graph.
    """
    runs_engines = any(how.runtime is Runtime.TENSORRT for how in deployment.models.values())
    library = TensorRT.find() if runs_engines else None  # before minutes of export
    weights = Weights(find_weights(directory, version, chosen))
    check_pair(weights.files, weights.t2s.sizes, weights.sovits.sizes)
    add_missing_models(repository)
    if weights.files.characters is None:
        logger.warning("no BERT in %s: Chinese will be spoken with zero features, less naturally", directory)
    precision = t2s_quantisation(weights.files, deployment).precision
    stages = stage_builds(weights, deployment)
    record, builder = BuildRecord.read(repository, deployment.preset, precision.value), builder_digest()
    digests = {stage.model.name: stage.digest(builder) for stage in stages}
    stale = [stage for stage in stages if not _is_built(repository, record, stage.model.name, digests)]
    record.name = name or record.name
    ids = weights_ids(stages, builder)
    with suppress(ValueError):  # a repository that was never built has nothing that others share
        keep_shared(repository, read_first(repository), ids)
    remove_leftovers(repository)
    steps = tqdm(stale, desc=f"build {deployment.preset}", unit="stage", file=sys.stderr, disable=not stale)
    gone = {stage.model.name for stage in stale} | (record.stages.keys() - digests.keys())
    record.stages = {name: digest for name, digest in record.stages.items() if name not in gone}
    record.files = {name: digest for name, digest in record.files.items() if name in record.stages}
    with logging_redirect_tqdm():
        for stage in steps:
            steps.set_postfix_str(stage.model.name)
            record.write(repository)  # without facts: until the end, no server starts from it
            stage.run(repository)
            record.stages[stage.model.name] = digests[stage.model.name]
    built = [stage.model.name for stage in stale]
    if library is not None:
        engines = build_engines(repository, deployment, record, library)
        built += [name for name in engines if name not in built]
    link_text_resources(directory, repository)
    record.sovits = str(weights.files.sovits.resolve())
    record.checkpoints = checkpoints_of(folders_of(repository, ids, ids), weights, ids)
    _finish(repository, deployment, weights, record, tuning)
    return built


def _is_built(repository: Path, record: BuildRecord, name: str, digests: Mapping[str, str]) -> bool:
    """Whether a stage was built from the same, and its files are there as they were written."""
    folder = repository / name / "1"
    if record.stages.get(name) != digests[name]:
        return False
    return name not in record.files or record.files[name] == built_digest(folder)


def add_missing_models(repository: Path) -> None:
    """Copy the code of models that a repository lacks from the one that we ship, so that it may be a new folder."""
    shipped = Path(__file__).parents[2] / DEFAULT_REPOSITORY  # of this checkout, wherever the command runs
    for source in sorted(shipped.glob("*/1/model.py")):
        target = repository / source.relative_to(shipped)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _finish(
    repository: Path, deployment: Deployment, weights: Weights, record: BuildRecord, tuning: Tuning | None
) -> None:
    """Write the configuration and, last of all, the record that lets a server start."""
    absent = {model.name for model in MODELS if model.graph and model.name not in record.stages}
    record.models = [model.name for model in MODELS if model.name not in absent]
    record.facts, record.axes, record.base = weights.facts, weights.sizes, str(weights.files.hubert.parent.resolve())
    for name in record.stages.keys() - record.files.keys():
        record.files[name] = built_digest(repository / name / "1")
    record.files = dict(sorted(record.files.items()))
    choices = kept_choices(record.tuned, record.files, deployment)
    if tuning is not None:
        choices = tune(repository, deployment, record.files, tuning)
    record.tuned, deployment = as_json(choices), with_choices(deployment, choices)
    sizes = None
    if any(how.runtime is not Runtime.PYTHON for how in deployment.models.values()):
        sizes = CheckpointSizes(
            axes=weights.sizes,
            absent=frozenset({"speaker_embedding"} if contract.SPEAKER_ENCODER.name in absent else ()),
            warm_ups={name: _write_warm_up(repository, name) for name in record.models if _has_graph(repository, name)},
        )
    configs.write_configs(repository, deployment, sizes)
    record.write(repository)


def _has_graph(repository: Path, name: str) -> bool:
    return (repository / name / "1" / GRAPH_FILE).is_file()


def _write_warm_up(repository: Path, name: str) -> Arrays:
    """Write a warm-up request, one file an input, where Triton looks for it; return its inputs."""
    model = next(model for model in MODELS if model.name == name)
    shapes = graph_input_shapes(repository / name / "1" / GRAPH_FILE)
    inputs = example_inputs(model, WARM_UP_SIZES, shapes)
    folder = repository / name / "warmup"
    folder.mkdir(exist_ok=True)
    for tensor, array in inputs.items():
        (folder / tensor).write_bytes(array.tobytes())
    return inputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("--preset", choices=sorted(PRESETS), help="default: cpu; of a model that is added the first's")
    parser.add_argument("--weights", type=Path, required=True, help="directory of checkpoints in the official formats")
    parser.add_argument("--t2s", type=Path, help="the voice's .ckpt (GPT, s1), under any name")
    parser.add_argument("--sovits", type=Path, help="the voice's .pth (SoVITS, s2), under any name")
    parser.add_argument("--base", type=Path, help="directory of HuBERT, BERT and the speaker encoder")
    parser.add_argument("--vocoder", metavar="NAME", help="take the folder `vocoder-NAME` beside the s2")
    parser.add_argument("--model", help="name of this fine-tune; one that the repository has not is added to it")
    parser.add_argument("--pin", action="store_true", help="load an added model at the server's start, and keep it")
    parser.add_argument("--version", choices=[version.value for version in SUPPORTED], help="if there are several")
    parser.add_argument(
        "--frontend", choices=FRONTENDS, default=FRONTENDS[0], help="whose phones: ours, or upstream's slips included"
    )
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)
    parser.add_argument(
        "--t2s-precision",
        choices=[precision.value for precision in T2SPrecision],
        help="of the weights of T2S on the CPU; int8 halves its time and changes tokens, int4 more of both; default: "
        "as the weights directory says, else fp32",
    )

    parser.add_argument(
        "--tune",
        nargs="?",
        type=Tuning,
        const=Tuning.FAST,
        metavar="CLASS",
        help="measure who runs each graph of a sentence fastest on this machine: fast (the default; bfloat16 too), "
        "exact (float32 only), or off; without this what was measured before is kept",
    )


def _checked_name(name: str | None) -> str | None:
    """A fine-tune's name as the command line has it; empty is none.

    Raises:
        CheckpointError: it cannot be one.
    """
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise CheckpointError(f"model {name[:64]!r} is no name; need 1 to 64 of a-z A-Z 0-9 _ -, no sign first")
    return name or None


def run(arguments: argparse.Namespace) -> int:
    """Build; return the exit status."""
    try:
        name = _checked_name(arguments.model)
        with changing(arguments.repository):
            built = _build_or_add(arguments, name)
    except OSError as failure:
        logger.error("the build did not end: %s; mend that, and build again", failure)
        return 1
    except (CheckpointError, ExportFailed, EngineFailed, DamagedCatalogue) as failure:
        logger.error("%s", failure)
        return 1
    preset = read_build(arguments.repository)["preset"]
    logger.info("repository ready preset=%s built=%s", preset, ",".join(built) or "nothing, all up to date")
    return 0


def _build_or_add(arguments: argparse.Namespace, name: str | None) -> list[str]:
    version = ModelVersion(arguments.version) if arguments.version else None
    chosen = Chosen(arguments.t2s, arguments.sovits, arguments.base, arguments.vocoder)
    adds = is_added(arguments.repository, name)
    preset = arguments.preset or (read_build(arguments.repository)["preset"] if adds else "cpu")
    deployment = with_frontend(PRESETS[preset], arguments.frontend)
    if arguments.t2s_precision:
        quantisation = T2SQuantisation(T2SPrecision(arguments.t2s_precision))
        deployment = replace(deployment, t2s_quantisation=quantisation)
    if adds and name:
        return add_model(arguments.repository, deployment, arguments.weights, name, version, chosen, arguments.pin)
    return build(arguments.repository, deployment, arguments.weights, version, chosen, name, arguments.tune)

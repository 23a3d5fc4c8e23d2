"""A further fine-tune beside the first of a repository: weights of its own, and what all share is left as it is.

Weights lie in ``<stage>/1/weights/<id>``. The id is made of the checkpoint's content and of the builder's code, so that
fine-tunes with the same s1 or s2 share them, with the first one too.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from gsv_build.build_record import BuildRecord, builder_digest, built_digest
from gsv_build.checkpoints import CheckpointError
from gsv_build.deployment import Deployment, Runtime
from gsv_build.graphs.precision import Precision
from gsv_build.pairing import check_pair
from gsv_build.stage_builds import StageBuild, Weights, stage_builds, t2s_quantisation
from gsv_build.swapped_graphs import swap_weights
from gsv_build.weights import Chosen, find_weights
from gsv_runtime.contract import MODELS, S1, S2, SPEECH_TOKENIZER, TTS, VOCODER
from gsv_runtime.model_files import GRAPH_FILE, joined_digest, weights_folder
from gsv_runtime.models.catalogue import (
    CATALOGUE_FILE,
    FIRST_NAME,
    Checkpoint,
    FineTune,
    read_catalogue,
    read_first,
    read_outdated,
    write_catalogue,
)
from gsv_runtime.settings import BUILD_FILE, read_build
from gsv_runtime.versions import ModelVersion

_MODULES = {SPEECH_TOKENIZER: "quantizer"}  # modules of an s2 that are not named as their stage is
_LOCK_FILE = ".lock"  # in the repository, of whoever changes it
_ID_BITS = 59  # of a digest: an id is a positive INT64 of 15 hexadecimal digits

OWN = tuple(model for model in MODELS if model.checkpoint)  # stages whose weights are a fine-tune's own

logger = logging.getLogger("gsv.build")


@contextmanager
def changing(repository: Path) -> Iterator[None]:
    """Enter alone: who builds, adds or removes waits for those who do so now."""
    repository.mkdir(parents=True, exist_ok=True)
    lock = FileLock(repository / _LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for another build of repository=%s", repository)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_added(repository: Path, name: str | None) -> bool:
    """Whether a build under this name adds to a repository, instead of building its first fine-tune.

    Raises:
        CheckpointError: it would add, and the first is not whole.
    """
    if not name or not (repository / BUILD_FILE).is_file():
        return False
    values: dict[str, Any] = {}
    with suppress(ValueError):
        values = json.loads((repository / BUILD_FILE).read_text(encoding="utf-8"))
    first = values.get("name", FIRST_NAME)
    if first != name and "facts" not in values:
        raise CheckpointError(
            f"the last build of {repository.name} did not end; run `make build` again for its first model, {first}, "
            f"and then add {name}"
        )
    return bool(first != name)


def weights_ids(stages: Iterable[StageBuild], builder: str) -> dict[str, int]:
    """Id of the weights of each checkpoint, by S1 and S2."""
    digests: dict[str, list[str]] = {S1: [], S2: []}
    for stage in stages:
        if stage.model.checkpoint:
            digests[stage.model.checkpoint].append(f"{stage.model.name} {stage.digest(builder)}")
    return {kind: int(joined_digest(sorted(each)), 16) >> (256 - _ID_BITS) for kind, each in digests.items()}


def checkpoints_of(folders: Mapping[str, Path], weights: Weights, ids: Mapping[str, int]) -> dict[str, Checkpoint]:
    """What was built from each checkpoint; `folders` says where each stage has it."""
    names, sizes = {S1: weights.files.t2s.name, S2: weights.files.sovits.name}, {S1: 0, S2: 0}
    for model in OWN:
        sizes[model.checkpoint] += sum(path.stat().st_size for path in built_files(folders[model.name]))
    return {kind: Checkpoint(ids[kind], names[kind], sizes[kind]) for kind in (S1, S2)}


def folders_of(repository: Path, ids: Mapping[str, int], first: Mapping[str, int]) -> dict[str, Path]:
    """Where each stage has the weights with these ids; those that the first has as well lie in its own place."""
    return {
        model.name: repository / model.name / "1" / _below(ids[model.checkpoint], first[model.checkpoint])
        for model in OWN
    }


def _below(weights: int, first: int) -> str:
    return "" if weights == first else weights_folder(weights)


def built_files(folder: Path) -> list[Path]:
    """What a build wrote into a stage's directory."""
    return [path for path in folder.iterdir() if path.is_file() and path.suffix != ".py"] if folder.is_dir() else []


def add_model(
    repository: Path,
    deployment: Deployment,
    directory: Path,
    name: str,
    version: ModelVersion | None = None,
    chosen: Chosen | None = None,
    pinned: bool = False,
) -> list[str]:
    """Build a fine-tune's own weights, and list it; a running server finds it at its next request.

    Args:
        repository: with a first fine-tune, built for a preset whose stages run in Python.
        deployment: that preset.
        directory: of the checkpoints.
        name: of the fine-tune.
        version: which, if the directory holds several.
        chosen: files that were named.
        pinned: whether a server is to load it at its start, and to keep it.

    Returns:
        Stages that were built; empty if all was up to date.

    Raises:
        CheckpointError: a checkpoint is missing, cannot be used, or does not go with what the repository has.
    """
    _check_name(repository, name)
    _check_preset(repository, deployment)
    weights = Weights(find_weights(directory, version, _with_base(chosen, repository)))
    check_pair(weights.files, weights.t2s.sizes, weights.sovits.sizes)
    stages, builder = stage_builds(weights, deployment), builder_digest()
    record = BuildRecord.read(
        repository, deployment.preset, t2s_quantisation(weights.files, deployment).precision.value
    )
    _check_shared(stages, builder, record)
    ids = weights_ids(stages, builder)
    folders = folders_of(repository, ids, {k: each.weights for k, each in read_first(repository).checkpoints.items()})
    whole = _whole_folders(repository)
    stale = [stage for stage in stages if stage.model in OWN and not whole(folders[stage.model.name])]
    swap = _swapping(repository, weights, deployment, builder)
    for stage in tqdm(stale, desc=f"add {name}", unit="stage", file=sys.stderr, disable=not stale):
        _write(stage, folders[stage.model.name], swap)
    added = FineTune(
        name=name,
        facts=weights.facts,
        checkpoints=checkpoints_of(folders, weights, ids),
        axes=weights.sizes,
        files={model.name: built_digest(folders[model.name]) for model in OWN},
        pinned=pinned,
    )
    known = read_catalogue(repository)
    write_catalogue(repository, {**known, name: added})
    remove_unlisted(repository)
    word = "replaced" if name in known and known[name].checkpoints != added.checkpoints else "added"
    logger.info("model %s name=%s file=%s", word, name, repository / CATALOGUE_FILE)
    return [stage.model.name for stage in stale]


def remove_model(repository: Path, name: str) -> None:
    """Take a fine-tune off the list, and remove the weights that no other has.

    Raises:
        CheckpointError: there is none of that name, or it is the first.
    """
    known = read_catalogue(repository)
    if name not in known and name not in read_outdated(repository):
        first = read_first(repository).name
        why = "is the first, which the repository is built around" if name == first else "is not in the repository"
        raise CheckpointError(f"model {name} {why}; `gsv models list` shows what can be removed")
    write_catalogue(repository, {other: each for other, each in known.items() if other != name}, forget=name)
    remove_unlisted(repository)


def remove_unlisted(repository: Path) -> None:
    """Remove weights that no fine-tune of the list has, one of another version of this code included."""
    listed = {weights_folder(each.weights) for tune in read_catalogue(repository).values() for each in _both(tune)}
    for values in read_outdated(repository).values():
        listed |= {weights_folder(each["weights"]) for each in values["checkpoints"].values()}
    for folder in repository.glob("*/1/weights/*"):
        if f"weights/{folder.name}" not in listed:
            shutil.rmtree(folder, ignore_errors=True)


def _both(fine_tune: FineTune) -> tuple[Checkpoint, Checkpoint]:
    return fine_tune.checkpoints[S1], fine_tune.checkpoints[S2]


def keep_shared(repository: Path, first: FineTune, ids: Mapping[str, int]) -> None:
    """Put the first fine-tune's weights aside before they are built anew, where others of the list share them."""
    for model in OWN:
        old = first.checkpoints[model.checkpoint].weights
        if old in (0, ids[model.checkpoint]):
            continue
        listed = read_catalogue(repository).values()
        shared = any(each.checkpoints[model.checkpoint].weights == old for each in listed)
        target = repository / model.name / "1" / weights_folder(old)
        if shared and not target.is_dir():
            target.mkdir(parents=True)
            for path in built_files(repository / model.name / "1"):
                path.rename(target / path.name)


def _check_name(repository: Path, name: str) -> None:
    """Refuse a name that only upper and lower case tell from another: the gateway's callers write them as they like."""
    known = [read_first(repository).name, *read_catalogue(repository), *read_outdated(repository)]
    alike = [other for other in known if other != name and other.lower() == name.lower()]
    if alike:
        raise CheckpointError(f"model {name} and {alike[0]} differ in upper and lower case only; choose another name")


def _whole_folders(repository: Path) -> Callable[[Path], bool]:
    """A function that says whether a folder of weights is there, and is as the fine-tune that lists it has it."""
    listed = {
        repository / model.name / "1" / weights_folder(each.checkpoints[model.checkpoint].weights): each.files
        for each in read_catalogue(repository).values()
        for model in OWN
    }

    def is_whole(folder: Path) -> bool:
        digest = listed.get(folder, {}).get(folder.parents[2].name)
        return folder.is_dir() and (digest is None or digest == built_digest(folder))

    return is_whole


def _check_preset(repository: Path, deployment: Deployment) -> None:
    if any(how.runtime is not Runtime.PYTHON for how in deployment.models.values()):
        raise CheckpointError(
            f"preset {deployment.preset} serves one model: its stages belong to Triton's own backends; build with "
            "PRESET=cpu or PRESET=cuda to have several"
        )
    built = json.loads((repository / BUILD_FILE).read_text(encoding="utf-8"))["preset"]
    if built != deployment.preset:
        raise CheckpointError(f"{repository.name} was built for preset {built}; add models with PRESET={built}")


def _with_base(chosen: Chosen | None, repository: Path) -> Chosen:
    """The encoders that the first was built with, unless others were named."""
    chosen = chosen or Chosen()
    base = json.loads((repository / BUILD_FILE).read_text(encoding="utf-8")).get("base", "")
    return chosen if chosen.base or not Path(base).is_dir() or not base else replace(chosen, base=Path(base))


def _check_shared(stages: Iterable[StageBuild], builder: str, record: BuildRecord) -> None:
    """Refuse encoders that are not those that the repository has.

    The table of tokens and phones is the first's: what a token means comes with its quantiser, which no fine-tune has
    of its own.
    """
    for stage in stages:
        built = record.stages.get(stage.model.name)
        if stage.model.checkpoint or stage.model is TTS or built == stage.digest(builder):
            continue
        if built is None:
            raise CheckpointError(
                f"this model needs {stage.model.name}, which the first has not; build one that has it first, such as "
                "a v2Pro or v2ProPlus"
            )
        raise CheckpointError(
            f"{stage.sources[0]} is another {stage.model.name} than the repository has, and all models share one; name "
            "the directory of the right one: make build BASE=dir; or, if the builder's code has changed, build the "
            "first again"
        )


def _write(stage: StageBuild, target: Path, swap: Callable[[StageBuild, Path], bool]) -> None:
    """Write a stage's files beside their place, and move them there at once; a graph is exported if none can be had."""
    new = target.with_name(f".new-{target.name}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        if not swap(stage, new):
            stage.write(new)
        shutil.rmtree(target, ignore_errors=True)  # where it is damaged
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _swapping(
    repository: Path, weights: Weights, deployment: Deployment, builder: str
) -> Callable[[StageBuild, Path], bool]:
    """A function that writes the first's graph of a stage with these weights, and says whether it could."""
    source = Path(read_build(repository).get("sovits", ""))
    if not source.is_file():
        return lambda stage, folder: False
    base = Weights(replace(weights.files, sovits=source))
    ids, first = weights_ids(stage_builds(base, deployment), builder), read_first(repository)
    if ids[S2] != first.checkpoints[S2].weights or base.sovits.sizes != weights.sovits.sizes:
        return lambda stage, folder: False

    def swap(stage: StageBuild, folder: Path) -> bool:
        if stage.model.checkpoint != S2 or deployment.precision_of(stage.model) is not Precision.FP32:
            return False
        graph, part = repository / stage.model.name / "1" / GRAPH_FILE, _MODULES.get(stage.model, stage.model.name)
        if not graph.is_file() or (stage.model is VOCODER and weights.vocoder is not None):
            return False  # a vocoder of another kind
        modules = (getattr(base.sovits.module, part), getattr(weights.sovits.module, part))
        return swap_weights(graph, *modules, stage.model, folder / GRAPH_FILE)

    return swap

"""Repositories of small random checkpoints, built for real, once, and shared by all tests that need graphs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from filelock import FileLock

from gsv_bench.stages import lay_out
from gsv_build import phone_table
from gsv_build.added_models import built_files
from gsv_build.build_record import builder_digest
from gsv_build.build_repository import build
from gsv_build.checks.random_checkpoints import write_random_checkpoints
from gsv_build.deployment import PRESETS
from gsv_build.stage_builds import StageBuild, Weights
from gsv_build.weights import find_weights
from gsv_runtime.model_files import LATENT_CODEC_FILE
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.tts.codec_file import read_codec, write_codec
from gsv_runtime.tts.synthesis.latent_codec import ENTRIES, MOST_STAGES, LatentCodec
from gsv_runtime.versions import ModelVersion

ROOT = Path(__file__).parents[1]
_RUN = StageBuild.run
_SPOKEN_TOKENS = 1000  # of what a network of noise says, more teaches nothing


def _kept(version: ModelVersion) -> Path:
    return ROOT / "var" / f"e2e-{version.value}"


@cache
def built_repository(version: ModelVersion) -> Path:
    """Build a repository of preset `cpu`; it is kept in var/ and built anew only where the builder changed."""
    kept = _kept(version)
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept / "lock"):  # the workers share it
        return _build_into(kept, version)


@cache
def built_weights(version: ModelVersion) -> Weights:
    """Give the checkpoints that such a repository was built from."""
    built_repository(version)
    return Weights(find_weights(_kept(version) / "weights", version))


def graph_of(version: ModelVersion, model: str) -> Path:
    """Give the float32 graph of a model of such a repository."""
    return built_repository(version) / model / "1" / "model.onnx"


def _build_into(kept: Path, version: ModelVersion) -> Path:
    weights, target = kept / "weights", kept / "model_repository"
    if not weights.is_dir():
        write_random_checkpoints(weights, version)
    lay_out(target, ROOT / "model_repository")
    with patch.object(phone_table, "_MAX_TOKENS", _SPOKEN_TOKENS), patch.object(StageBuild, "run", _run_once):
        build(target, PRESETS["cpu"], weights)
    codec = target / "tts" / "1" / LATENT_CODEC_FILE
    facts = CheckpointFacts.from_repository(target)
    if not codec.is_file() or read_codec(codec).weights_digest != facts.weights_digest:
        write_codec(codec, random_codec(facts.latent_dim, facts.weights_digest))
    return target


def _run_once(stage: StageBuild, repository: Path) -> None:
    """Build a stage where no repository has built the same: versions share their encoders and T2S."""
    builder, target = builder_digest(), repository / stage.model.name / "1"
    kept = ROOT / "var" / "e2e-stages" / builder / f"{stage.model.name}-{stage.digest(builder)}"
    for other in kept.parents[1].glob("*"):
        if other.name != builder:
            shutil.rmtree(other, ignore_errors=True)
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept / "lock"):
        if not (kept / "built").is_dir():
            _RUN(stage, repository)
            _copy(built_files(target), kept / "new")
            (kept / "new").rename(kept / "built")
        _copy(built_files(kept / "built"), target)


def _copy(files: Iterable[Path], target: Path) -> None:
    target.mkdir(exist_ok=True)
    for file in files:
        shutil.copyfile(file, target / file.name)


def random_codec(latent_dim: int, weights_digest: str, stages: int = MOST_STAGES) -> LatentCodec:
    """Give a codec that nobody trained: tables of noise, each smaller than the one before."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((latent_dim, latent_dim)))[0].astype(np.float32)
    scales = 0.95 ** np.arange(stages)[:, None, None]
    tables = (scales * rng.standard_normal((stages, ENTRIES, latent_dim))).astype(np.float16).astype(np.float32)
    return LatentCodec(np.full(latent_dim, 0.1, np.float32), turn, turn.T.copy(), tables, weights_digest, "")

"""`python -m gsv_build configs`: writes every model's config.pbtxt, or tells which ones have drifted."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from gsv_build.deployment import PRESETS, Deployment
from gsv_build.pbtxt import CheckpointSizes, render
from gsv_runtime.contract import MODELS
from gsv_runtime.model_files import CONFIG_FILE, DEFAULT_REPOSITORY

logger = logging.getLogger("gsv.build")


def rendered(deployment: Deployment, sizes: CheckpointSizes | None = None) -> dict[str, str]:
    """Model name to config.pbtxt text."""
    return {model.name: render(model, deployment, sizes) for model in MODELS}


def write_configs(repository: Path, deployment: Deployment, sizes: CheckpointSizes | None = None) -> None:
    """Write config.pbtxt of every model."""
    for name, text in rendered(deployment, sizes).items():
        path = repository / name / CONFIG_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def drifted(repository: Path, deployment: Deployment) -> list[str]:
    """Models whose config.pbtxt is missing or not what would be rendered."""
    names = []
    for name, text in rendered(deployment).items():
        path = repository / name / CONFIG_FILE
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            names.append(name)
    return names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not as rendered")


def run(arguments: argparse.Namespace) -> int:
    """Write or check; return the exit status."""
    deployment = PRESETS[arguments.preset]
    if arguments.check:
        names = drifted(arguments.repository, deployment)
        if names:
            logger.error("configs drifted models=%s; run `make configs`", ",".join(names))
        return 1 if names else 0
    write_configs(arguments.repository, deployment)
    logger.info("configs written repository=%s preset=%s", arguments.repository, deployment.preset)
    return 0

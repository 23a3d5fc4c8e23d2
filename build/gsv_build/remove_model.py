"""`python -m gsv_build remove`: take a fine-tune out of a repository."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from gsv_build.added_models import changing, remove_model
from gsv_build.checkpoints import CheckpointError
from gsv_runtime.model_files import DEFAULT_REPOSITORY

logger = logging.getLogger("gsv.build")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("model", help="name of the fine-tune")
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)


def run(arguments: argparse.Namespace) -> int:
    """Remove it; return the exit status."""
    try:
        if not arguments.repository.is_dir():
            raise CheckpointError(f"{arguments.repository} is not there; name the model repository by --repository")
        with changing(arguments.repository):
            remove_model(arguments.repository, arguments.model)
    except (CheckpointError, ValueError, OSError) as failure:
        logger.error("%s", failure)
        return 1
    logger.info("model removed name=%s repository=%s", arguments.model, arguments.repository)
    return 0

"""Command line of the judges."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from gsv_judge.hear import hear_folder
from gsv_judge.whisper import MODELS, Whisper


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m gsv_judge`."""
    top = argparse.ArgumentParser(prog="python -m gsv_judge", description="Judge speech by independent ears.")
    commands = top.add_subparsers(dest="command", required=True)
    hear = commands.add_parser("hear", help="what Whisper understands of a training corpus, resumable")
    hear.add_argument("folder", type=Path, help="shards of `python -m gsv_demo data`")
    hear.add_argument("shards", nargs="*", help="names of shards; all that nobody has heard, where none is given")
    hear.add_argument("--model", choices=MODELS, default="base")
    hear.add_argument("--threads", type=int, default=1)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0 when done."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    asked = parser().parse_args(argv)
    hear_folder(asked.folder, asked.shards, lambda: Whisper(asked.model, asked.threads))
    return 0


if __name__ == "__main__":
    sys.exit(main())

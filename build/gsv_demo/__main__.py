"""Command line: make the corpus, train the demo voice, write its weights."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch

from gsv_demo.export import import_weights
from gsv_demo.recipe import RECIPES
from gsv_demo.train import STAGES, Workplace, run_all, run_stage, shortened

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m gsv_demo`."""
    top = argparse.ArgumentParser(prog="python -m gsv_demo", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    data = commands.add_parser("data", help="synthesise the corpus, resumable")
    train = commands.add_parser("train", help="train from nothing, or go on where it stopped")
    for command in (data, train):
        command.add_argument("--folder", type=Path, default=_ROOT / "var" / "training", help="corpus and checkpoints")
        command.add_argument("--recipe", choices=sorted(RECIPES), default="shipped", help="sizes, steps and batches")
    train.add_argument("--weights", type=Path, help="directory for the official files; default <folder>/weights")
    train.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    train.add_argument("--steps", type=int, help="at most so many steps of each stage")
    train.add_argument("--stage", choices=STAGES, help="only this stage")
    train.add_argument("--from-weights", type=Path, help="start s1 and s2 from exported weights, not at random")
    return top


def main() -> None:
    """Run what the command line asks for."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    asked = parser().parse_args()
    recipe = RECIPES[asked.recipe]
    if asked.command == "data":
        run_stage("data", recipe, Workplace(asked.folder, asked.folder / "weights", "cpu"))
        return
    if asked.steps:
        recipe = shortened(recipe, asked.steps)
    place = Workplace(asked.folder, asked.weights or asked.folder / "weights", asked.device)
    if asked.from_weights:
        import_weights(asked.from_weights, place.run, recipe)
    if asked.stage:
        run_stage(asked.stage, recipe, place)
        return
    arguments = ["--folder", str(place.folder), "--weights", str(place.weights), "--device", place.device]
    arguments += ["--recipe", asked.recipe, *(["--steps", str(asked.steps)] if asked.steps else [])]
    run_all(arguments)


if __name__ == "__main__":
    main()

"""Command line: make the corpus, train the demo voice, write its weights."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from gsv_demo import harvest, packing, references

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m gsv_demo`."""
    top = argparse.ArgumentParser(prog="python -m gsv_demo", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    data = commands.add_parser("data", help="let the teachers speak the corpus, and a judge listen to it; resumable")
    data.add_argument("--unjudged", action="store_true", help="no judge listens")
    pack = commands.add_parser("pack", help="pack the corpus small, in parts, for a machine that trains")
    pack.add_argument("--out", type=Path, help="folder of the parts; default <folder>/packed")
    pack.add_argument("--part-mib", type=float, default=36.0, help="largest size of a part")
    unpack = commands.add_parser("unpack", help="unpack the parts that have arrived")
    unpack.add_argument("parts", type=Path, help="folder of the parts")
    originals = commands.add_parser("originals", help="held-out texts as the teachers say them, a folder to judge")
    originals.add_argument("out", type=Path, help="folder for clips, references/ and texts.txt")
    train = commands.add_parser("train", help="train from nothing, or go on where it stopped")
    for command in (data, pack, unpack, originals, train):
        command.add_argument("--folder", type=Path, default=_ROOT / "var" / "training", help="corpus and checkpoints")
    train.add_argument(
        "--recipe", choices=("natural", "shipped", "words", "smoke"), default="natural", help="sizes and steps"
    )
    train.add_argument("--weights", type=Path, help="directory for the official files; default <folder>/weights")
    train.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    train.add_argument("--steps", type=int, help="at most so many steps of each stage")
    train.add_argument("--seconds", type=float, help="train so long in all; each stage gets its share")
    train.add_argument("--stage", help="only this stage: data, content, autoencoder, bert, codes, language_model, ...")
    train.add_argument("--from-weights", type=Path, help="start s1 and s2 from exported weights, not at random")
    return top


def main() -> None:
    """Run what the command line asks for."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    asked = parser().parse_args()
    if asked.command == "data":  # in the teachers' environment, which has none of what training needs
        harvest.make(asked.folder, judged=not asked.unjudged)
    elif asked.command == "pack":
        packing.pack(asked.folder, asked.out or asked.folder / "packed", asked.part_mib)
    elif asked.command == "unpack":
        packing.unpack(asked.parts, asked.folder)
    elif asked.command == "originals":
        count = references.write_originals(asked.folder / "corpus", asked.out)
        logging.info("%d clips in %s; next: python -m gsv_judge judge %s", count, asked.out, asked.out)
    else:
        _train(asked)


def _train(asked: argparse.Namespace) -> None:
    """Train all stages, or one."""
    import torch

    from gsv_demo import train
    from gsv_demo.export import import_weights

    device = asked.device or ("cuda" if torch.cuda.is_available() else "cpu")
    recipe = train.planned(asked.recipe, device, asked.seconds, asked.steps)
    place = train.Workplace(asked.folder, asked.weights or asked.folder / "weights", device)
    if asked.from_weights:
        import_weights(asked.from_weights, place.run, recipe)
    if asked.stage:
        train.run_stage(asked.stage, recipe, place)
        return
    arguments = ["--folder", str(place.folder), "--weights", str(place.weights), "--device", place.device]
    arguments += ["--recipe", asked.recipe, *(["--steps", str(asked.steps)] if asked.steps else [])]
    arguments += ["--seconds", str(asked.seconds)] if asked.seconds else []
    train.run_all(arguments)


if __name__ == "__main__":
    main()

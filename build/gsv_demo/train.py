"""From nothing to weights: corpus, content encoder and codes, then s1 beside s2, then official files.

Every stage resumes from its checkpoint, so that an interrupted training goes on with the same command.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from gsv_demo import corpus as corpora
from gsv_demo import harvest, recordings
from gsv_demo.autoencoder import train_autoencoder
from gsv_demo.bert import train_bert
from gsv_demo.content import Listener, train_content
from gsv_demo.corpus import Corpus
from gsv_demo.export import export_weights
from gsv_demo.labels import make_labels
from gsv_demo.language_model import train_language_model
from gsv_demo.reading import read_corpus
from gsv_demo.recipe import RECIPES, Recipe, Stage
from gsv_demo.references import write_natural_references, write_references
from gsv_demo.run import load_modules
from gsv_demo.synthesis import train_prior, train_synthesis
from gsv_demo.tokens import tokenize_corpus

LOG = logging.getLogger(__name__)
# Rows follow one another; chains of one row run side by side, the stages of a chain one after the other.
ORDER = (
    (("data",),),
    (("content",), ("autoencoder",), ("bert",)),
    (("codes",),),
    (("language_model",), ("prior", "synthesis")),
    (("export",),),
)
STAGES = tuple(stage for row in ORDER for chain in row for stage in chain)


@dataclasses.dataclass(frozen=True)
class Workplace:
    """Where a training keeps its things.

    Attributes:
        folder: of everything below.
        weights: directory that the official files are written to.
        device: "cpu" or "cuda".
    """

    folder: Path
    weights: Path
    device: str

    @property
    def run(self) -> Path:
        """Checkpoints and scalars."""
        return self.folder / "run"

    def corpus(self) -> Corpus:
        """The corpus, read back."""
        return corpora.load(self.folder / "corpus")


def run_stage(stage: str, recipe: Recipe, place: Workplace) -> None:
    """Run one stage to its end, from its checkpoint when it has one."""
    LOG.info("stage begins stage=%s folder=%s device=%s", stage, place.folder, place.device)
    torch.manual_seed(recipe.seed)
    if place.device == "cuda":
        torch.set_float32_matmul_precision("high")  # TensorFloat-32
        torch.backends.cudnn.benchmark = True
    if stage == "data":
        _make_data(recipe, place)
    elif stage == "content":
        corpus = place.corpus()
        labels = make_labels(corpus, place.folder / "labels.npz", place.device)
        train_content(corpus, labels, recipe, place.run, place.device)
    elif stage == "autoencoder":
        train_autoencoder(place.corpus(), recipe, place.run, place.device)
    elif stage == "bert":
        train_bert(recipe, place.run, place.device)
    elif stage == "export":
        export_weights(place.run, place.weights, recipe)
        if recipe.natural:
            write_natural_references(place.folder / "corpus", place.weights / "references")
        else:
            write_references(place.weights / "references")
    else:
        _run_coded_stage(stage, recipe, place)


def _make_data(recipe: Recipe, place: Workplace) -> None:
    """Join what there is of the corpus and read its phones; flite's is made first, the teachers' hours are not."""
    corpus = place.folder / "corpus"
    if not recipe.natural:
        part = harvest.FlitePart(recipe.english_texts, recipe.short_texts)
        harvest.make(place.folder, [part], judged=False)
    elif not recordings.names(corpus):
        raise FileNotFoundError(f"{corpus} holds no speech; make it with .venv-judges/bin/python -m gsv_demo data")
    read_corpus(place.corpus(), place.folder / "phones.json")


def _run_coded_stage(stage: str, recipe: Recipe, place: Workplace) -> None:
    """Stages that need the codes; the first of them, `codes`, makes them."""
    listener = Listener(recipe.hubert, recipe.sovits).to(place.device).eval()
    load_modules(place.run / "content.pt", {"listener": listener})
    corpus = place.corpus()
    codes = tokenize_corpus(corpus, listener.hubert, listener.quantizer, place.folder / "tokens.npz")
    readings = read_corpus(corpus, place.folder / "phones.json")
    if stage == "prior":
        train_prior(corpus, readings, codes, recipe, place.run, place.device)
    elif stage == "synthesis":
        train_synthesis(corpus, readings, codes, recipe, place.run, place.device)
    elif stage == "language_model":
        train_language_model(corpus, readings, codes, recipe, place.run, place.device)


def planned(name: str, device: str, seconds: float | None = None, steps: int | None = None) -> Recipe:
    """A recipe of `RECIPES` as it is trained.

    Args:
        name: of the recipe.
        device: "cpu" or "cuda".
        seconds: train so long in all; each stage gets its share.
        steps: at most so many steps of each stage.
    """
    recipe = RECIPES[name].on(device)  # first: the others change what it says of the device's stages
    recipe = recipe.within(seconds) if seconds else recipe
    return shortened(recipe, steps) if steps else recipe


def run_all(arguments: list[str]) -> None:
    """Run every stage in its turn, each as a process of its own: `python -m gsv_demo train --stage ... <arguments>`.

    Raises:
        RuntimeError: a stage failed; its own output says why. Those beside it are ended.
    """
    for row in ORDER:
        threads = max(1, (os.cpu_count() or 1) // len(row))
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        under_way: dict[str, subprocess.Popen[bytes]] = {}
        failed: list[str] = []
        with ThreadPoolExecutor(len(row)) as pool:
            for chain in row:
                pool.submit(_run_chain, chain, arguments, environment, under_way, failed)
        if failed:
            raise RuntimeError(f"{failed[0]} failed; see above, then run the same command again to go on")


def _run_chain(
    chain: Sequence[str],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    under_way: dict[str, subprocess.Popen[bytes]],
    failed: list[str],
) -> None:
    """Run stages one after the other; the first that fails is named in `failed`, and what is under way is ended."""
    for stage in chain:
        if failed:
            return
        command = [sys.executable, "-m", "gsv_demo", "train", "--stage", stage, *arguments]
        under_way[stage] = subprocess.Popen(command, env=environment)
        if under_way[stage].wait() != 0:
            failed.append(stage)
            for process in list(under_way.values()):
                process.terminate()
            return


def shortened(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with at most `steps` steps in every stage."""
    stages = {
        field.name: dataclasses.replace(stage, steps=min(stage.steps, steps))
        for field in dataclasses.fields(recipe)
        if isinstance(stage := getattr(recipe, field.name), Stage)
    }
    return dataclasses.replace(recipe, **stages)  # type: ignore[arg-type]

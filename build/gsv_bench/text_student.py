"""A text student beside the BERT that it stands for: milliseconds and megabytes, by turns, with random weights.

`python -m gsv_bench --only text-student --json`. How alike both are is in the report of `make compress`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gsv_build import checkpoints
from gsv_build.export import export_graph
from gsv_build.modules.bert import Bert
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import BertSizes
from gsv_compress.chinese_texts import training_texts
from gsv_compress.text_student import student_sizes, train_pieces
from gsv_runtime import contract
from gsv_runtime.graphs.opening import OpenedStage, open_graph
from gsv_runtime.graphs.text_piece_stage import TextPieces
from gsv_runtime.graphs.text_pieces import PIECE_FEATURES
from gsv_runtime.model_files import GRAPH_FILE, PIECE_FILE, PIECE_GRAPH_FILE, VOCABULARY_FILE
from gsv_runtime.settings import ONNX_RUNTIME, OnnxStageSettings
from gsv_runtime.tensors import Array

DEMO_BERT = Path(__file__).resolve().parents[1] / "gsv_demo" / "weights" / "chinese-roberta-wwm-ext-large"
TEXT = "今天天气很好，我们一起去公园看看那些新开的花吧。"
_TEXTS = 1500  # that pieces are found in
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_CALLS = 5  # of each side in a round


def prepare(name: str, sizes: BertSizes, vocabulary: list[str], texts: list[str], work: Path) -> dict[str, Path]:
    """Write both graphs of one size, once; folders by side."""
    folders = {side: work / f"{name}-{side}" for side in ("bert", "student")}
    if folders["student"].joinpath(PIECE_GRAPH_FILE).is_file():
        return folders
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    axes = {"bert_dim": sizes.hidden}
    export_graph(Bert(sizes), contract.BERT, folders["bert"] / GRAPH_FILE, axes)
    pieces = train_pieces(texts, student_sizes(sizes).pieces)
    (folders["student"] / PIECE_FILE).write_text(pieces, encoding="utf-8")
    (folders["student"] / VOCABULARY_FILE).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    student = TextStudent(student_sizes(sizes, TextPieces.open(folders["student"]).count))
    export_graph(student, PIECE_FEATURES, folders["student"] / PIECE_GRAPH_FILE, axes)
    return folders


def beside(folders: dict[str, Path], token_ids: Array, threads: int, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a text by turns, medians, and megabytes of each side's files."""
    settings = OnnxStageSettings(threads, "cpu", "", ONNX_RUNTIME)
    stages = {side: open_graph(contract.BERT, folder, settings) for side, folder in folders.items()}
    times: dict[str, list[float]] = {side: [] for side in stages}
    for stage in stages.values():
        stage.warm_up()
    for _ in range(rounds):
        for side, stage in stages.items():
            times[side].append(min(_took_ms(stage, token_ids) for _ in range(_CALLS)))
    return {side: {"ms": statistics.median(times[side]), "mb": _megabytes(folder)} for side, folder in folders.items()}


def _took_ms(stage: OpenedStage, token_ids: Array) -> float:
    request = {"bert_token_ids": token_ids[np.newaxis], "character_lengths": np.array([[token_ids.size]])}
    began_s = time.perf_counter()
    stage.run([request])
    return (time.perf_counter() - began_s) * 1e3


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != VOCABULARY_FILE) / 1e6


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    group.add_argument("--text-sizes", nargs="+", choices=("demo", "large"), default=["demo", "large"])
    group.add_argument("--text-student-rounds", type=int, default=15)
    group.add_argument("--text-threads", type=int, default=1)


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return a table and the values."""
    texts = training_texts(_TEXTS, None)
    characters = sorted({character for text in [*texts, TEXT] for character in text})
    found = {}
    for name in arguments.text_sizes:
        sizes = BertSizes() if name == "large" else checkpoints.load_bert(DEMO_BERT).sizes
        vocabulary = [*_SPECIAL, *characters][: sizes.vocabulary]
        folders = prepare(name, sizes, vocabulary, texts, Path("var/bench/text-student"))
        known = {character: index for index, character in enumerate(vocabulary)}
        ids = [known["[CLS]"], *(known.get(each, known["[UNK]"]) for each in TEXT), known["[SEP]"]]
        found[name] = beside(folders, np.array(ids), arguments.text_threads, arguments.text_student_rounds)
    lines = [
        f"{len(TEXT)} characters, {arguments.text_threads} thread(s), random weights.",
        "",
        "| teacher | its ms | student's ms | times as fast | teacher, MB | student, MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, row in found.items():
        bert, student = row["bert"], row["student"]
        lines.append(
            f"| {name} | {bert['ms']:.2f} | {student['ms']:.2f} | {bert['ms'] / student['ms']:.1f} "
            f"| {bert['mb']:.1f} | {student['mb']:.1f} |"
        )
    return "\n".join(lines), {"text_student": found}

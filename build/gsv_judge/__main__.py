"""Command line of the judges."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from gsv_judge import report, run_files
from gsv_judge.clips import Clip, read_folder
from gsv_judge.hear import hear_folder
from gsv_judge.judges import Panel, RealPanel
from gsv_judge.judging import Judging
from gsv_judge.measures import KINDS
from gsv_judge.run_files import JUDGED, JudgedRun
from gsv_judge.speakers import pairs, to_references
from gsv_judge.summary import beside_aligned, differences, figures
from gsv_judge.whisper import MODELS, Whisper

PAGE = "judged.html"


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m gsv_judge`."""
    top = argparse.ArgumentParser(prog="python -m gsv_judge", description="Judge speech by independent ears.")
    commands = top.add_subparsers(dest="command", required=True)
    judge = commands.add_parser("judge", help="judge a folder of clips")
    judge.add_argument("folder", type=Path, help="audio with a manifest.json, or with NAME.txt beside each NAME.wav")
    judge.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    judge.add_argument("--first", type=int, help="only so many clips")
    judge.add_argument("--whisper", choices=MODELS, default="base")
    judge.add_argument("--threads", type=int, default=2, help="of the CPU, for Whisper")
    judge.add_argument("--json", action="store_true", help="print JSON in place of the table")
    speak = commands.add_parser("speak", help="let a running server speak texts into a folder")
    speak.add_argument("folder", type=Path, help="where the clips go; judge them next")
    speak.add_argument("--url", default="localhost:8001", help="of the server, gRPC or http://")
    speak.add_argument("--texts", type=Path, required=True, help="a file with a text a line")
    speak.add_argument("--language", default="en", choices=("en", "zh", "ja"))
    speak.add_argument("--references", type=Path, required=True, help="folder with references.json: who is imitated")
    speak.add_argument("--streaming", nargs="+", default=["chunk"], choices=("off", "sentence", "chunk"),
                       help="several: each is judged beside the first, sample by sample")  # fmt: skip
    speak.add_argument("--originals", type=Path, help="folder of the same texts by the imitated voices, for the melody")
    speak.add_argument("--seed", type=int, default=1)
    speak.add_argument("--retries", type=int, help="times that a sentence at fault is said again; the server's default")
    speak.add_argument("--watch-words", action="store_true", help="words swallowed or said twice are faults, too")
    compare = commands.add_parser("compare", help="two judged folders side by side, second minus first")
    compare.add_argument("first", type=Path)
    compare.add_argument("second", type=Path)
    compare.add_argument("--page", type=Path, help="where the page goes; default judged-beside.html in the second")
    compare.add_argument("--json", action="store_true", help="print JSON in place of the table")
    hear = commands.add_parser("hear", help="what Whisper understands of a training corpus, resumable")
    hear.add_argument("folder", type=Path, help="shards of `python -m gsv_demo data`")
    hear.add_argument("shards", nargs="*", help="names of shards; all that nobody has heard, where none is given")
    hear.add_argument("--model", choices=MODELS, default="base")
    hear.add_argument("--threads", type=int, default=1)
    return top


def judge_clips(name: str, clips: Sequence[Clip], panel: Panel, kinds: Sequence[str] = KINDS) -> JudgedRun:
    """Judge clips and sum up.

    Args:
        name: of the run, in tables.
        clips: to judge.
        panel: the judges.
        kinds: of `measures.KINDS`.
    """
    judging = Judging(panel, kinds)
    rows = judging.judge(clips)
    aligned = {clip.name: clip.aligned.stem for clip in clips if clip.aligned is not None}
    beside = beside_aligned(rows, aligned)
    speaking = [clip for clip in clips if clip.speaker and clip.reference is not None]
    if not speaking or "speakers" not in kinds:
        return JudgedRun(name, rows, figures(rows), beside=beside)
    vectors = [(clip.speaker, judging.embedding(clip.audio)) for clip in speaking]
    references = {clip.speaker: judging.embedding(clip.reference) for clip in speaking if clip.reference is not None}
    return JudgedRun(name, rows, figures(rows), pairs(vectors), to_references(vectors, references), beside)


def _judge(asked: argparse.Namespace, panel: Panel) -> str:
    folder: Path = asked.folder
    run = judge_clips(folder.resolve().name, read_folder(folder)[: asked.first], panel, tuple(asked.only))
    run_files.save(run, folder / JUDGED)
    (folder / PAGE).write_text(report.page([run]), encoding="utf-8")
    logging.info("written %s and %s", folder / JUDGED, folder / PAGE)
    return json.dumps(run_files.as_json(run)["figures"]) if asked.json else report.table(run)


def _compare(asked: argparse.Namespace) -> str:
    first, second = run_files.load(asked.first), run_files.load(asked.second)
    found = differences(first.rows, second.rows)
    target = asked.page or (asked.second if asked.second.is_dir() else asked.second.parent) / "judged-beside.html"
    target.write_text(report.page([first, second], found), encoding="utf-8")
    logging.info("written %s", target)
    if asked.json:
        return json.dumps({key: vars(figure) for key, figure in found.items()})
    return report.comparison(first, second, found)


def _speak(asked: argparse.Namespace) -> str:
    from gsv_client import Client
    from gsv_judge import speaking

    sayings = speaking.in_turn(
        speaking.read_texts(asked.texts), asked.language, speaking.read_speakers(asked.references)
    )
    if asked.originals:
        sayings = speaking.with_originals(sayings, asked.originals)
    with Client(asked.url) as client:
        options = {} if asked.retries is None else {"retries": asked.retries}
        options |= {"timestamps": "word"} if asked.watch_words else {}
        clips = speaking.speak(client, sayings, asked.folder, asked.streaming, asked.seed, **options)
    return f"{len(clips)} clips in {asked.folder}; next: python -m gsv_judge judge {asked.folder}"


def main(argv: Sequence[str] | None = None, panel: Panel | None = None) -> int:
    """Run what the command line asks for; 0 when done, 1 when it could not be."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)
    asked = parser().parse_args(argv)
    try:
        if asked.command == "hear":
            hear_folder(asked.folder, asked.shards, lambda: Whisper(asked.model, asked.threads))
            return 0
        if asked.command == "compare":
            told = _compare(asked)
        elif asked.command == "speak":
            told = _speak(asked)
        else:
            told = _judge(asked, panel or RealPanel(asked.whisper, asked.threads))
    except (ValueError, ModuleNotFoundError) as problem:
        logging.error("%s", problem)
        return 1
    sys.stdout.write(told + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How much must speak for a fault before it is told: chosen on texts and voices that `teacher_words` does not judge by.

`python -m gsv_bench --only word-limits --json`. No server. As in `teacher_words` a word of each text is cut out of the
tokens, or doubled. Of all pairs of limits that give few false alarms, the one is told that finds most. The limits in
`gsv_runtime.tts.synthesis.word_faults` are these, rounded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gsv_bench.teacher_words import TaughtSentence, damaged, flites_lessons, learned_table, taught
from gsv_build.stage_builds import Weights
from gsv_build.weights import find_weights
from gsv_runtime.contract import REPEATED, SWALLOWED
from gsv_runtime.tensors import Array
from gsv_runtime.tts.synthesis.alignment import PhoneTable
from gsv_runtime.tts.synthesis.word_faults import WordWatch

VOICES = ("slt", "kal16")
TEXTS_SEED = 77
_MOST_FALSE_ALARMS = 0.006  # of the good takes; asked for is 0.01 of others
_DIFFERENCES = np.arange(-8.0, 8.5, 0.5)  # between the two limits that are tried
_NOTHING = -99.0


@dataclass(frozen=True)
class Limits:
    """Evidence that is needed, and what it gave where it was chosen."""

    swallowed: float
    repeated: float
    takes: int
    found_swallowed: float
    found_repeated: float


def evidence(table: PhoneTable, sentences: Sequence[TaughtSentence]) -> dict[str, Array]:
    """What speaks for each kind of fault in good takes and damaged ones.

    Returns:
        By what was done to the takes, "" for nothing: [takes, 2], the most for a swallowed word and for a repeated one.
    """
    draw = np.random.default_rng(TEXTS_SEED)
    rows: dict[str, list[list[float]]] = {"": [], SWALLOWED: [], REPEATED: []}
    for said in sentences:
        watch = WordWatch(table, said.sentence.phones, said.sentence.words)
        number = int(draw.choice([index for index, span in enumerate(said.spans_s) if span]))
        for done, tokens in {"": said.tokens, **damaged(said, number)}.items():
            found = watch.evidence(tokens)
            rows[done].append(
                [
                    max((each.score for each in found if each.fault.kind == kind), default=_NOTHING)
                    for kind in (SWALLOWED, REPEATED)
                ]
            )
    return {done: np.array(each) for done, each in rows.items()}


def chosen(found: dict[str, Array]) -> Limits:
    """The limits that find most, of those with few false alarms."""
    tried = [_with_difference(found, float(difference)) for difference in _DIFFERENCES]
    return max(tried, key=lambda limits: limits.found_swallowed + limits.found_repeated)


def _with_difference(found: dict[str, Array], difference: float) -> Limits:
    """The least limits of that difference, swallowed less repeated, with few false alarms."""
    best = {done: np.maximum(scores[:, 0], scores[:, 1] + difference) for done, scores in found.items()}
    good = np.sort(best[""])[::-1]
    limit = float(good[int(_MOST_FALSE_ALARMS * good.size)])
    shares = [round(float((best[kind] > limit).mean()), 4) for kind in (SWALLOWED, REPEATED)]
    return Limits(round(limit, 1), round(limit - difference, 1), good.size, *shares)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--limits-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--limits-texts", type=int, default=300, help="at most")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Choose; return Markdown for people and values for machines."""
    weights = Weights(find_weights(arguments.limits_weights))
    sentences = list(taught(weights, flites_lessons(arguments.limits_texts, TEXTS_SEED, VOICES)))
    limits = chosen(evidence(learned_table(weights), sentences))
    return (
        f"Swallowed above {limits.swallowed}, repeated above {limits.repeated}: found {limits.found_swallowed:.1%} and "
        f"{limits.found_repeated:.1%} of {limits.takes} takes.",
        {"word_limits": asdict(limits)},
    )

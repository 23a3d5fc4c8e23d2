"""Chinese words with their parts of speech, as jieba's tagger `posseg` cuts them; for ``frontend=upstream``.

Words of the dictionary are those of `rjieba`. What stands between them in single characters is cut and tagged by a
hidden Markov model whose states are a place in a word (B, M, E, S) and a part of speech. Its tables (8 MB) come from
an installed jieba, jieba_fast or jieba_next, of which no code is run; without one, `rjieba` cuts unknown words in
another way.

Source: jieba 0.42 `posseg` for which characters the model sees; the algorithm is A. Viterbi, "Error bounds for
convolutional codes", 1967.
"""

from __future__ import annotations

import functools
import importlib.util
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rjieba

from gsv_runtime.text.g2p.chinese_sandhi import Tagged

State = tuple[str, str]  # place in a word, part of speech

PACKAGES = ("jieba_fast", "jieba", "jieba_next")
_NEVER = -3.14e100  # of a character that a state has not been seen with
_BLOCK = re.compile("([\u4e00-\u9fd5a-zA-Z0-9+#&._]+)")
_HAN = re.compile("([\u4e00-\u9fd5]+)")
_UNKNOWN = "x"


@dataclass(frozen=True)
class _Model:
    """Logarithms of probabilities, and the states that a character has been seen in."""

    states: Mapping[str, tuple[State, ...]]
    start: Mapping[State, float]
    steps: Mapping[State, Mapping[State, float]]
    characters: Mapping[State, Mapping[str, float]]


@functools.cache
def _model() -> _Model | None:
    """The tables of the first package that is installed."""
    for package in PACKAGES:
        found = importlib.util.find_spec(package)
        folder = Path(found.origin).parent / "posseg" if found is not None and found.origin else None
        if folder is not None and (folder / "prob_emit.py").is_file():
            names = ("char_state_tab", "prob_start", "prob_trans", "prob_emit")
            return _Model(*(_table(folder / f"{name}.py") for name in names))
    return None


def _table(path: Path) -> Any:
    """The one dictionary of a module that holds nothing else; its package is not imported."""
    spec = importlib.util.spec_from_file_location(f"posseg_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.P


def missing() -> tuple[str, ...]:
    """What is not there of the tables."""
    if _model() is not None:
        return ()
    return (
        f"none of {', '.join(PACKAGES)} is installed: Mandarin words that are in no dictionary are cut otherwise than "
        "upstream cuts them, and have another tone in 2 % of sentences; pip install gsv-runtime[upstream]",
    )


def tagged(clause: str) -> list[Tagged]:
    """Cut a clause into words and marks, each with its part of speech."""
    model = _model()
    return rjieba.tag(clause) if model is None else list(_words(clause, model))


def _words(clause: str, model: _Model) -> Iterator[Tagged]:
    for block in _BLOCK.split(clause):
        if not _BLOCK.fullmatch(block):
            yield from ((char, _UNKNOWN) for char in block)
            continue
        single = ""
        for word, tag in rjieba.tag(block, False):
            if len(word) == 1:
                single += word
                continue
            yield from _of_singles(single, model)
            single = ""
            yield word, tag
        yield from _of_singles(single, model)


def _of_singles(text: str, model: _Model) -> Iterator[Tagged]:
    """What the dictionary leaves in single characters."""
    if len(text) <= 1 or rjieba.has_word(text):
        for char in text:
            yield char, rjieba.tag(char, False)[0][1]
        return
    for part in _HAN.split(text):
        if _HAN.fullmatch(part):
            yield from _likeliest(part, model)
        elif part:
            yield part, "m" if re.match("[.0-9]", part) else "eng" if part.isalnum() else _UNKNOWN


def _likeliest(text: str, model: _Model) -> Iterator[Tagged]:
    """Words and tags on the likeliest path through the states."""
    begin = 0
    path = _path(text, model)
    for index, (place, tag) in enumerate(path):
        if place == "B":
            begin = index
        elif place in ("E", "S"):
            yield text[begin if place == "E" else index : index + 1], tag
            begin = index + 1
    if begin < len(text):
        yield text[begin:], path[begin][1]


def _path(text: str, model: _Model) -> list[State]:
    """A state for each character."""
    everything = tuple(model.steps)

    def emitted(state: State, char: str) -> float:
        return model.characters[state].get(char, _NEVER)

    best = {state: model.start[state] + emitted(state, text[0]) for state in model.states.get(text[0], everything)}
    came_from: list[dict[State, State]] = []
    for char in text[1:]:
        before = [state for state in best if model.steps[state]]
        reached = {following for state in before for following in model.steps[state]}
        here = set(model.states.get(char, everything)) & reached or reached or set(everything)
        chosen = {
            state: max(
                (best[last] + model.steps[last].get(state, -math.inf) + emitted(state, char), last) for last in before
            )
            for state in here
        }
        came_from.append({state: last for state, (_, last) in chosen.items()})
        best = {state: likelihood for state, (likelihood, _) in chosen.items()}
    states = [max((likelihood, state) for state, likelihood in best.items())[1]]
    for step in reversed(came_from):
        states.append(step[states[-1]])
    return states[::-1]

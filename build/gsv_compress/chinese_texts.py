"""Chinese that a text student learns from: the user's own lines, or patterns and chains of words that no one wrote."""

from __future__ import annotations

import random
from pathlib import Path

from gsv_demo import texts

_PATTERNED = 1_500  # of our sentences, which are of few words; the rest are chains
_SEED, _HELD_OUT_SEED = 72_000, 73_000
_HELD_OUT = 60


def training_texts(count: int, own: Path | None) -> list[str]:
    """Texts to learn from.

    Args:
        count: how many.
        own: a file with a text a line; None: ours.

    Raises:
        ValueError: the file has no text.
    """
    if own is not None:
        lines = _lines(own)
        return lines[_held_out_of(lines) :][:count]
    patterned = texts.training("zh", min(count // 2, _PATTERNED), _SEED)
    rng = random.Random(_SEED)
    return [*patterned, *(chain(rng) for _ in range(count - len(patterned)))]


def held_out_texts(own: Path | None) -> list[str]:
    """Texts that no student learns from; see `training_texts`."""
    if own is not None:
        lines = _lines(own)
        return lines[: _held_out_of(lines)]
    rng = random.Random(_HELD_OUT_SEED)
    half = _HELD_OUT // 2
    return [*texts.held_out("zh", half), *(chain(rng) for _ in range(half))]


def chain(rng: random.Random) -> str:
    """A sentence of words that stand together by chance, so that every character is met."""
    words = _words()
    clauses = ["".join(rng.choice(words) for _ in range(rng.randint(1, 4))) for _ in range(rng.randint(1, 3))]
    return "，".join(clauses) + rng.choice("。。。？！")


def _words() -> list[str]:
    from pypinyin.phrases_dict import phrases_dict

    return list(phrases_dict)


def _lines(file: Path) -> list[str]:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(lines) < 2:
        raise ValueError(f"{file} has {len(lines)} texts; need 2 at least, better thousands, a text a line")
    return lines


def _held_out_of(lines: list[str]) -> int:
    return min(_HELD_OUT, max(1, len(lines) // 10))

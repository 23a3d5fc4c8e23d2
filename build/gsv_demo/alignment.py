"""Where each phone of our front end is spoken, from when flite says that it spoke its own phones.

The two read a text with different dictionaries, so their phones are matched as strings are: by the cheapest edits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gsv_demo.arrays import Array

_VOWELS = frozenset("aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw".split())
_SKIP_COST = 1.0


def _cost(ours: str, theirs: str) -> float:
    """Cost of taking flite's phone for one of ours."""
    if ours == theirs or (ours == "ah" and theirs == "ax"):
        return 0.0
    if not ours.isalpha() or theirs == "pau":
        return 0.0 if not ours.isalpha() and theirs == "pau" else 3.0
    return 0.7 if (ours in _VOWELS) == (theirs in _VOWELS) else 1.9


def plain(phone: str) -> str:
    """A phone of our front end as flite writes it: lower case, no stress; marks stay."""
    return phone.rstrip("0123456789").lower()


def align(phones: Sequence[str], theirs: Sequence[str], ends_s: Sequence[float]) -> Array:
    """End time of each phone of ours.

    Args:
        phones: of our front end, marks included.
        theirs: flite's phones, "pau" for silence.
        ends_s: where each of flite's phones ends.

    Returns:
        [P] float32 seconds, never falling; a phone that flite does not speak ends where the one before it does.
    """
    ours = [plain(phone) for phone in phones]
    costs = _edit_costs(ours, theirs)
    matched = np.full(len(ours), -1)
    row, column = len(ours), len(theirs)
    while row and column:
        if costs[row, column] == costs[row - 1, column - 1] + _cost(ours[row - 1], theirs[column - 1]):
            row, column = row - 1, column - 1
            matched[row] = column
        elif costs[row, column] == costs[row, column - 1] + _SKIP_COST:
            column -= 1
        else:
            row -= 1
    ends = np.zeros(len(ours), np.float32)
    last = 0.0
    for index, match in enumerate(matched):
        if match >= 0:
            last = max(last, float(ends_s[match]))
        ends[index] = last
    return ends


def _edit_costs(ours: Sequence[str], theirs: Sequence[str]) -> Array:
    """Table of the cheapest edits between all beginnings."""
    costs = np.zeros((len(ours) + 1, len(theirs) + 1))
    costs[:, 0] = _SKIP_COST * np.arange(len(ours) + 1)
    costs[0] = _SKIP_COST * np.arange(len(theirs) + 1)
    for row in range(1, len(ours) + 1):
        for column in range(1, len(theirs) + 1):
            costs[row, column] = min(
                costs[row - 1, column - 1] + _cost(ours[row - 1], theirs[column - 1]),
                costs[row, column - 1] + _SKIP_COST,
                costs[row - 1, column] + _SKIP_COST,
            )
    return costs

"""Learns how many tokens each phone lasts, from the ways that its table of gains finds through what T2S speaks.

Phones that differ in tone or stress only borrow from each other, and rare ones from all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gsv_runtime.tensors import Array

LONGEST = 24  # tokens, 0.96 s; longer ones count as this
_BORROWED = 8.0  # phones' worth of what a count borrows
_SMOOTHING = np.array([0.25, 0.5, 0.25])  # between neighbouring lengths


def learned_durations(spoken: Sequence[tuple[Array, Array]], groups: Array) -> Array:
    """Learn how long phones last.

    Args:
        spoken: of each take its phones [P] int64 and the phone of each of its tokens [T] int64, never falling.
        groups: [phones of the table] int64, the kind of each.

    Returns:
        [phones of the table, LONGEST + 1] float32, log probability that a phone lasts so many tokens.
    """
    counts = np.zeros((groups.size, LONGEST + 1))
    for phones, path in spoken:
        lasting = np.bincount(path, minlength=phones.size)
        np.add.at(counts, (phones, np.minimum(lasting, LONGEST)), 1)
    padded = np.pad(counts[:, 1:], ((0, 0), (1, 1)), mode="edge")  # none at all is no length beside one token
    counts[:, 1:] = sum(share * padded[:, shift : shift + LONGEST] for shift, share in enumerate(_SMOOTHING))
    anyhow = counts.sum(axis=0) + 0.3
    of_kind = np.zeros((int(groups.max()) + 1, LONGEST + 1))
    np.add.at(of_kind, groups, counts)
    kind_shares = _mixed(of_kind, anyhow / anyhow.sum())
    return np.asarray(np.log(_mixed(counts, kind_shares[groups])), dtype=np.float32)


def _mixed(counts: Array, shares: Array) -> Array:
    """Shares by counts, with those that are borrowed."""
    return np.asarray((counts + _BORROWED * shares) / (counts.sum(axis=1, keepdims=True) + _BORROWED))

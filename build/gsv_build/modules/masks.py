"""Masks from lengths: the one way in which every batchable stage tells real positions from padding."""

from __future__ import annotations

import torch
from torch import Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Mark the positions before each row's length.

    Args:
        lengths: [B, 1] int64, positions of each row that count.
        size: length of the padded axis.

    Returns:
        [B, 1, size] float32, 1 before the length and 0 from it on.
    """
    positions = torch.arange(size, device=lengths.device)
    return (positions < lengths).to(torch.float32).unsqueeze(1)

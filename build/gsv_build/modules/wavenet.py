"""Gated convolutions with skip connections, conditioned on the speaker.

Source: van den Oord et al. 2016, "WaveNet", in the non-causal form of WaveGlow and VITS
(GPT_SoVITS/module/modules.py, class WN, at 48b1a01). Weight norm is folded into plain weights here; whoever trains
adds it as a parametrization.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WaveNet(nn.Module):
    """Residual stack used by the flow and, in training, by the posterior encoder."""

    def __init__(self, width: int, kernel: int, layers: int, global_dim: int) -> None:
        super().__init__()
        self.width = width
        self.condition = nn.Linear(global_dim, 2 * width * layers)
        self.gates = nn.ModuleList(nn.Conv1d(width, 2 * width, kernel, padding=kernel // 2) for _ in range(layers))
        # The last layer feeds no next one: it has a skip half only.
        self.mixes = nn.ModuleList(
            nn.Conv1d(width, 2 * width if layer < layers - 1 else width, 1) for layer in range(layers)
        )

    def forward(self, features: Tensor, mask: Tensor, global_condition: Tensor) -> Tensor:
        """Map masked features to features.

        Args:
            features: [B, width, F], zero at padding.
            mask: [B, 1, F].
            global_condition: [B, global_dim].

        Returns:
            [B, width, F], zero at padding.
        """
        conditions = self.condition(global_condition).unsqueeze(-1).chunk(len(self.gates), dim=1)
        skipped = torch.zeros_like(features)
        for gate, mix, condition in zip(self.gates, self.mixes, conditions, strict=True):
            signal, opening = (gate(features) + condition).chunk(2, dim=1)
            mixed = mix(torch.tanh(signal) * torch.sigmoid(opening))
            if mixed.shape[1] == self.width:
                skipped = skipped + mixed
            else:
                residual, skip = mixed.chunk(2, dim=1)
                features = (features + residual) * mask
                skipped = skipped + skip
        return skipped * mask

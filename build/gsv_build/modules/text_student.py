"""A small text encoder in BERT's place: pieces of SentencePiece in, features of each character out.

A few layers look at pieces, which are fewer than characters; each character then takes its piece's row and is told
which of the piece it is. Made by `gsv_compress.text_student` from a teacher.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.post_norm import PostNormLayer
from gsv_build.sizes import TextStudentSizes

_BLOCKED = -1e4  # additive mask: exp() of it is exactly 0, and fp16 can hold it
_EPS = 1e-12


class TextStudent(nn.Module):
    """Text encoder of a small device."""

    def __init__(self, sizes: TextStudentSizes) -> None:
        super().__init__()
        self.sizes = sizes
        hidden = sizes.hidden
        self.pieces = nn.Embedding(sizes.pieces, hidden)
        self.positions = nn.Embedding(sizes.max_positions, hidden)
        self.input_norm = nn.LayerNorm(hidden, _EPS)
        self.layers = nn.ModuleList(
            PostNormLayer(hidden, sizes.heads, sizes.feed_forward, _EPS) for _ in range(sizes.layers)
        )
        self.place_scales = nn.Embedding(sizes.places, hidden)
        self.place_shifts = nn.Embedding(sizes.places, hidden)
        self.expand = nn.Linear(hidden, 2 * hidden)
        self.leave = nn.Linear(2 * hidden, sizes.bert_dim)

    def forward(
        self,
        piece_ids: Tensor,
        piece_lengths: Tensor,
        character_pieces: Tensor,
        character_places: Tensor,
        character_lengths: Tensor,
    ) -> Tensor:
        """TextPieces to features.

        Args:
            piece_ids: [B, G] int64, 0 beyond; G at most `max_positions`.
            piece_lengths: [B, 1] int64.
            character_pieces: [B, C] int64, the piece of each character.
            character_places: [B, C] int64, its place in the piece.
            character_lengths: [B, 1] int64.

        Returns:
            [B, C, bert_dim], zeros beyond `character_lengths`.
        """
        position = torch.arange(piece_ids.shape[1], device=piece_ids.device)
        x = self.input_norm(self.pieces(piece_ids) + self.positions(position)[None])
        padding = (position[None, :] >= piece_lengths).to(x.dtype)
        blocked = padding[:, None, None, :] * _BLOCKED
        for layer in self.layers:
            x = layer(x, blocked)
        of_characters = torch.gather(x, 1, character_pieces[:, :, None].expand(-1, -1, x.shape[2]))
        x = of_characters * (1.0 + self.place_scales(character_places)) + self.place_shifts(character_places)
        features = self.leave(functional.gelu(self.expand(x)))
        character = torch.arange(character_pieces.shape[1], device=piece_ids.device)
        return features * (character[None, :] < character_lengths).to(features.dtype)[:, :, None]

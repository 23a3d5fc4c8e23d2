"""T2S by PyTorch behind the interface of the served engines: for checks, and for what the build lets it speak."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gsv_build.modules.t2s import T2S
from gsv_runtime.t2s.engine import LogitsEngine, StepRow
from gsv_runtime.t2s.request import Capacity, Prompt
from gsv_runtime.tensors import Array

MAX_POSITIONS = 4000  # rows of upstream's table of positions


class TorchEngine(LogitsEngine):
    """The T2S module behind the interface of the served engine; one slot or more."""

    def __init__(self, module: T2S, slots: int = 1, cache_rows: int = 1024) -> None:
        sizes = module.sizes
        self._module = module
        self.capacity = Capacity(
            slots, cache_rows, sizes.num_phones, sizes.vocabulary, sizes.bert_dim, max_positions=MAX_POSITIONS
        )
        shape = (sizes.layers, slots, sizes.heads, cache_rows, sizes.head_dim)
        self._keys, self._values = torch.zeros(shape), torch.zeros(shape)

    @torch.no_grad()
    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        phones, tokens = torch.from_numpy(prompt.phones), torch.from_numpy(prompt.prompt_tokens)
        features = torch.from_numpy(prompt.bert_features.T)
        packed_phones = nn.functional.pad(phones, (0, tokens.numel()))[None]
        packed_tokens = nn.functional.pad(tokens, (phones.numel(), 0))[None]
        packed_features = nn.functional.pad(features, (0, 0, 0, tokens.numel()))[None]
        lengths = torch.tensor([phones.numel()]), torch.tensor([prompt.rows])
        logits, keys, values = self._module.prefill(packed_phones, packed_tokens, packed_features, *lengths)
        self._keys[:, slot, :, : prompt.rows] = keys[:, 0]
        self._values[:, slot, :, : prompt.rows] = values[:, 0]
        return logits[0].numpy()

    @torch.no_grad()
    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token to each of slots 0 to n - 1; return `[n, V]` logits of the next ones."""
        columns = ([row.token for row in rows], [row.token_position for row in rows], [row.rows for row in rows])
        tokens, positions, lengths = (torch.tensor(column) for column in columns)
        used = slice(0, len(rows))
        logits = self._module.decode_step(tokens, positions, lengths, self._keys[:, used], self._values[:, used])
        return logits.numpy()

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Copy the first rows of a slot to another."""
        for cache in (self._keys, self._values):
            cache[:, target, :, :num_rows] = cache[:, source, :, :num_rows]

"""T2S as eager PyTorch usually runs it: a cache that grows by concatenation at every step. The baseline, not a product.

Source: the arrangement of GPT-SoVITS's decode loop (AR/models/t2s_model.py), over our own module.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from gsv_build.modules.t2s import T2S, sinusoids
from gsv_runtime.t2s.engine import LogitsEngine, StepRow
from gsv_runtime.t2s.request import Capacity, Prompt
from gsv_runtime.tensors import Array


class GrowingCacheEngine(LogitsEngine):
    """One sequence at a time; `prefill` starts the cache anew."""

    def __init__(self, module: T2S, max_positions: int) -> None:
        sizes = module.sizes
        self._module = module
        self._device = module.head.weight.device
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self.capacity = Capacity(1, max_positions, sizes.num_phones, sizes.vocabulary, sizes.bert_dim, max_positions)

    @torch.no_grad()
    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Run the prompt; return `[V]` logits of the first token."""
        phones, tokens = self._tensor(prompt.phones), self._tensor(prompt.prompt_tokens)
        features = functional.pad(self._tensor(prompt.bert_features.T), (0, 0, 0, tokens.numel()))
        logits, keys, values = self._module.prefill(
            functional.pad(phones, (0, tokens.numel()))[None],
            functional.pad(tokens, (phones.numel(), 0))[None],
            features[None],
            torch.tensor([phones.numel()], device=self._device),
            torch.tensor([prompt.rows], device=self._device),
        )
        self._keys, self._values = list(keys), list(values)
        return logits[0].float().cpu().numpy()

    @torch.no_grad()
    def decode_step(self, rows: Sequence[StepRow]) -> Array:
        """Append one token; return `[1, V]` logits of the next."""
        module, row = self._module, rows[0]
        token, token_position = torch.tensor([[row.token], [row.token_position]], device=self._device)
        position = sinusoids(token_position, module.sizes.hidden)
        x = module.token_embedding(token) + module.token_position_scale * position
        x = x[:, None, :]
        for index, layer in enumerate(module.typed_layers):
            query, key, value = layer.project(x)
            self._keys[index] = torch.cat([self._keys[index], key], dim=2)
            self._values[index] = torch.cat([self._values[index], value], dim=2)
            attended = functional.scaled_dot_product_attention(query, self._keys[index], self._values[index])
            x = layer.finish(x, attended)
        logits: Tensor = module.head(x[:, 0])
        return logits.float().cpu().numpy()

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def move(self, source: int, target: int, num_rows: int) -> None:
        """There is one slot only."""
        raise NotImplementedError("one sequence at a time")

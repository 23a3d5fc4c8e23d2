"""T2S's step and its draw by PyTorch with every shape fixed, so that k of them are captured as one CUDA graph.

The upper reference for the served engines: no host between the tokens, and no runtime between PyTorch's kernels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from gsv_bench.t2s_cases import PROMPT_PHONES, PROMPT_TOKENS, SAMPLING
from gsv_build.modules.t2s import T2S, sinusoids


class TorchSteps:
    """All slots of one T2S, full from the first step on."""

    def __init__(self, module: T2S, slots: int, cache_rows: int, dtype: torch.dtype, device: str) -> None:
        """Take `module` over: it is moved to `device` as `dtype`."""
        sizes = module.sizes
        self._module = module.to(device, dtype)
        self._encoding = sinusoids(torch.arange(cache_rows, device=device), sizes.hidden).to(dtype)
        shape = (sizes.layers, slots, sizes.heads, cache_rows, sizes.head_dim)
        self._keys, self._values = (0.1 * torch.randn(shape, device=device, dtype=dtype) for _ in range(2))
        self._slots = torch.arange(slots, device=device)
        self._index = torch.arange(cache_rows, device=device)
        self.tokens = torch.randint(0, sizes.vocabulary - 1, (slots,), device=device)
        self.rows = torch.full((slots,), PROMPT_PHONES + PROMPT_TOKENS, device=device)
        self._present = torch.zeros(slots, sizes.vocabulary, dtype=torch.bool, device=device)

    @torch.no_grad()
    def step(self) -> None:
        """Append each slot's token and draw the next one."""
        module = self._module
        x = module.token_embedding(self.tokens) + module.token_position_scale * self._encoding[self.rows]
        x = x[:, None, :]
        visible = (self._index[None, :] <= self.rows[:, None])[:, None, None, :]
        for number, layer in enumerate(module.typed_layers):
            query, key, value = layer.project(x)
            self._keys[number][self._slots, :, self.rows] = key[:, :, 0]
            self._values[number][self._slots, :, self.rows] = value[:, :, 0]
            attended = functional.scaled_dot_product_attention(
                query, self._keys[number], self._values[number], attn_mask=visible
            )
            x = layer.finish(x, attended)
        self._draw(module.head(x[:, 0]).float())
        self.rows.add_(1).clamp_(max=self._index.shape[0] - 1)

    def _draw(self, logits: Tensor) -> None:
        penalty = SAMPLING.repetition_penalty
        penalised = torch.where(self._present, torch.where(logits < 0, logits * penalty, logits / penalty), logits)
        best, index = penalised.topk(SAMPLING.top_k, dim=1)
        noise = torch.empty_like(best).exponential_()
        chosen = (best.softmax(dim=1) / noise).argmax(dim=1, keepdim=True)
        drawn = index.gather(1, chosen)
        self._present.scatter_(1, drawn, True)
        self.tokens.copy_(drawn[:, 0])

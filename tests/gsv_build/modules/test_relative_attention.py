"""The closed form of windowed relative attention, against the definition written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gsv_build.modules.relative_attention import Encoder, RelativeAttention, RelativeBand, key_bias

WINDOW = 4


def attention() -> RelativeAttention:
    torch.manual_seed(0)
    return RelativeAttention(width=12, heads=2, window=WINDOW).requires_grad_(False)


def written_out(module: RelativeAttention, features: Tensor) -> Tensor:
    """Shaw et al., equations 3 and 4, one head, query and key at a time."""
    length, width = features.shape
    head_width = width // module.heads
    query, key, value = (layer(features) for layer in (module.query, module.key, module.value))
    result = torch.zeros(length, width)
    for head in range(module.heads):
        part = slice(head * head_width, (head + 1) * head_width)
        for i in range(length):
            near = {j: j - i + WINDOW for j in range(length) if abs(j - i) <= WINDOW}
            scores = torch.stack(
                [
                    query[i, part] @ (key[j, part] + (module.relative_key[near[j]] if j in near else 0.0))
                    for j in range(length)
                ]
            )
            for j, weight in enumerate(torch.softmax(scores / head_width**0.5, dim=0)):
                result[i, part] += weight * (value[j, part] + (module.relative_value[near[j]] if j in near else 0.0))
    return module.output(result)


@pytest.mark.parametrize("length", [1, 2, 4, 5, 9, 17])
def test_closed_form_is_the_definition_at_lengths_below_at_and_above_the_window(length: int) -> None:
    module = attention()
    features = torch.randn(1, length, 12)
    band = RelativeBand.of(length, WINDOW, features.device)
    result = module(features, key_bias(torch.ones(1, 1, length)), band)
    torch.testing.assert_close(result[0], written_out(module, features[0]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kernel", [1, 3, 4])
def test_padding_changes_nothing_before_it_and_is_zero_behind(kernel: int) -> None:
    torch.manual_seed(0)
    encoder = Encoder(width=12, inner=20, heads=2, layers=2, kernel=kernel).requires_grad_(False)
    features = torch.randn(1, 9, 12)
    padded = torch.cat((features, torch.full((1, 5, 12), 7.0)), dim=1)
    mask = (torch.arange(14) < 9).to(torch.float32).reshape(1, 1, 14)
    result = encoder(padded, mask)
    torch.testing.assert_close(result[:, :9], encoder(features, torch.ones(1, 1, 9)), atol=1e-5, rtol=1e-5)
    assert result[:, 9:].abs().sum() == 0.0

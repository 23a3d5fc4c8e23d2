"""Convolutions over time written as convolutions over a plane one row high: same numbers, faster kernels.

ONNX Runtime's CPU kernels with channels in blocks (NCHWc) take 4-dimensional inputs only; a 1-D convolution
falls back to im2col and a matrix product. See docs/decisions/0004-vocoder-graph.md for what it brings.
"""

from __future__ import annotations

import copy

from torch import nn

_BY_RANK = {nn.Conv1d: nn.Conv2d, nn.ConvTranspose1d: nn.ConvTranspose2d}


def planar(module: nn.Module) -> nn.Module:
    """Copy a module with every 1-D convolution replaced by its 2-D twin; weights [O, I, K] become [O, I, 1, K].

    The copy's `forward` must be ready for signals [B, C, 1, N].
    """
    twin = copy.deepcopy(module)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if type(child) in _BY_RANK:
                setattr(parent, name, _twin(child))
    return twin


def _twin(convolution: nn.Module) -> nn.Module:
    assert isinstance(convolution, nn.Conv1d | nn.ConvTranspose1d)
    twin: nn.Module = _BY_RANK[type(convolution)](
        convolution.in_channels,
        convolution.out_channels,
        (1, convolution.kernel_size[0]),
        stride=(1, convolution.stride[0]),
        padding=(0, int(convolution.padding[0])),
        dilation=(1, convolution.dilation[0]),
        groups=convolution.groups,
        bias=convolution.bias is not None,
        device="meta",
    )
    twin.weight = nn.Parameter(convolution.weight.detach().unsqueeze(2), requires_grad=False)
    if convolution.bias is not None:
        twin.bias = nn.Parameter(convolution.bias.detach(), requires_grad=False)
    return twin

"""Which convolutions of the acoustic model and of HiFi-GAN bear 8 bits, and how far their inputs reach.

Measured on held-out sentences: a convolution whose own output comes out too noisy stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.graphs.eight_bits import DecoderQuantisation, EightBits
from gsv_build.graphs.half_precision import FLOAT32_PARTS
from gsv_compress.teacher import Sentence
from gsv_runtime import contract

LOG = logging.getLogger("gsv.compress")
_KEPT_SHARE = 0.9999  # of an input's values lie within its reach at int8; a few are clipped
_LEAST_DB = 25.0  # of a convolution's output against its own noise
_NOISE_SCALE = 0.5
Convolution = nn.Conv1d | nn.ConvTranspose1d
Heard = Callable[[str, Convolution, Tensor, Tensor], None]  # name, module, input, output


def calibrate(modules: SovitsModules, kind: EightBits, sentences: Sequence[Sentence], vocoder: bool) -> tuple[
    DecoderQuantisation, Mapping[str, Mapping[str, float]]
]:  # fmt: skip
    """Measure.

    Args:
        modules: of the s2.
        kind: of the numbers.
        sentences: that the voice said.
        vocoder: whether the s2's own vocoder is used, and rounded.

    Returns:
        What to round, and of each model the convolutions that stay, with the dB that they would have come to.
    """
    found, stay = {}, {}
    runs: dict[str, tuple[nn.Module, Callable[[Sentence], tuple[Tensor, ...]]]] = {
        contract.ACOUSTIC.name: (modules.acoustic, acoustic_inputs)
    }
    if vocoder:
        runs[contract.VOCODER.name] = (modules.vocoder, vocoder_inputs)
    for name, (module, inputs) in runs.items():
        given = [inputs(each) for each in sentences]
        reach = reaches(module, kind, given)
        snr_db = deviations_db(module, kind, reach, given)
        stay[name] = {each: db for each, db in snr_db.items() if db < _LEAST_DB or each in FLOAT32_PARTS[name]}
        found[name] = {each: value for each, value in reach.items() if each not in stay[name]}
        LOG.info("calibrated model=%s rounded=%d kept=%s", name, len(found[name]), ",".join(stay[name]) or "none")
    return DecoderQuantisation(kind, found), stay


def acoustic_inputs(sentence: Sentence) -> tuple[Tensor, ...]:
    """What the acoustic model reads of a sentence."""
    frames, generator = sentence.latents.shape[1], torch.Generator().manual_seed(0)
    phones = sentence.phones[-sentence.num_target_phones :]
    noise = _NOISE_SCALE * torch.randn(1, sentence.latents.shape[0], frames, generator=generator)
    return (
        torch.from_numpy(sentence.tokens)[None], torch.tensor([[sentence.tokens.size]]), torch.from_numpy(phones)[None],
        torch.tensor([[phones.size]]), torch.from_numpy(sentence.condition)[None], noise,
        torch.arange(frames, dtype=torch.float32)[None], torch.tensor([[frames]]),
    )  # fmt: skip


def vocoder_inputs(sentence: Sentence) -> tuple[Tensor, ...]:
    """What the vocoder reads of a sentence."""
    latents = torch.from_numpy(np.ascontiguousarray(sentence.latents))[None]
    return latents, torch.tensor([[latents.shape[2]]]), torch.from_numpy(sentence.condition)[None]


def reaches(module: nn.Module, kind: EightBits, inputs: Sequence[tuple[Tensor, ...]]) -> dict[str, float]:
    """Convolution to the largest magnitude of its inputs; at int8 without the very few beyond all others."""
    found: dict[str, float] = {}

    def hear(name: str, _: Convolution, read: Tensor, __: Tensor) -> None:
        values = read.abs().flatten()
        kept = max(1, round(_KEPT_SHARE * values.numel()) if kind is EightBits.INT8 else values.numel())
        found[name] = max(found.get(name, 0.0), float(values.kthvalue(kept).values))

    _run(module, inputs, hear)
    return found


def deviations_db(
    module: nn.Module, kind: EightBits, reach: Mapping[str, float], inputs: Sequence[tuple[Tensor, ...]]
) -> dict[str, float]:
    """Convolution to its output against the noise that rounding its own input and weight makes, in dB."""
    power: dict[str, Tensor] = {}

    def hear(name: str, layer: Convolution, read: Tensor, given: Tensor) -> None:
        axis = 1 if isinstance(layer, nn.ConvTranspose1d) else 0
        others = tuple(place for place in range(3) if place != axis)
        weight = rounded(layer.weight, layer.weight.abs().amax(others, keepdim=True), kind)
        exact = layer.weight.data
        layer.weight.data = weight
        deviation = layer.forward(rounded(read, torch.tensor(reach[name]), kind)) - given
        layer.weight.data = exact
        powers = torch.stack([given.square().sum(), deviation.square().sum()])
        power[name] = power.get(name, torch.zeros(2)) + powers

    _run(module, inputs, hear)
    return {name: float(10 * torch.log10(both[0] / both[1].clamp(min=1e-20))) for name, both in power.items()}


def rounded(values: Tensor, reach: Tensor, kind: EightBits) -> Tensor:
    """Values as 8 bits hold them."""
    scale = (reach / kind.largest).clamp(min=1e-12)
    steps = (values / scale).clamp(-kind.largest, kind.largest)
    return (steps.round() if kind is EightBits.INT8 else steps.to(torch.float8_e4m3fn).to(values.dtype)) * scale


@torch.no_grad()
def _run(module: nn.Module, inputs: Sequence[tuple[Tensor, ...]], hear: Heard) -> None:
    """Run a network and have `hear` told what each convolution reads and gives."""
    with _heard(module, hear):
        for given in inputs:
            module(*given)


@contextmanager
def _heard(module: nn.Module, hear: Heard) -> Iterator[None]:
    def hook(name: str) -> Callable[[Convolution, tuple[Tensor, ...], Tensor], None]:
        return lambda layer, inputs, given: hear(name, layer, inputs[0], given)

    layers = {name: each for name, each in module.named_modules() if isinstance(each, nn.Conv1d | nn.ConvTranspose1d)}
    handles = [each.register_forward_hook(hook(name)) for name, each in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

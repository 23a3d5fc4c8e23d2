"""HiFi-GAN without the channels that matter least, healed by what the whole one made of the same latents.

All stages lose the same share, so what is left is a HiFi-GAN of another `upsample_initial_channel`: the s2 stays one
that upstream reads, too. Channels of a stage's sum go for all its blocks together, those inside a block by themselves.

Source: Li et al. 2017, "Pruning Filters for Efficient ConvNets". Different on purpose: a channel's importance is how
loud it is on what the voice said, times the weights that read it, not the weights alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from gsv_build.modules.vocoder import ResidualBlock, Vocoder
from gsv_build.receptive_field import receptive_field
from gsv_build.sizes import SovitsSizes
from gsv_compress.lessons import Segments
from gsv_compress.t2s_pruning import check_share
from gsv_compress.teacher import Sentence
from gsv_compress.vocoder_lessons import VocoderRecipe, teach_vocoder
from gsv_demo.run import half_products

_FRAMES, _SEGMENTS, _BATCHES = 48, 4, 6  # that importance is measured on


@dataclass(frozen=True)
class Channels:
    """Channels that stay or go together.

    Attributes:
        writers: layers whose outputs they are.
        readers: layers whose inputs they are.
        count: of them, before.
    """

    writers: tuple[nn.Module, ...]
    readers: tuple[nn.Module, ...]
    count: int


def kept_channels(sizes: SovitsSizes, share: float) -> int:
    """`upsample_channels` after a share of them has gone: each stage halves them, so a multiple of as many powers of 2.

    Raises:
        ValueError: the share leaves nothing or less than nothing out, or there are too few to leave any out.
    """
    check_share(share)
    unit = 1 << len(sizes.upsample_rates)
    kept = unit * max(1, round((1.0 - share) * sizes.upsample_channels / unit))
    kept = min(kept, sizes.upsample_channels - unit)
    if kept <= 0:
        raise ValueError(
            f"the vocoder has {sizes.upsample_channels} channels, which cannot be pruned: each of its "
            f"{len(sizes.upsample_rates)} stages halves them; leave --prune out, or teach it with --vocoder light"
        )
    return kept


@torch.no_grad()
def thinner(
    vocoder: Vocoder, sizes: SovitsSizes, share: float, sentences: Sequence[Sentence]
) -> tuple[Vocoder, SovitsSizes]:
    """The vocoder without the least important channels, and the sizes of an s2 with it.

    Args:
        vocoder: whole.
        sizes: of its s2.
        share: of the channels that is left out.
        sentences: what importance is measured on.

    Raises:
        ValueError: as `kept_channels`.
    """
    fewer = replace(sizes, upsample_channels=kept_channels(sizes, share))
    outputs: dict[nn.Module, Tensor] = {}
    inputs: dict[nn.Module, Tensor] = {}
    groups = channels_of(vocoder)
    for group, importance in zip(groups, channel_importance(vocoder, groups, sentences), strict=True):
        kept = group.count * fewer.upsample_channels // sizes.upsample_channels
        best = importance.topk(kept).indices.sort().values
        outputs |= dict.fromkeys(group.writers, best)
        inputs |= dict.fromkeys(group.readers, best)
    student = Vocoder(fewer)
    state = student.state_dict()
    for name, module in vocoder.named_modules():
        for part, tensor in module.named_parameters(recurse=False):
            state[f"{name}.{part}"] = _cut(module, tensor, outputs.get(module), inputs.get(module))
    student.load_state_dict(state)
    return student.eval(), fewer


def channels_of(vocoder: Vocoder) -> list[Channels]:
    """All channels that can go: what enters, each stage's sum, and what is inside each block."""
    ups, width = list(vocoder.upsamplers), len(vocoder.blocks) // len(vocoder.rates)
    last = vocoder.leave
    found = [Channels((vocoder.enter, vocoder.condition), (ups[0],), _inputs(ups[0]))]
    for stage, upsampler in enumerate(ups):
        blocks = [each for each in vocoder.blocks[stage * width : (stage + 1) * width]]
        pairs = [pair for block in blocks for pair in _pairs(block)]
        after = ups[stage + 1] if stage + 1 < len(ups) else last
        writers = (upsampler, *(plain for _, plain in pairs))
        readers = (*(dilated for dilated, _ in pairs), after)
        found.append(Channels(writers, readers, _inputs(after)))
        found += [Channels((dilated,), (plain,), _inputs(plain)) for dilated, plain in pairs]
    return found


def channel_importance(vocoder: Vocoder, groups: Sequence[Channels], sentences: Sequence[Sentence]) -> list[Tensor]:
    """For each group [count]: how loud each channel is on average, times the weights of all that read it."""
    loudness: dict[nn.Module, Tensor] = {}

    def hear(module: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        loudness[module] = loudness.get(module, torch.zeros(())) + inputs[0].abs().mean(dim=(0, 2))

    with ExitStack() as hooks:
        for module in {reader for group in groups for reader in group.readers}:
            hooks.callback(module.register_forward_hook(hear).remove)
        segments = Segments(sentences, _FRAMES, context=0, seed=0)
        for _ in range(_BATCHES):
            latents, condition, *_ = segments.batch(_SEGMENTS)
            vocoder(latents, torch.full((len(latents), 1), _FRAMES), condition)
    return [
        torch.stack([loudness[reader] * _reading(reader) for reader in group.readers]).sum(dim=0) for group in groups
    ]


def heal(
    student: Vocoder,
    sizes: SovitsSizes,
    sentences: Sequence[Sentence],
    recipe: VocoderRecipe,
    folder: Path,
    device: str,
) -> Vocoder:
    """Teach a pruned vocoder what the whole one made of the same latents, or go on where it stopped."""
    context = receptive_field(sizes).vocoder_frames
    teach_vocoder("vocoder", student, speak, context, sentences, recipe, folder, device)
    return student.cpu().eval()


def speak(student: nn.Module, latents: Tensor, condition: Tensor, device: str) -> Tensor:
    """What a vocoder that gives a waveform makes of each segment, [B, 640 F]."""
    lengths = torch.full((len(latents), 1), latents.shape[2], device=latents.device)
    with half_products(device):
        waveform: Tensor = student(latents, lengths, condition)
    return waveform.float()


def _pairs(block: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    assert isinstance(block, ResidualBlock)
    return list(zip(block.dilated, block.plain, strict=True))


def _inputs(layer: nn.Module) -> int:
    assert isinstance(layer, nn.Conv1d | nn.ConvTranspose1d)
    return layer.in_channels


def _reading(layer: nn.Module) -> Tensor:
    """How much weight a convolution gives to each of its inputs: [in]."""
    assert isinstance(layer, nn.Conv1d | nn.ConvTranspose1d)
    axis = 0 if isinstance(layer, nn.ConvTranspose1d) else 1
    return layer.weight.transpose(0, axis).flatten(1).norm(dim=1)


def _cut(layer: nn.Module, tensor: Tensor, outputs: Tensor | None, inputs: Tensor | None) -> Tensor:
    """A weight or bias with some outputs and inputs only."""
    if tensor.dim() == 1:
        return tensor if outputs is None else tensor.index_select(0, outputs)
    output_axis = 1 if isinstance(layer, nn.ConvTranspose1d) else 0
    if outputs is not None:
        tensor = tensor.index_select(output_axis, outputs)
    return tensor if inputs is None else tensor.index_select(1 - output_axis, inputs)

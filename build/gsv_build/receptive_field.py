"""How far the convolutions of a checkpoint see: what a streaming window needs around a chunk to be exact."""

from __future__ import annotations

from gsv_build.modules.vocoder import EDGE_KERNEL
from gsv_build.sizes import SovitsSizes
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.tts.synthesis.chunking import ReceptiveField


def receptive_field(sizes: SovitsSizes) -> ReceptiveField:
    """Frames to each side that decide a frame of the flow's output, and the samples of a frame."""
    layers = sizes.flow_layers * sizes.wavenet_layers
    return ReceptiveField(flow_frames=layers * (sizes.wavenet_kernel // 2), vocoder_frames=_vocoder_frames(sizes))


def _vocoder_frames(sizes: SovitsSizes) -> int:
    """Walk from the samples of frame 0 back to the frames that they come from."""
    first, last = 0, SAMPLES_PER_FRAME - 1
    edge = EDGE_KERNEL // 2
    first, last = first - edge, last + edge
    blocks = max(
        sum((dilation + 1) * (kernel - 1) // 2 for dilation in dilations)
        for kernel, dilations in zip(sizes.resblock_kernels, sizes.resblock_dilations, strict=True)
    )
    for rate, kernel in reversed(list(zip(sizes.upsample_rates, sizes.upsample_kernels, strict=True))):
        first, last = first - blocks, last + blocks
        # A transposed convolution: output o comes from inputs i with o = i * rate - padding + 0 .. kernel - 1.
        padding = (kernel - rate) // 2
        first, last = -((kernel - 1 - padding - first) // rate), (last + padding) // rate
    first, last = first - edge, last + edge
    return max(-first, last)

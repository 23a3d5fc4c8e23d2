"""What the graph of a light vocoder takes and gives, inside the stage `vocoder`; no Triton model of its own."""

from __future__ import annotations

from gsv_runtime.contract import SAMPLES_PER_FRAME, VOCODER, Model, Tensor

INVERSE_FFT = 4 * SAMPLES_PER_FRAME  # samples of a window
SPECTRUM_BINS = INVERSE_FFT // 2 + 1

VOCODER_SPECTRUM = Model(
    "vocoder",
    "latent frames and global condition to a spectrum",
    inputs=VOCODER.inputs,
    outputs=(
        Tensor("magnitude", "FP32", ("B", "F", SPECTRUM_BINS), "window of 2560 samples, zero beyond frame_lengths"),
        Tensor("phase", "FP32", ("B", "F", SPECTRUM_BINS), "radians"),
    ),
    graph=True,
)

"""A vocoder whose graph ends at a spectrum: the graph, and the inverse FFT after it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.graphs.inverse_fft import waveform_of
from gsv_runtime.tensors import Array, Arrays


class _Spectra(Protocol):
    """A stage whose answers are spectra."""

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        """Answer requests in one call."""
        ...

    def warm_up(self) -> None:
        """Run once."""
        ...


class SpectralStage:
    """The `vocoder` stage over a graph of `VOCODER_SPECTRUM`; an `OnnxStage` for who calls it."""

    def __init__(self, spectrum: _Spectra) -> None:
        self._spectrum = spectrum

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        """Answer requests in one call of the graph; see `OnnxStage.run`."""
        answers = self._spectrum.run(requests)
        return [
            {"waveform": _waveforms(answer["magnitude"], answer["phase"], request["frame_lengths"])}
            for request, answer in zip(requests, answers, strict=True)
        ]

    def warm_up(self) -> None:
        """Run the graph once."""
        self._spectrum.warm_up()


def _waveforms(magnitude: Array, phase: Array, frame_lengths: Array) -> Array:
    """Rows [B, 640 F] of a padded batch; each is made from its own frames, so that padding changes nothing."""
    waveforms = np.zeros((magnitude.shape[0], magnitude.shape[1] * SAMPLES_PER_FRAME), dtype=np.float32)
    for row, length in enumerate(frame_lengths[:, 0]):
        heard = waveform_of(magnitude[row : row + 1, :length], phase[row : row + 1, :length])[0]
        waveforms[row, : heard.size] = heard
    return waveforms

"""Pictures for the model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FFT, _HOP = 512, 128
_RANGE_DB = 70
_INCHES_PER_PANEL = 4.0


def spectrograms(utterances: Mapping[str, NDArray[np.float32]], rate_hz: int, title: str, path: Path) -> None:
    """Draw utterances side by side, each under its name, on one scale of time.

    Args:
        utterances: name to [N] samples.
        rate_hz: of all of them.
        title: what is said.
        path: PNG to write.
    """
    import matplotlib  # takes half a second, and the speech is heard without it

    matplotlib.use("Agg")
    from matplotlib import pyplot

    longest_s = max(len(samples) for samples in utterances.values()) / rate_hz
    figure, axes = pyplot.subplots(
        1, len(utterances), figsize=(_INCHES_PER_PANEL * len(utterances), 3.2), sharey=True, squeeze=False
    )
    for axis, (name, samples) in zip(axes[0], utterances.items(), strict=True):
        quiet = samples + 1e-5 * np.sin(np.arange(len(samples)))  # no logarithm of zero in digital silence
        axis.specgram(quiet, NFFT=_FFT, noverlap=_FFT - _HOP, Fs=rate_hz, cmap="magma", scale="dB")
        image = axis.images[0]
        top = float(np.max(image.get_array()))
        image.set_clim(top - _RANGE_DB, top)
        axis.set(title=name, xlabel="time (s)", xlim=(0, longest_s))
    axes[0][0].set_ylabel("frequency (Hz)")
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)

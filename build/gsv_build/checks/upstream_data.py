"""What upstream computed, inputs that both sides draw by name, and how far apart two results are."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from torch import Tensor

from gsv_runtime.tensors import Array
from gsv_runtime.voices.references import ReferenceAudio, read_reference

DEFAULT_DATA = Path("tests/parity/data")
REFERENCES = ("slt", "rms")
MAX_STAGE_ERROR = 1e-4
# Logarithms of bands without energy magnify the last bit: upstream's own float32 is 2e-4 from its float64.
MAX_FBANK_ERROR = 1e-3
# Of a voice of several references the noise is compared as a whole: 100 dB.
SEVERAL_WAVEFORM, MAX_SEVERAL_ERROR = "waveform of 2 references, noise", 1e-5


@dataclass(frozen=True)
class ParityDifference:
    """One output of one stage; `error` is the largest difference over upstream's root mean square."""

    version: str
    stage: str
    error: float

    @property
    def limit(self) -> float:
        """The largest error allowed."""
        if self.stage == SEVERAL_WAVEFORM:
            return MAX_SEVERAL_ERROR
        return MAX_FBANK_ERROR if self.stage.startswith("fbank") else MAX_STAGE_ERROR


class ParityData:
    """Upstream's outputs."""

    def __init__(self, directory: Path = DEFAULT_DATA) -> None:
        self._directory = directory

    def arrays(self, name: str) -> dict[str, Array]:
        """All arrays of one file; those of bytes are waveforms as FLAC.

        v2 has 24 bits, 133 dB or more from what upstream gave; the others, which agree to 104 dB, 20 bits and 119 dB.
        """
        with np.load(self._directory / f"{name}.npz", allow_pickle=False) as file:
            return {key: _samples(array) if array.dtype == np.uint8 else array for key, array in file.items()}

    def recording(self, reference: str) -> bytes:
        """A reference's audio file."""
        return (self._directory / f"reference_{reference}.flac").read_bytes()

    def analysed(self, reference: str) -> ReferenceAudio:
        """A reference as the encoders take it."""
        return read_reference(self.recording(reference))


def _samples(file: Array) -> Array:
    samples: Array = soundfile.read(io.BytesIO(file.tobytes()), dtype="float32")[0]
    return samples


def normal(name: str, shape: tuple[int, ...], scale: float = 1.0) -> Array:
    """Float32 input drawn by name."""
    return (_generator(name).standard_normal(shape) * scale).astype(np.float32)


def integers(name: str, high: int, count: int) -> Array:
    """Int64 input below `high`, drawn by name."""
    return _generator(name).integers(0, high, count)


def _generator(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=zlib.crc32(name.encode())))


def relative_error(ours: Array | Tensor, upstream: Array) -> float:
    """Largest absolute difference over upstream's root mean square.

    Raises:
        ValueError: the shapes differ.
    """
    ours = np.asarray(ours, dtype=np.float64)
    if ours.shape != upstream.shape:
        raise ValueError(f"ours has shape {ours.shape}, upstream's {upstream.shape}")
    scale = np.sqrt(np.mean(np.square(upstream, dtype=np.float64)))
    return float(np.abs(ours - upstream).max() / scale)


def snr_db(ours: Array, upstream: Array) -> float:
    """Signal to noise of [N] ours as an approximation of upstream's; -inf when lengths differ."""
    if ours.shape != upstream.shape:
        return -np.inf
    noise = np.square(ours.astype(np.float64) - upstream).sum()
    return float(10 * np.log10(np.square(upstream, dtype=np.float64).sum() / max(noise, 1e-30)))

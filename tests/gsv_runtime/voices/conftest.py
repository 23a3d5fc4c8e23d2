"""A voice of the demo, and files of every kind that people record."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

REFERENCES = Path(__file__).parents[3] / "build/gsv_demo/weights/references"


@pytest.fixture(scope="session")
def read_voice():
    """A function that gives samples [N] float32 of a demo voice and their rate."""

    def read(voice="slt"):
        return soundfile.read(REFERENCES / f"{voice}.flac", dtype="float32")

    return read


@pytest.fixture(scope="session")
def write_file():
    """A function that makes a file's bytes of samples [N] or [N, C], as soundfile writes them."""

    def write(samples, rate_hz, kind="WAV", subtype=None):
        file = io.BytesIO()
        soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
        return file.getvalue()

    return write


@pytest.fixture(scope="session")
def encode():
    """A function that makes a file's bytes of samples [N], as FFmpeg writes them."""
    av = pytest.importorskip("av")

    def make(samples, rate_hz, container, codec, codec_rate_hz=None):
        file = io.BytesIO()
        with av.open(file, "w", format=container) as output:
            stream = output.add_stream(codec, rate=codec_rate_hz or rate_hz, layout="mono")
            for start in range(0, samples.size, 1024):
                block = np.ascontiguousarray(samples[np.newaxis, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
                frame.sample_rate, frame.pts = rate_hz, start
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return file.getvalue()

    return make

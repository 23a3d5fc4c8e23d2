"""Sound files to samples: by libsndfile, and what that cannot read by FFmpeg's libraries, where PyAV is installed.

Everything a client can get wrong with the file itself is refused here with what it is and what to do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.tensors import Array
from gsv_runtime.voices.file_kinds import FileKind, broken_off, file_kind, finished
from gsv_runtime.voices.uploads import file_of

try:
    import av
except ImportError:  # the extra `formats` is not installed
    av = None  # type: ignore[assignment]

MAX_FILE_BYTES = 32 * 2**20
MAX_DECODED_SECONDS = 120.0
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000
_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "OGG", "MP3", "MPEG", "AU", "CAF")
_LARGEST_FLOAT = 8.0  # of float audio that was mixed too loud; beyond it, samples are integers
_OTHER = "need a recording of speech"
_CANCELLED = 0.7  # of what a mean of channels has at least where they do not cancel


def decode_audio(data: bytes) -> tuple[Array, int, str]:
    """Read an audio file's bytes, or their base64, to mono.

    Returns:
        Samples [N] float32, the sample rate in Hz, and what is missing (`file_kinds.broken_off`). The samples are the
        mean of the channels, or the loudest channel where they cancel each other.

    Raises:
        InvalidRequest: the bytes are not such a file, or it is longer than two minutes.
    """
    if not data:
        raise InvalidRequest("reference_audio is empty; need a WAV, FLAC, OGG or MP3 file")
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(f"reference_audio is {len(data)} bytes; at most {MAX_FILE_BYTES}; use a shorter clip")
    data = finished(file_of(data))
    channels, rate_hz, promised = _channels(data)
    if channels.shape[0] > MAX_DECODED_SECONDS * rate_hz:
        raise InvalidRequest(f"reference audio is longer than {MAX_DECODED_SECONDS:.0f} s; use a shorter clip")
    _check_range(channels)
    return mixed_down(channels), rate_hz, broken_off(data, channels.shape[0], promised)


def mixed_down(channels: Array) -> Array:
    """Make one channel of several, without cancelling a voice that stands in two of them with opposite signs.

    Args:
        channels: [N, C] float32.

    Returns:
        [N] float32: their mean; or the loudest, where the mean is far quieter than its share in that.
    """
    mean = channels.mean(axis=1, dtype=np.float32)
    count = channels.shape[1]
    if count == 1 or not channels.size or not np.isfinite(mean).all():
        return mean
    levels = channels.std(axis=0, dtype=np.float64)
    return channels[:, levels.argmax()] if mean.std(dtype=np.float64) < _CANCELLED * levels.max() / count else mean


def _channels(data: bytes) -> tuple[Array, int, int]:
    """Samples [N, C] float32, at most a frame more than is allowed, their rate, and how many the file says it has."""
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate_hz, kind = file.samplerate, file.format
            if kind not in _FORMATS:
                raise InvalidRequest(f"reference_audio is {kind}; need a WAV, FLAC, OGG or MP3 file")
            _check_rate(rate_hz, kind)
            # One frame more than allowed: a small compressed file must not unpack to hours.
            limit = _limit(rate_hz)
            return file.read(limit, dtype="float32", always_2d=True), rate_hz, min(file.frames, limit)
    except soundfile.LibsndfileError:
        return *_by_ffmpeg(data, file_kind(data)), 0


def _limit(rate_hz: int) -> int:
    return int(MAX_DECODED_SECONDS * rate_hz) + 1


def _check_rate(rate_hz: int, kind: str) -> None:
    if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
        raise InvalidRequest(
            f"reference_audio is {kind} at {rate_hz} Hz; need WAV, FLAC, OGG or MP3 "
            f"at {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz"
        )


def _by_ffmpeg(data: bytes, kind: FileKind) -> tuple[Array, int]:
    """Read what libsndfile cannot; the demuxer is named, so that no playlist is followed to other files.

    Raises:
        InvalidRequest: it is no sound, or PyAV is not installed, or it is broken; with what it is.
    """
    if not kind.is_sound:
        raise InvalidRequest(f"reference_audio cannot be decoded: it is {kind.name}; {kind.advice}")
    convert = f"make a WAV file of it: ffmpeg -i clip.{kind.suffix} clip.wav"
    if av is None:
        advice = f"{convert}; or install gsv-runtime[formats] on the server"
        raise InvalidRequest(f"reference_audio cannot be decoded: it is {kind.name}; {advice}")
    try:
        with av.open(io.BytesIO(data), mode="r", format=kind.demuxer) as container:
            if not container.streams.audio:
                raise InvalidRequest(
                    f"reference_audio cannot be decoded: it is a video without a sound track; {_OTHER}"
                )
            stream = container.streams.audio[0]
            rate_hz = int(stream.rate)
            _check_rate(rate_hz, kind.name)
            blocks = list(_blocks(container.decode(stream), rate_hz))
    except (av.error.FFmpegError, ValueError, RuntimeError):
        found = kind.name if "broken" in kind.name else f"{kind.name}, and broken, or ends too early"
        advice = f"copy or send it again, or {convert}"
        raise InvalidRequest(f"reference_audio cannot be decoded: it is {found}; {advice}") from None
    if not blocks:
        raise InvalidRequest(f"reference_audio cannot be decoded: it is {kind.name} without any sound; {_OTHER}")
    return np.concatenate(blocks), rate_hz


def _blocks(frames: Iterator[Any], rate_hz: int) -> Iterator[Array]:
    """The frames' samples [N, C] float32, until there are more than allowed."""
    resampler = av.AudioResampler(format="fltp", rate=rate_hz)
    left = _limit(rate_hz)
    for frame in frames:
        for even in resampler.resample(frame):
            yield even.to_ndarray().T[:left]
            left -= even.samples
        if left <= 0:
            return


def _check_range(channels: Array) -> None:
    """Refuse integers that were written as float: they would be heard as noise at full scale."""
    peak = float(np.abs(channels).max(initial=0.0))
    if _LARGEST_FLOAT < peak < np.inf:
        divisor = next((scale for scale in (2**7, 2**15, 2**23) if peak <= scale), 2**31)
        advice = f"divide by {divisor}, or write them as integers"
        raise InvalidRequest(f"reference_audio has samples up to {peak:,.0f}; float audio is from -1 to 1; {advice}")

"""Clips to clone from: what browsers record and clients upload, as a file that the server reads; and files by name."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import av
import numpy as np
import soundfile

from gsv_client import InvalidRequest

MAX_REFERENCE_BYTES = 10 << 20  # as at OpenAI
_LONGEST_S = 120.0  # of a clip that is decoded here; the server uses 3 to 10 s of it
_HIGHEST_HZ = 48_000  # to which it is brought; a clip may say that it has a million
# What may be read of what a stranger sends: containers only, so that no playlist makes FFmpeg fetch anything.
_DEMUXER = {"format_whitelist": "wav,flac,ogg,mp3,aac,matroska,webm,mov,mp4,m4a,aiff,caf", "protocol_whitelist": "none"}
_SERVER_READS = (b"RIFF", b"fLaC", b"OggS")


async def decoded_reference(data: bytes, max_bytes: int) -> bytes:
    """A clip as the server reads it: WAV, FLAC and Ogg as they are, all else decoded to WAV.

    Raises:
        InvalidRequest: It is empty, too large, or no audio.
    """
    if not data:
        raise InvalidRequest("the clip is an empty file; need 3 to 10 s of speech")
    if len(data) > max_bytes:
        raise InvalidRequest(f"the clip has {len(data)} bytes; need at most {max_bytes}")
    if data[:4] in _SERVER_READS and await asyncio.to_thread(_is_readable, data):
        return data
    return await asyncio.to_thread(_decoded, data)


def _is_readable(data: bytes) -> bool:
    try:
        soundfile.info(io.BytesIO(data))
    except (soundfile.LibsndfileError, RuntimeError):
        return False
    return True


def _decoded(data: bytes) -> bytes:
    """Any audio that FFmpeg knows, such as a browser's WebM or MP4, as mono WAV at its own rate or 48 kHz."""
    try:
        with av.open(io.BytesIO(data), "r", metadata_errors="ignore", options=_DEMUXER) as container:
            if not container.streams.audio:
                raise InvalidRequest("the clip holds no audio; need a WAV, FLAC, OGG, MP3, WebM or MP4 file")
            rate_hz = min(int(container.streams.audio[0].rate or 0), _HIGHEST_HZ)
            samples = _mono(container, rate_hz)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        found = str(error).splitlines()[0][:80]
        raise InvalidRequest(f"the clip cannot be read ({found}); need WAV, FLAC, OGG, MP3, WebM or MP4") from None
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _mono(container: av.container.InputContainer, rate_hz: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    pieces: list[np.ndarray[tuple[int], np.dtype[np.int16]]] = []
    num_samples = 0
    for frame in container.decode(audio=0):
        for mono in resampler.resample(frame):
            pieces.append(mono.to_ndarray().reshape(-1).astype(np.int16, copy=False))
            num_samples += pieces[-1].size
            if num_samples > _LONGEST_S * rate_hz:
                raise InvalidRequest(f"the clip is longer than {_LONGEST_S:g} s; need 3 to 10 s of speech")
    if not num_samples:
        raise InvalidRequest("the clip holds no sound; need 3 to 10 s of speech")
    return np.concatenate(pieces)


def file_in_folder(folder: Path | None, name: str) -> Path | None:
    """A file that a request names, if it lies in the folder that the operator allowed; None if not.

    Args:
        folder: That folder; None: no file may be named.
        name: A path, relative to the folder or absolute in it; links are followed before it is judged.
    """
    if folder is None or not name or "\0" in name:
        return None
    root = folder.resolve()
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except OSError:  # a name too long
        return None

"""Reference audio: bytes from a client to validated features.

Everything a client can get wrong with a recording is refused here with the figure that was measured.
"""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass

import numpy as np
import soundfile

from gsv_runtime.contract import SAMPLE_RATE_HZ, SSL_SAMPLE_RATE_HZ
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.tensors import Array
from gsv_runtime.voices import signal as audio

MIN_SECONDS, MAX_SECONDS = 3.0, 10.0
MAX_FILE_BYTES = 32 * 2**20
MAX_TRIMMABLE_SECONDS = 120.0
_MIN_RATE_HZ, _MAX_RATE_HZ = 8_000, 192_000
_SILENCE_RMS = 1e-3  # -60 dBFS
_CLIPPED_LEVEL, _CLIPPED_SHARE = 0.999, 0.005
_TRAILING_ZEROS = 9_600  # 0.6 s at 16 kHz: upstream computes 0.3 s at 32 kHz and appends it to 16 kHz audio
_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "OGG", "MP3", "MPEG")


@dataclass(frozen=True)
class ReferenceAudio:
    """A validated reference, as the encoders take it."""

    seconds: float
    audio_16k: Array  # [1, N] float32, zeros appended
    linear_spectrogram: Array  # [1, 1025, F] float32
    fbank: Array  # [1, F, 80] float32


def read_reference(data: bytes, trim: bool = False) -> ReferenceAudio:
    """Decode, validate and analyses a recording.

    Args:
        data: a WAV, FLAC, OGG or MP3 file, any sample rate from 8 to 192 kHz, mono or stereo.
        trim: cut a recording longer than 10 s at its quietest late moment; else it is refused.

    Returns:
        Features for HuBERT, the reference encoder and the speaker encoder.

    Raises:
        InvalidRequest: not audio, too short, too long, silent, clipped, or not finite.

    Source: upstream TTS._get_ref_spec and _set_prompt_semantic (32 kHz by a windowed sinc, 16 kHz by soxr; the 16 kHz
    for the speaker encoder comes from the 32 kHz signal). Deliberately different: more than two channels are averaged
    too, and silent, clipped or broken recordings are refused instead of being spoken with.
    """
    samples, rate_hz = decode_audio(data)
    if trim and samples.size > MAX_SECONDS * rate_hz:
        samples = trim_at_silence(samples, rate_hz)
    check_reference(samples, rate_hz)
    at_16k = audio.resample_soxr(samples, rate_hz, SSL_SAMPLE_RATE_HZ)
    at_32k = audio.resample_sinc(samples, rate_hz, SAMPLE_RATE_HZ)
    peak = float(np.abs(at_32k).max())
    if peak > 1:  # as upstream: overshoot is scaled down, but never below half
        at_32k = at_32k / min(2.0, peak)
    return ReferenceAudio(
        seconds=samples.size / rate_hz,
        audio_16k=np.pad(at_16k, (0, _TRAILING_ZEROS))[np.newaxis],
        linear_spectrogram=audio.linear_spectrogram(at_32k),
        fbank=audio.kaldi_fbank(audio.resample_sinc(at_32k, SAMPLE_RATE_HZ, SSL_SAMPLE_RATE_HZ)),
    )


def decode_audio(data: bytes) -> tuple[Array, int]:
    """Read an audio file's bytes, or their base64, to mono.

    Returns:
        Samples [N] float32 (the mean of the channels) and the sample rate in Hz.

    Raises:
        InvalidRequest: the bytes are not such a file, or it is longer than two minutes.
    """
    if not data:
        raise InvalidRequest("reference_audio is empty; need a WAV, FLAC, OGG or MP3 file")
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequest(f"reference_audio is {len(data)} bytes; at most {MAX_FILE_BYTES}; use a shorter clip")
    data = _unwrap_base64(data)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate_hz, kind = file.samplerate, file.format
            if kind not in _FORMATS or not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
                raise InvalidRequest(
                    f"reference_audio is {kind} at {rate_hz} Hz; need WAV, FLAC, OGG or MP3 "
                    f"at {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz"
                )
            limit = int(MAX_TRIMMABLE_SECONDS * rate_hz)
            # One frame more than allowed: a small compressed file must not unpack to hours.
            channels = file.read(limit + 1, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        raise InvalidRequest("reference_audio cannot be decoded; need a WAV, FLAC, OGG or MP3 file") from None
    if channels.shape[0] > limit:
        raise InvalidRequest(f"reference audio is longer than {MAX_TRIMMABLE_SECONDS:.0f} s; need 3 to 10 s")
    return channels.mean(axis=1, dtype=np.float32), rate_hz


def _unwrap_base64(data: bytes) -> bytes:
    """Decode base64, which is what JSON clients send; audio files hold bytes that base64 has not."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return data


def check_reference(samples: Array, rate_hz: int) -> None:
    """Refuse a recording that no voice can be made from.

    Args:
        samples: [N] float32.
        rate_hz: its sample rate.

    Raises:
        InvalidRequest: with what was measured.
    """
    seconds = samples.size / rate_hz
    broken = int(np.count_nonzero(~np.isfinite(samples)))
    if broken:
        raise InvalidRequest(f"reference audio has {broken} samples that are NaN or infinite; need finite audio")
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        advice = "use a longer clip" if seconds < MIN_SECONDS else "use a shorter clip or set trim_reference"
        raise InvalidRequest(f"reference audio is {seconds:.2f} s; need 3 to 10 s; {advice}")
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    if rms < _SILENCE_RMS:
        level = f"{20 * np.log10(rms):.0f} dBFS" if rms > 0 else "all zeros"
        raise InvalidRequest(f"reference audio is silent ({level}); need speech above -60 dBFS")
    share = clipped_share(samples)
    if share > _CLIPPED_SHARE:
        raise InvalidRequest(f"reference audio is clipped ({share:.1%} of samples at full scale); record it lower")


def clipped_share(samples: Array) -> float:
    """Share of samples inside runs of three or more at full scale; single peaks of 1.0 are normal mastering."""
    full = np.abs(samples) >= _CLIPPED_LEVEL
    triples = full[:-2] & full[1:-1] & full[2:]
    in_run = np.zeros_like(full)
    for shift in range(3):
        in_run[shift : shift + triples.size] |= triples
    return float(in_run.mean())


def trim_at_silence(samples: Array, rate_hz: int) -> Array:
    """Cut a long recording at the quietest 100 ms between 3 and 10 s, the latest if several are as quiet.

    Args:
        samples: [N] float32, longer than 10 s.
        rate_hz: its sample rate.

    Returns:
        The first 3 to 10 s.
    """
    hop = rate_hz // 100
    window = 10 * hop
    power = np.square(np.nan_to_num(samples[: int(MAX_SECONDS * rate_hz)]), dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(int(MIN_SECONDS * rate_hz), power.size - window + 1, hop)
    energy_db = 10 * np.log10((sums[starts + window] - sums[starts]).clip(0) / window + 1e-10)
    quiet = np.flatnonzero(energy_db <= energy_db.min() + 3.0)
    cut = int(starts[quiet[-1]]) + window // 2
    return samples[:cut]

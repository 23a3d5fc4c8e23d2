"""Reference audio: bytes from a client to validated features.

Everything a client can get wrong with a recording is refused here, or told in its report, with what was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gsv_runtime.contract import SAMPLE_RATE_HZ, SSL_SAMPLE_RATE_HZ
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.tensors import Array
from gsv_runtime.voices import signal as audio
from gsv_runtime.voices.audio_files import decode_audio
from gsv_runtime.voices.cleaning import Cleaned, clean
from gsv_runtime.voices.report import ReferenceReport, warnings_of

MIN_SECONDS, MAX_SECONDS = 3.0, 10.0
MIN_AUX_SECONDS, MAX_AUX_SECONDS = 1.0, 30.0  # where only the timbre is used; upstream takes any length
_ENOUGH_SHARE = 2.5 / 3.0  # of the least, of a recording that had it before its silence was cut, as upstream takes it
_SILENCE_RMS = 1e-3  # -60 dBFS
_CLIPPED_LEVEL = 0.999
_AGAIN = "copy or send it again"
_TRAILING_ZEROS = 9_600  # 0.6 s at 16 kHz: upstream computes 0.3 s at 32 kHz and appends it to 16 kHz audio


@dataclass(frozen=True)
class ReferenceAudio:
    """A validated reference, as the encoders take it."""

    seconds: float
    audio_16k: Array  # [1, N] float32, zeros appended
    linear_spectrogram: Array  # [1, 1025, F] float32
    fbank: Array  # [1, F, 80] float32
    report: ReferenceReport


def read_reference(data: bytes, trim: bool = False, *, aux: bool = False) -> ReferenceAudio:
    """Decode, clean, validate and analyse a recording.

    Args:
        data: a WAV, FLAC, OGG or MP3 file, or what PyAV reads, any sample rate from 8 to 192 kHz, mono or stereo.
        trim: cut a recording that is too long at its quietest late moment before 10 s; else it is refused.
        aux: whether only its timbre is used, so that 1 to 30 s will do instead of 3 to 10.

    Returns:
        Features for HuBERT, the reference encoder and the speaker encoder; and what was found.

    Raises:
        InvalidRequest: not audio, too short, too long, silent, or not finite.

    Source: upstream TTS._get_ref_spec and _set_prompt_semantic (32 kHz by a windowed sinc, 16 kHz by soxr; the 16 kHz
    for the speaker encoder comes from the 32 kHz signal). Deliberately different: more than two channels are averaged
    too; offset, rumble and silence are taken out where there is enough of them to do harm; silent or broken recordings
    are refused instead of being spoken with.
    """
    samples, rate_hz, missing = decode_audio(data)
    check_sound(samples, missing)
    cleaned = clean(samples, rate_hz)
    speech = cleaned.samples
    limits_s = (MIN_AUX_SECONDS, MAX_AUX_SECONDS) if aux else (MIN_SECONDS, MAX_SECONDS)
    if trim and speech.size > limits_s[1] * rate_hz:
        speech = trim_at_silence(speech, rate_hz)
    check_length(speech.size / rate_hz, samples.size / rate_hz, cleaned.silence_cut_s, limits_s, missing)
    at_16k = audio.resample_soxr(speech, rate_hz, SSL_SAMPLE_RATE_HZ)
    at_32k = audio.resample_sinc(speech, rate_hz, SAMPLE_RATE_HZ)
    peak = float(np.abs(at_32k).max())
    if peak > 1:  # as upstream: overshoot is scaled down, but never below half
        at_32k = at_32k / min(2.0, peak)
    return ReferenceAudio(
        seconds=speech.size / rate_hz,
        audio_16k=np.pad(at_16k, (0, _TRAILING_ZEROS))[np.newaxis],
        linear_spectrogram=audio.linear_spectrogram(at_32k),
        fbank=audio.kaldi_fbank(audio.resample_sinc(at_32k, SAMPLE_RATE_HZ, SSL_SAMPLE_RATE_HZ)),
        report=_report(cleaned, speech, rate_hz, clipped_share(samples), missing),
    )


def _report(cleaned: Cleaned, speech: Array, rate_hz: int, clipped: float, missing: str) -> ReferenceReport:
    report = ReferenceReport(
        speech_s=speech.size / rate_hz,
        silence_cut_s=cleaned.silence_cut_s,
        level_dbfs=cleaned.activity.speech_dbfs,
        noise_dbfs=cleaned.activity.noise_dbfs,
        clipped_share=clipped,
        offset=cleaned.offset,
        sample_rate_hz=rate_hz,
    )
    return report.noticed(*warnings_of(report, cleaned.rumble, cleaned.activity.varies_db), *filter(None, [missing]))


def check_sound(samples: Array, missing: str = "") -> None:
    """Refuse a recording in which nothing is heard.

    Args:
        samples: [N] float32.
        missing: see `file_kinds.broken_off`.

    Raises:
        InvalidRequest: it is empty, broken or silent; with what was measured.
    """
    if not samples.size:
        found = f"{missing}; {_AGAIN}" if missing else "the file has a header and no sound, or ends too early"
        raise InvalidRequest(f"reference audio is 0.00 s; need 3 to 10 s; {found}")
    broken = int(np.count_nonzero(~np.isfinite(samples)))
    if broken:
        raise InvalidRequest(f"reference audio has {broken} samples that are NaN or infinite; need finite audio")
    rms = float(samples.std(dtype=np.float64))  # what is constant is not heard
    if rms < _SILENCE_RMS:
        level = f"{20 * np.log10(rms):.0f} dBFS" if rms > 0 else "all zeros" if not samples.any() else "one value"
        found = f"{missing}; {_AGAIN}" if missing else "need speech above -60 dBFS"
        raise InvalidRequest(f"reference audio is silent ({level}); {found}")


def check_length(
    seconds: float,
    whole_s: float,
    cut_s: float,
    limits_s: tuple[float, float] = (MIN_SECONDS, MAX_SECONDS),
    missing: str = "",
) -> None:
    """Refuse a recording with too little or too much speech.

    Args:
        seconds: of it that are left.
        whole_s: that it had.
        cut_s: of silence that were cut.
        limits_s: least and most.
        missing: see `file_kinds.broken_off`.

    Raises:
        InvalidRequest: with what was measured.
    """
    found = f"is {whole_s:.2f} s"
    if cut_s:
        found = f"has {seconds:.2f} s of speech ({cut_s:.2f} of {whole_s:.2f} s are silence)"
    least_s, most_s = limits_s
    need = f"need {least_s:g} to {most_s:g} s"
    if seconds < least_s and (whole_s < least_s or seconds < _ENOUGH_SHARE * least_s):
        advice = f"{missing}; {_AGAIN}" if missing else "use a longer clip"
        raise InvalidRequest(f"reference audio {found}; {need}; {advice}")
    if seconds > most_s:
        advice = "use a shorter clip, or have it cut at a pause (trim_reference; gsv: --trim)"
        raise InvalidRequest(f"reference audio {found}; {need}; {advice}")


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

"""Files of every kind are read, or named."""

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.voices import audio_files
from gsv_runtime.voices.audio_files import decode_audio, mixed_down
from gsv_runtime.voices.signal import resample_soxr

RECORDED = {  # what records it: container, codec, the codec's rate in Hz
    "voice memo": ("ipod", "aac", 44_100),
    "voice memo, lossless": ("ipod", "alac", 44_100),
    "video of a phone": ("mp4", "aac", 48_000),
    "QuickTime": ("mov", "aac", 44_100),
    "3GP": ("3gp", "aac", 44_100),
    "Chrome's MediaRecorder": ("webm", "libopus", 48_000),
    "Matroska": ("matroska", "flac", 44_100),
    "Firefox's MediaRecorder": ("ogg", "libopus", 48_000),
    "AAC stream": ("adts", "aac", 44_100),
    "AC-3": ("ac3", "ac3", 48_000),
    "Windows Media": ("asf", "pcm_s16le", 44_100),
    "Core Audio": ("caf", "pcm_s16be", 44_100),
    "WAV with IMA ADPCM": ("wav", "adpcm_ima_wav", 16_000),
    "AVI": ("avi", "mp2", 44_100),
    "Flash": ("flv", "aac", 44_100),
    "transport stream": ("mpegts", "aac", 44_100),
    "WavPack": ("wv", "wavpack", 44_100),
    "True Audio": ("tta", "tta", 44_100),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", RECORDED)
def test_what_phones_browsers_and_messengers_record_is_read(what, read_voice, encode):
    samples, rate_hz = read_voice()
    container, codec, codec_rate_hz = RECORDED[what]
    decoded, found_hz, _ = decode_audio(
        encode(resample_soxr(samples, rate_hz, codec_rate_hz), codec_rate_hz, container, codec)
    )
    at_16k = resample_soxr(decoded, found_hz, 16_000)
    assert abs(at_16k.size - samples.size) < 0.15 * 16_000
    lags = np.fft.irfft(np.fft.rfft(at_16k, 2**17) * np.conj(np.fft.rfft(samples, 2**17)))
    likeness = lags.max() / np.linalg.norm(at_16k) / np.linalg.norm(samples)
    assert likeness > 0.95


def test_amr_is_read(read_voice):
    """A frame of silence of AMR-NB at 12.2 kbit/s, 200 times: no encoder is free, the decoder is."""
    frame = bytes([0x3C]) + bytes(31)
    samples, rate_hz, _ = decode_audio(b"#!AMR\n" + frame * 200)
    assert (rate_hz, samples.size) == (8_000, 32_000)


def test_without_pyav_the_kind_and_the_command_are_named(monkeypatch, read_voice, encode):
    samples, rate_hz = read_voice()
    data = encode(resample_soxr(samples, rate_hz, 44_100), 44_100, "ipod", "aac")
    monkeypatch.setattr(audio_files, "av", None)
    with pytest.raises(
        InvalidRequest, match=r"AAC or ALAC in MP4, as phones record it; .*ffmpeg -i clip\.m4a clip\.wav"
    ):
        decode_audio(data)


def test_a_broken_recording_is_named_as_such(read_voice, encode):
    samples, rate_hz = read_voice()
    data = encode(resample_soxr(samples, rate_hz, 48_000), 48_000, "webm", "libopus")
    for broken in (data[:60], data[:20] + bytes(500)):
        with pytest.raises(InvalidRequest, match="WebM or Matroska"):
            decode_audio(broken)


WRONG = {
    b"<!DOCTYPE html><html><body>404</body></html>": "a web page; open its address",
    b"\n  <html lang='en'>": "a web page",
    b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>": "a web page",
    b'{"error": "not found"}': "JSON; send the file's bytes",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n": "a Git LFS pointer.*git lfs pull",
    b"http://example.com/clip.wav": "a URL; the server fetches none",
    b"https://example.com/a?b=c": "a URL",
    b"C:\\Users\\ann\\clip.wav": "a path; the server reads no files",
    b"/home/ann/clip.wav": "a path",
    b"./clip.wav": "a path",
    b"~/clip.flac": "a path",
    b"file:///home/ann/clip.wav": "a path",
    b"clips/ann.mp3": "a path",
    b"ann.wav": "a path",
    b"Hello, this is what I want to say.": "text; send the bytes of a recording",
    "你好，世界。".encode(): "text; send",
    b"hello": "text; send",
    b"52494646 24080000 57415645": "hexadecimal digits",
    b"524946462408000057415645666d7420": "hexadecimal digits",
    b"#EXTM3U\nhttp://example.com/a.ts": "a playlist",
    bytes(5_000): "nothing but zero bytes",
    b"PK\x03\x04" + bytes(50): "a zip archive; unpack it",
    b"%PDF-1.7 ...": "a PDF document",
    b"\x89PNG\r\n\x1a\n" + bytes(20): "a picture",
    b"\x02#!SILK_V3" + bytes(20): "SILK, a voice message of WeChat",
    b"MThd\x00\x00\x00\x06": "MIDI",
    bytes(range(1, 32)) * 9: "of no kind that is known; need a WAV",
}


@pytest.mark.parametrize("data", WRONG, ids=lambda data: repr(data[:20]))
def test_what_is_no_recording_is_named_for_what_it_is(data):
    with pytest.raises(InvalidRequest, match=f"reference_audio cannot be decoded: it is {WRONG[data]}"):
        decode_audio(data)


@pytest.mark.parametrize(
    ("peak", "divisor"), [(100, 128), (18_000, 32_768), (3_000_000, 8_388_608), (2e9, 2_147_483_648)]
)
def test_integers_that_were_written_as_float_are_refused_with_their_divisor(peak, divisor, read_voice, write_file):
    samples, rate_hz = read_voice()
    data = write_file(samples / np.abs(samples).max() * peak, rate_hz, subtype="FLOAT")
    with pytest.raises(
        InvalidRequest, match=f"samples up to [\\d,]+; float audio is from -1 to 1; divide by {divisor}"
    ):
        decode_audio(data)


def test_channels_that_cancel_each_other_are_not_mixed(read_voice):
    voice, _ = read_voice()
    assert np.array_equal(mixed_down(np.stack([voice, -voice], axis=1)), voice)
    assert np.array_equal(mixed_down(np.stack([-0.9 * voice, voice], axis=1)), voice)
    offset = np.stack([voice + 0.1, -voice + 0.1], axis=1)
    assert np.array_equal(mixed_down(offset), offset[:, 0]) or np.array_equal(mixed_down(offset), offset[:, 1])


@pytest.mark.parametrize("gains", [(1, 1), (1, 0), (0, 1), (1, 0.3), (0, 0, 1, 0, 0, 0), (1, 1, 1, 0, 0.5, 0.5)])
def test_channels_that_agree_are_averaged_as_upstream_does(gains, read_voice):
    voice, _ = read_voice()
    channels = voice[:, np.newaxis] * np.array(gains, np.float32)
    assert np.allclose(mixed_down(channels), voice * np.float32(np.mean(gains)), atol=1e-6)


FINE = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "DOUBLE"),
    ("WAV", "ALAW"),
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "GSM610"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("OGG", "OPUS"),
]


@pytest.mark.parametrize(("kind", "subtype"), FINE)
def test_what_libsndfile_reads_needs_no_ffmpeg(kind, subtype, read_voice, write_file, monkeypatch):
    monkeypatch.setattr(audio_files, "av", None)
    samples, rate_hz = read_voice()
    decoded, found_hz, _ = decode_audio(write_file(samples, rate_hz, kind, subtype))
    assert (decoded.size / found_hz) == pytest.approx(samples.size / rate_hz, abs=0.05)

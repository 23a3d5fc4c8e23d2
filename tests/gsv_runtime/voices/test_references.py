import base64
import io
import re

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.voices.audio_files import decode_audio
from gsv_runtime.voices.references import clipped_share, read_reference, trim_at_silence


def test_features_have_the_sizes_that_the_encoders_expect(make_recording):
    reference = read_reference(make_recording(seconds=5.0))
    assert reference.audio_16k.shape == (1, 80_000 + 9_600)
    assert not reference.audio_16k[0, -9_600:].any()
    assert reference.linear_spectrogram.shape == (1, 1025, 250)
    assert reference.fbank.shape == (1, 498, 80)
    assert reference.seconds == 5.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_rates_and_channels_give_the_same_spectrogram(make_recording, kind, rate_hz, channels):
    plain = read_reference(make_recording()).linear_spectrogram
    other = read_reference(make_recording(rate_hz=rate_hz, kind=kind, channels=channels)).linear_spectrogram
    inner = slice(10, 180)
    error = np.abs(other[..., inner] - plain[..., inner]).max() / plain.max()
    assert error < (0.02 if kind in ("WAV", "FLAC") else 0.1)


def test_base64_is_read_as_the_file_that_it_carries(make_recording):
    data = make_recording()
    assert np.array_equal(decode_audio(base64.b64encode(data))[0], decode_audio(data)[0])


def with_nan(tone):
    tone[5] = np.nan
    return tone


TONE = 0.3 * np.sin(np.arange(4 * 16_000) * 0.1)
BAD = {
    "is 1.20 s; need 3 to 10 s; use a longer clip": TONE[:19_200],
    "is 12.00 s; need 3 to 10 s; use a shorter clip": np.tile(TONE, 3),
    "1 samples that are NaN or infinite": with_nan(TONE.copy()),
    "64000 samples that are NaN or infinite": np.full(64_000, np.inf),
    "silent \\(all zeros\\)": TONE * 0,
    "silent \\(-9\\d dBFS\\)": TONE * 1e-4,
}


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("told", BAD)
def test_a_bad_recording_is_refused_with_what_was_measured(told, make_recording):
    data = make_recording(rate_hz=16_000, subtype="FLOAT", samples=BAD[told])
    with pytest.raises(InvalidRequest, match=told):
        read_reference(data)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "MP3", "RF64", "W64", "AU", "CAF"])
def test_a_file_that_ends_before_its_header_says_is_told_so_and_not_only_that_it_is_short(kind, read_voice, write_file):
    samples, rate_hz = read_voice()
    data = write_file(np.tile(samples, 2), rate_hz, kind)
    assert read_reference(data).report.warnings == ()
    for short in (data, base64.b64encode(data)):
        with pytest.raises(
            InvalidRequest, match=r"is [01]\.\d+ s; need 3 to 10 s; the file ends before its header says"
        ):
            read_reference(short[: len(short) // 5])
    (warning,) = read_reference(data[: 9 * len(data) // 10]).report.warnings
    assert re.fullmatch(r"the file ends before its header says \([\d,]+ of [\d,]+ (bytes of sound|samples)\)", warning)


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0])
def test_a_file_from_a_pipe_whose_header_knows_no_size_lacks_nothing(size, read_voice, write_file):
    data = bytearray(write_file(*read_voice()))
    start = data.index(b"data") + 4
    data[start : start + 4] = size.to_bytes(4, "little")
    assert "ends before" not in "".join(read_reference(bytes(data)).report.warnings)


@pytest.mark.parametrize("kind", ["FLAC", "OGG"])
def test_a_file_that_cannot_be_read_to_its_end_may_end_too_early(kind, read_voice, write_file):
    data = write_file(*read_voice(), kind)
    with pytest.raises(InvalidRequest, match=r"ends (too early|before its header says)"):
        read_reference(data[: len(data) // 9])


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not audio at all", b"\x00" * 1000, b"/etc/passwd"])
def test_bytes_that_are_no_audio_file_are_refused(data):
    with pytest.raises(InvalidRequest, match=r"reference_audio (is empty|cannot be decoded)"):
        read_reference(data)


@pytest.mark.slow
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise_anything_but_invalid_request(noise, keep_header):
    file = io.BytesIO()
    soundfile.write(file, TONE, 16_000, format="FLAC")
    data = (file.getvalue()[:200] if keep_header else b"") + noise
    with pytest.raises(InvalidRequest):
        read_reference(data)


@pytest.mark.slow
def test_a_small_file_that_unpacks_to_hours_is_refused_unread(make_recording):
    data = make_recording(rate_hz=8_000, kind="FLAC", samples=np.zeros(8_000 * 3600))
    assert len(data) < 1_000_000
    with pytest.raises(InvalidRequest, match="longer than 120 s"):
        read_reference(data)


def test_one_full_scale_peak_is_not_clipping_but_plateaus_are():
    peaks = np.zeros(1000)
    peaks[::10] = 1.0
    assert clipped_share(peaks) == 0.0
    assert clipped_share(np.clip(TONE * 10, -1, 1)) > 0.5


def test_a_long_recording_is_cut_in_its_last_silence_when_asked(make_recording):
    samples = np.tile(TONE, 4)
    samples[7 * 16_000 : 7 * 16_000 + 4_800] = 0
    cut = trim_at_silence(samples, 16_000)
    assert 7.0 < cut.size / 16_000 < 7.3
    reference = read_reference(make_recording(rate_hz=16_000, samples=samples), trim=True)
    assert 7.0 < reference.seconds < 7.3


def test_a_recording_without_silence_is_still_cut_to_what_is_allowed():
    assert 3.0 <= trim_at_silence(np.tile(TONE, 4), 16_000).size / 16_000 <= 10.0

"""A clip with silence, noise, an offset or rumble gives what it gives without; a clean one passes unchanged."""

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.voices.cleaning import clean
from gsv_runtime.voices.references import read_reference
from gsv_runtime.voices.signal import resample_soxr
from gsv_runtime.voices.speech_activity import find_speech, runs

VOICES = ["slt", "rms", "awb", "kal16"]


def silence(seconds, rate_hz):
    return np.zeros(round(seconds * rate_hz), np.float32)


def room(samples, dbfs, seed=0):
    return (samples + 10 ** (dbfs / 20) * np.random.default_rng(seed).standard_normal(samples.size)).astype(np.float32)


@pytest.mark.parametrize("voice", VOICES)
def test_a_clean_recording_passes_unchanged_so_that_upstreams_features_are_ours(voice, read_voice):
    samples, rate_hz = read_voice(voice)
    assert clean(samples, rate_hz).samples is samples


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("dbfs", [None, -70, -60, -50, -40])
@pytest.mark.parametrize(
    ("before_s", "after_s"), [(1, 0), (1.5, 0), (2, 0), (0, 1.5), (0, 2), (1, 1), (2, 2), (4, 0.5)]
)
def test_silence_and_room_noise_at_the_ends_are_cut_against_the_clips_own_level(
    voice, before_s, after_s, dbfs, read_voice
):
    samples, rate_hz = read_voice(voice)
    padded = np.r_[silence(before_s, rate_hz), samples, silence(after_s, rate_hz)]
    padded = padded if dbfs is None else room(padded, dbfs)
    kept_s = clean(padded, rate_hz).samples.size / rate_hz
    assert samples.size / rate_hz - 0.25 < kept_s < samples.size / rate_hz + 0.4


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("gain_db", [-30, -20, 6])
def test_what_is_silence_does_not_depend_on_the_level_of_the_recording(voice, gain_db, read_voice):
    samples, rate_hz = read_voice(voice)
    padded = room(np.r_[silence(1.5, rate_hz), samples, silence(1, rate_hz)], -55)
    cut_s = [clean(padded * np.float32(gain), rate_hz).silence_cut_s for gain in (1, 10 ** (gain_db / 20))]
    assert cut_s[0] == pytest.approx(cut_s[1], abs=0.03)
    assert cut_s[0] > 2


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("pause_s", [1, 2, 3])
@pytest.mark.parametrize("dbfs", [None, -50])
def test_a_long_pause_inside_is_shortened_and_the_speech_on_both_sides_is_kept(voice, pause_s, dbfs, read_voice):
    samples, rate_hz = read_voice(voice)
    speaks = np.flatnonzero(clean(samples, rate_hz).activity.frames)
    middle = speaks[speaks.size // 2] * (rate_hz // 100)
    parted = np.r_[samples[:middle], silence(pause_s, rate_hz), samples[middle:]]
    parted = parted if dbfs is None else room(parted, dbfs)
    kept_s = clean(parted, rate_hz).samples.size / rate_hz
    assert samples.size / rate_hz < kept_s + 0.2 < samples.size / rate_hz + 0.7


@pytest.mark.parametrize("before_s", [0.1, 0.2, 0.3])
def test_a_breath_before_the_first_word_is_left(before_s, read_voice):
    samples, rate_hz = read_voice()
    padded = np.r_[silence(before_s, rate_hz), samples]
    assert clean(padded, rate_hz).samples is padded


def test_soft_first_and_last_sounds_are_kept(read_voice):
    samples, rate_hz = read_voice()
    soft = 0.01 * np.random.default_rng(1).standard_normal(round(0.12 * rate_hz)).astype(np.float32)
    kept = clean(np.r_[silence(2, rate_hz), soft, samples, soft, silence(2, rate_hz)], rate_hz).samples
    assert kept.size >= samples.size + 2 * soft.size


def test_a_click_of_the_mouse_is_no_speech(read_voice):
    samples, rate_hz = read_voice()
    before = silence(2, rate_hz)
    before[rate_hz : rate_hz + 160] = 0.3 * np.random.default_rng(2).standard_normal(160)
    assert clean(np.r_[before, samples], rate_hz).samples.size < samples.size + 0.3 * rate_hz


@pytest.mark.slow
@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("offset", [0.02, 0.05, 0.1, 0.2, 0.4, -0.1, -0.4])
def test_an_offset_is_taken_off_and_told(voice, offset, read_voice, write_file):
    samples, rate_hz = read_voice(voice)
    plain = read_reference(write_file(samples * 0.5, rate_hz, subtype="FLOAT"))
    moved = read_reference(write_file(samples * 0.5 + offset, rate_hz, subtype="FLOAT"))
    error = np.linalg.norm((moved.linear_spectrogram - plain.linear_spectrogram)[:, 3:], axis=1)
    assert error.max() < 0.02 * np.linalg.norm(plain.linear_spectrogram, axis=1).max()
    assert np.abs(moved.audio_16k.mean()) < 1e-3
    if abs(offset) > 0.02:
        assert moved.report.offset == pytest.approx(offset, abs=0.01)
        assert any("constant offset" in told for told in moved.report.warnings)


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_rumble_and_drift_are_taken_off_at_every_rate(rate_hz, read_voice):
    recorded, source_hz = read_voice()
    samples = resample_soxr(recorded, source_hz, rate_hz)
    times = np.arange(samples.size) / rate_hz
    for below in (0.1 * np.sin(2 * np.pi * 8 * times), np.linspace(-0.3, 0.3, samples.size), 0.2 * np.exp(-times)):
        cleaned = clean((samples + below).astype(np.float32), rate_hz)
        assert cleaned.rumble
        assert np.std(cleaned.samples - samples) < 0.15 * samples.std()


def test_limits_count_speech_and_say_how_much_is_silence(read_voice, write_file):
    samples, rate_hz = read_voice()
    one = samples[: 2 * rate_hz]
    with pytest.raises(
        InvalidRequest, match=r"has 2\.\d\d s of speech \(\d\.\d\d of 6\.00 s are silence\); need 3 to 10"
    ):
        read_reference(write_file(np.r_[silence(2, rate_hz), one, silence(2, rate_hz)], rate_hz))
    reference = read_reference(write_file(np.r_[silence(5, rate_hz), samples, silence(5, rate_hz)], rate_hz))
    assert reference.seconds < 4
    assert any(
        "10.0 of 13." in told or "9.9 of 13." in told or "9.8 of 13." in told for told in reference.report.warnings
    )


def test_what_upstream_takes_is_not_refused_because_a_second_of_it_is_silence(read_voice, write_file):
    samples, rate_hz = read_voice()
    reference = read_reference(write_file(np.r_[silence(0.5, rate_hz), samples[: round(2.7 * rate_hz)]], rate_hz))
    assert 2.5 < reference.seconds < 3


@pytest.mark.slow
def test_a_quiet_a_noisy_a_clipped_a_dull_and_a_voiceless_recording_are_told(read_voice, write_file):
    samples, rate_hz = read_voice()

    def told(samples, rate_hz=rate_hz):
        return " ".join(read_reference(write_file(samples, rate_hz, subtype="FLOAT")).report.warnings)

    assert told(samples) == ""
    assert "which is quiet" in told(samples * 0.02)
    assert "dB below the speech; record in a quieter room" in told(
        room(np.r_[silence(1, rate_hz), samples, silence(1, rate_hz)], -38)
    )
    assert "of the samples are clipped at full scale" in told(np.clip(samples * 12, -1, 1))
    assert "samples a second, which sounds dull" in told(samples[::2], rate_hz // 2)
    assert "so loud that it was clipped before this file was made" in told(np.clip(samples * 12, -1, 1) * 0.95)
    assert "nobody may be speaking in it" in told(room(silence(5, rate_hz), -20))


def test_stretches_of_equal_flags_are_found():
    assert runs(np.array([True, True, False, True])) == [(True, 0, 2), (False, 2, 3), (True, 3, 4)]


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("below_db", [0, 3, 5, 8])
def test_noise_that_covers_every_pause_is_measured_too(voice, below_db, read_voice):
    samples, rate_hz = read_voice(voice)
    speech_dbfs = find_speech(samples, rate_hz).speech_dbfs
    found = find_speech(room(samples, speech_dbfs - below_db), rate_hz)
    assert found.noise_dbfs == pytest.approx(speech_dbfs - below_db, abs=3)


def test_a_tone_is_no_speech_in_noise():
    tone = 0.1 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 16_000).astype(np.float32)
    assert find_speech(tone, 16_000).noise_dbfs is None

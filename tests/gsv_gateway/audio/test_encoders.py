import io

import av
import numpy as np
import pytest
import soundfile

from gsv_gateway.audio.formats import OPENAI_FORMATS, SOVITS_FORMATS

PIECE_S, PIECES = 0.1, 20


def hum(rate_hz, index):
    size = round(PIECE_S * rate_hz)
    times = (np.arange(size) + index * size) / rate_hz
    return (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)


def encoded(audio_format):
    rate_hz = audio_format.default_hz
    encoder = audio_format.open(rate_hz)
    return [encoder.encode(hum(rate_hz, index)) for index in range(PIECES)] + [encoder.finish()]


def decoded(data, container=None):
    with av.open(io.BytesIO(data), format=container) as opened:
        frames = [frame.to_ndarray() for frame in opened.decode(audio=0)]
        rate_hz = opened.streams.audio[0].rate
    samples = np.concatenate([frame.reshape(-1) for frame in frames])
    return samples / (32768 if samples.dtype.kind == "i" else 1), rate_hz


def pitch_hz(samples, rate_hz):
    return np.fft.rfftfreq(samples.size, 1 / rate_hz)[np.abs(np.fft.rfft(samples)).argmax()]


@pytest.mark.parametrize("name", sorted(OPENAI_FORMATS))
def test_no_format_loses_the_beginning_or_the_end_of_a_stream(name):
    data = b"".join(encoded(OPENAI_FORMATS[name]))
    if name == "pcm":
        samples, rate_hz = np.frombuffer(data, "<i2") / 32768, 24_000
    else:
        samples, rate_hz = decoded(data)
    assert samples.size / rate_hz == pytest.approx(PIECE_S * PIECES, abs=0.08)  # codecs pad to whole frames
    assert samples.size / rate_hz >= PIECE_S * PIECES - 1e-3
    assert pitch_hz(samples, rate_hz) == pytest.approx(220, abs=2)
    middle = samples[samples.size // 4 : 3 * samples.size // 4]  # AAC rings where the hum begins and ends
    assert np.abs(middle).max() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("name", sorted(OPENAI_FORMATS))
def test_every_format_puts_out_bytes_while_it_is_fed(name):
    pieces = encoded(OPENAI_FORMATS[name])
    assert all(pieces[1:PIECES])
    assert pieces[0], "the first tenth of a second leaves at once"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ogg", "aac"])
def test_every_piece_that_a_gpt_sovits_client_gets_decodes_alone(name):
    for piece in encoded(SOVITS_FORMATS[name])[:PIECES]:
        samples, rate_hz = decoded(piece)
        assert rate_hz == 32_000
        assert samples.size / rate_hz >= PIECE_S - 0.005
        assert pitch_hz(samples, rate_hz) == pytest.approx(220, abs=10)


def test_libsndfile_reads_what_it_knows():
    for name in ("wav", "mp3", "opus"):  # not FLAC: it wants the length, which the header of a stream cannot say
        samples, rate_hz = soundfile.read(io.BytesIO(b"".join(encoded(OPENAI_FORMATS[name]))))
        assert len(samples) / rate_hz == pytest.approx(PIECE_S * PIECES, abs=0.08)


def test_a_whole_flac_says_its_length():
    found = OPENAI_FORMATS["flac"]
    samples, rate_hz = soundfile.read(io.BytesIO(found.whole(hum(32_000, 0), 32_000)))
    assert (len(samples), rate_hz) == (3_200, 32_000)


@pytest.mark.parametrize("name", sorted(OPENAI_FORMATS | SOVITS_FORMATS))
def test_a_stream_without_a_sample_ends_without_an_error(name):
    found = (OPENAI_FORMATS | SOVITS_FORMATS)[name]
    assert isinstance(found.open(found.default_hz).finish(), bytes)


@pytest.mark.parametrize("name", sorted(OPENAI_FORMATS))
def test_every_rate_that_a_format_promises_can_be_opened(name):
    found = OPENAI_FORMATS[name]
    for rate_hz in found.rates_hz or (8_000, 22_050, 96_000):
        encoder = found.open(rate_hz)
        assert encoder.encode(hum(rate_hz, 0)) + encoder.finish()

import asyncio
import io
import socket

import av
import numpy as np
import pytest
import soundfile

from gsv_client import InvalidRequest
from gsv_gateway.references import decoded_reference, file_in_folder


def recorded(container, codec, rate_hz, seconds=4.0):
    """A clip as browsers and phones make them."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as opened:
        stream = opened.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        hum = (9_000 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(hum.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate_hz
        opened.mux(stream.encode(frame))
        opened.mux(stream.encode(None))
    return file.getvalue()


def decoded(data, max_bytes=10 << 20):
    return asyncio.run(decoded_reference(data, max_bytes))


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [("webm", "libopus", 48_000), ("mp4", "aac", 44_100), ("mp3", "libmp3lame", 24_000), ("adts", "aac", 32_000)],
)
def test_what_browsers_and_phones_record_becomes_a_wav(container, codec, rate_hz):
    samples, found_hz = soundfile.read(io.BytesIO(decoded(recorded(container, codec, rate_hz))))
    assert found_hz == rate_hz
    assert len(samples) / rate_hz == pytest.approx(4.0, abs=0.1)
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    assert np.abs(middle).max() == pytest.approx(9_000 / 32_768, rel=0.1)


def test_what_the_server_reads_itself_is_handed_on_as_it_is(clip):
    assert decoded(clip) is clip


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty file"),
        (b"x" * 11, "at most 10"),
        (b"RIFF", "cannot be read"),
        (b"\x00" * 9, "cannot be read"),
    ],
)
def test_what_is_no_clip_is_refused_with_the_reason(data, words):
    with pytest.raises(InvalidRequest, match=words):
        decoded(data, max_bytes=10)


@pytest.mark.parametrize(
    "playlist",
    ["#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/x.ts\n", "ffconcat version 1.0\nfile http://127.0.0.1:{port}/x\n"],
)
def test_no_playlist_makes_the_gateway_fetch_anything(playlist):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        with pytest.raises(InvalidRequest, match="cannot be read"):
            decoded(playlist.format(port=server.getsockname()[1]).encode())
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.slow
def test_a_clip_of_hours_is_not_decoded_to_its_end():
    with pytest.raises(InvalidRequest, match="longer than 120 s"):
        decoded(recorded("mp3", "libmp3lame", 8_000, seconds=300))


@pytest.mark.parametrize("name", ["", "..", "../outside.wav", "/etc/passwd", "a\0b", "x" * 9_000, "missing.wav"])
def test_no_name_leaves_the_folder(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "outside.wav").write_bytes(b"x")
    assert file_in_folder(tmp_path / "in", name) is None


def test_without_a_folder_there_is_no_file(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"x")
    assert file_in_folder(None, str(tmp_path / "a.wav")) is None
    assert file_in_folder(tmp_path, "a.wav") == tmp_path / "a.wav"


def test_a_rate_that_nobody_records_at_takes_no_more_room_than_another():
    samples, found_hz = soundfile.read(io.BytesIO(decoded(recorded("caf", "pcm_s16be", 384_000))))
    assert found_hz == 48_000
    assert len(samples) / found_hz == pytest.approx(4.0, abs=0.1)

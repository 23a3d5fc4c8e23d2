import io
import wave

from gsv_gateway.audio.wav import HEADER_BYTES, wav_header


def test_the_header_of_a_whole_file_is_exact():
    with wave.open(io.BytesIO(wav_header(24_000, 5) + bytes(10))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes()) == (24_000, 1, 2, 5)


def test_the_header_of_a_stream_is_44_bytes_and_says_that_it_does_not_know_its_length():
    header = wav_header(32_000)
    assert len(header) == HEADER_BYTES
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"
    assert int.from_bytes(header[24:28], "little") == 32_000

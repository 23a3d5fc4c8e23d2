"""Samples into a format's bytes, piece by piece; every encoder is closed by `finish`, or its last packet is lost.

Delays and what each format needs: docs/gateway.md.
"""

from __future__ import annotations

import io
from typing import Protocol

import av
import lameenc
import numpy as np
import soundfile

from gsv_gateway.audio.samples import Samples, pcm16
from gsv_gateway.audio.wav import wav_header


class Encoder(Protocol):
    """Takes [N] float32 at its sample rate."""

    def encode(self, samples: Samples) -> bytes:
        """The bytes that are ready by these samples; may be none."""
        ...

    def finish(self) -> bytes:
        """The last bytes."""
        ...


class PcmEncoder:
    """Bare little-endian 16-bit samples."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz

    def encode(self, samples: Samples) -> bytes:
        """Every sample at once."""
        return pcm16(samples)

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""


class WavEncoder(PcmEncoder):
    """A header of unknown length, with the first samples in one piece: clients parse the first read as a header."""

    _header_sent = False

    def encode(self, samples: Samples) -> bytes:
        """The samples; before the first, the header."""
        header = b"" if self._header_sent else wav_header(self.rate_hz)
        self._header_sent = True
        return header + pcm16(samples)

    def finish(self) -> bytes:
        """A header where no sample came."""
        return b"" if self._header_sent else wav_header(self.rate_hz)


class Mp3Encoder:
    """MP3 by LAME, constant bit rate, no Xing frame: it could only be written at the end."""

    def __init__(self, rate_hz: int, kbit_s: int = 128) -> None:
        self._lame = lameenc.Encoder()
        self._lame.set_bit_rate(kbit_s)
        self._lame.set_in_sample_rate(rate_hz)
        self._lame.set_out_sample_rate(rate_hz)
        self._lame.set_channels(1)
        self._lame.set_quality(5)
        self._lame.silence()
        self._begun = False

    def encode(self, samples: Samples) -> bytes:
        """Whole frames."""
        if not samples.size:
            return b""
        self._begun = True
        return bytes(self._lame.encode(pcm16(samples)))

    def finish(self) -> bytes:
        """The last frames; LAME refuses to end what has not begun."""
        return bytes(self._lame.flush()) if self._begun else b""


class _Written:
    """What a muxer wrote and nobody has taken; it cannot seek, so no muxer rewrites what has been sent."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._data)
        self._data.clear()
        return taken


class AvEncoder:
    """A codec and a container of FFmpeg.

    Args:
        container: FFmpeg's name of the container.
        codec: FFmpeg's name of the codec.
        rate_hz: Sample rate; Opus knows 8, 12, 16, 24 and 48 kHz only.
        bit_rate: Bits a second; 0 where the codec has none.
        options: The container's options.
        codec_options: The codec's options.
    """

    def __init__(
        self,
        container: str,
        codec: str,
        rate_hz: int,
        bit_rate: int = 0,
        options: dict[str, str] | None = None,
        codec_options: dict[str, str] | None = None,
    ) -> None:
        self._written, self._rate_hz, self._fed = _Written(), rate_hz, 0
        flushed = {"flush_packets": "1", **(options or {})}
        self._container = av.open(self._written, "w", format=container, options=flushed)
        stream = self._container.add_stream(codec, rate=rate_hz, options=codec_options or {})
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        self._stream.layout = "mono"
        if bit_rate:
            self._stream.bit_rate = bit_rate

    def encode(self, samples: Samples) -> bytes:
        """Whole packets."""
        if samples.size:
            data = np.frombuffer(pcm16(samples), dtype="<i2").reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate_hz, self._fed
            self._fed += samples.size
            self._container.mux(self._stream.encode(frame))
        return self._written.take()

    def finish(self) -> bytes:
        """The last packets, and what the container ends with."""
        if self._fed:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._written.take()


OPUS_BITS = 6_000, 510_000  # a second: what the codec knows
_FEW_BITS = 32_000  # below, the heads of pages of 20 ms (11 kbit/s) would be most of the stream


def opus_encoder(rate_hz: int, bit_rate: int = 64_000) -> AvEncoder:
    """Opus in Ogg; a page holds 20 ms instead of a second, so that it leaves as soon as it is spoken.

    Args:
        rate_hz: Sample rate.
        bit_rate: Bits a second; with few, a page holds 200 ms, and the codec is tuned for speech.
    """
    few = bit_rate < _FEW_BITS
    pages, application = ("200000", "voip") if few else ("20000", "audio")
    return AvEncoder("ogg", "libopus", rate_hz, bit_rate, {"page_duration": pages}, {"application": application})


def aac_encoder(rate_hz: int, bit_rate: int = 96_000) -> AvEncoder:
    """AAC in ADTS frames."""
    return AvEncoder("adts", "aac", rate_hz, bit_rate)


def flac_encoder(rate_hz: int) -> AvEncoder:
    """FLAC in blocks of 1152 samples instead of 4096: a quarter of the delay."""
    return AvEncoder("flac", "flac", rate_hz, codec_options={"frame_size": "1152"})


class WholeFileEncoder:
    """Each piece a complete file of libsndfile, as GPT-SoVITS streams Ogg: its clients decode every piece alone."""

    def __init__(self, rate_hz: int, container: str, subtype: str) -> None:
        self._rate_hz, self._container, self._subtype = rate_hz, container, subtype

    def encode(self, samples: Samples) -> bytes:
        """One file."""
        if not samples.size:
            return b""
        file = io.BytesIO()
        soundfile.write(file, samples, self._rate_hz, format=self._container, subtype=self._subtype)
        return file.getvalue()

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""


class PieceEncoder:
    """Each piece through an encoder of its own, so that it decodes alone."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz

    def encode(self, samples: Samples) -> bytes:
        """The whole piece, its last packet included."""
        if not samples.size:
            return b""
        encoder = aac_encoder(self._rate_hz, bit_rate=192_000)
        return encoder.encode(samples) + encoder.finish()

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""

"""The formats by name: media type, sample rate, encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gsv_gateway.audio.encodec import Encodec
from gsv_gateway.audio.encoders import (
    AvEncoder,
    Encoder,
    Mp3Encoder,
    PcmEncoder,
    PieceEncoder,
    WavEncoder,
    WholeFileEncoder,
    aac_encoder,
    flac_encoder,
    opus_encoder,
)
from gsv_gateway.audio.samples import Samples, pcm16
from gsv_gateway.audio.wav import wav_header

MODEL_HZ = 32_000
OPENAI_HZ = 24_000  # OpenAI's clients play bare samples at this rate without asking


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: As clients ask for it.
        media_type: Content type; "{rate}" stands for the sample rate.
        default_hz: Sample rate unless the client asks for another.
        rates_hz: Sample rates that the codec knows; empty: any.
        open: Makes an encoder of a sample rate.
        cheap: Whether encoding takes no time to speak of, so that no thread is needed.
        whole: Writes a whole file, where its header can then say how long it is; None: as a stream is written.
    """

    name: str
    media_type: str
    default_hz: int
    open: Callable[[int], Encoder]
    rates_hz: tuple[int, ...] = ()
    cheap: bool = False
    whole: Callable[[Samples, int], bytes] | None = None

    def content_type(self, rate_hz: int) -> str:
        """The media type of a stream at that rate."""
        return self.media_type.format(rate=rate_hz)


def _whole_wav(samples: Samples, rate_hz: int) -> bytes:
    return wav_header(rate_hz, samples.size) + pcm16(samples)


def _whole_flac(samples: Samples, rate_hz: int) -> bytes:
    return WholeFileEncoder(rate_hz, "FLAC", "PCM_16").encode(samples)


_MP3_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_AAC_HZ = (*_MP3_HZ, 64_000, 88_200, 96_000)
_OPUS_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
LOWEST_HZ, HIGHEST_HZ = 8_000, 96_000

OPENAI_FORMATS = {
    each.name: each
    for each in (
        Format("mp3", "audio/mpeg", MODEL_HZ, Mp3Encoder, _MP3_HZ),
        Format("opus", "audio/ogg; codecs=opus", 48_000, opus_encoder, _OPUS_HZ),
        Format("aac", "audio/aac", MODEL_HZ, aac_encoder, _AAC_HZ),
        Format("flac", "audio/flac", MODEL_HZ, flac_encoder, whole=_whole_flac),
        Format("wav", "audio/wav", OPENAI_HZ, WavEncoder, cheap=True, whole=_whole_wav),
        Format("pcm", "audio/pcm;rate={rate};channels=1", OPENAI_HZ, PcmEncoder, cheap=True),
    )
}


ENCODEC = "encodec"  # by its name, where the operator has weights


def encodec_format(model: Encodec, bit_rate: int) -> Format:
    """EnCodec at a rate, bits a second."""
    return Format(
        ENCODEC,
        "application/x-ecdc",
        model.rate_hz,
        lambda _: model.encoder(bit_rate),
        (model.rate_hz,),
        whole=lambda samples, _: model.whole(samples, bit_rate),
    )


def _vorbis(rate_hz: int) -> Encoder:
    return WholeFileEncoder(rate_hz, "OGG", "VORBIS")


def _whole_vorbis(samples: Samples, rate_hz: int) -> bytes:
    return _vorbis(rate_hz).encode(samples)


def _whole_aac(samples: Samples, rate_hz: int) -> bytes:
    return PieceEncoder(rate_hz).encode(samples)


def _telephone(law: str, container: str) -> Callable[[int], Encoder]:
    # bitexact: FFmpeg does not write its own name between the header and the samples
    return lambda rate_hz: AvEncoder(container, f"pcm_{law}", rate_hz, options={"fflags": "+bitexact"})


# What Deepgram has beside OpenAI's: eight bits a sample, as telephones speak, by encoding and container.
DEEPGRAM_FORMATS = {
    (law, container): Format(law, media_type, 8_000, _telephone(law, "wav" if container == "wav" else law), cheap=True)
    for law in ("mulaw", "alaw")
    for container, media_type in (("none", f"audio/{law};rate={{rate}};channels=1"), ("wav", "audio/wav"))
}

# What GPT-SoVITS's api_v2 knows, and the two that its relatives add.
SOVITS_FORMATS = {
    each.name: each
    for each in (
        Format("wav", "audio/wav", MODEL_HZ, WavEncoder, cheap=True, whole=_whole_wav),
        Format("raw", "audio/raw", MODEL_HZ, PcmEncoder, cheap=True),
        Format("ogg", "audio/ogg", MODEL_HZ, _vorbis, whole=_whole_vorbis),
        Format("aac", "audio/aac", MODEL_HZ, PieceEncoder, whole=_whole_aac),
        Format("mp3", "audio/mpeg", MODEL_HZ, Mp3Encoder, _MP3_HZ),
        Format("flac", "audio/flac", MODEL_HZ, flac_encoder, whole=_whole_flac),
    )
}

"""The body of `POST /v1/audio/speech`: OpenAI's fields, the additions of its relatives, and ours.

Unknown keys are ignored, as clients send each other's; a null is a field left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gsv_client import Options
from gsv_client.languages import language_named
from gsv_gateway.audio.encodec import DEFAULT_BIT_RATE, Encodec
from gsv_gateway.audio.encoders import OPUS_BITS, opus_encoder
from gsv_gateway.audio.formats import ENCODEC, HIGHEST_HZ, LOWEST_HZ, OPENAI_FORMATS, Format, encodec_format
from gsv_gateway.audio.samples import split_speed
from gsv_gateway.problems import RequestRefused
from gsv_gateway.speech_response import Wanted

MAX_INSTRUCTIONS = 4_096
Language = Annotated[
    Literal["auto", "auto_yue", "zh", "en", "ja", "ko", "yue", "all_zh", "all_ja", "all_ko", "all_yue"],
    BeforeValidator(lambda value: language_named(value) if isinstance(value, str) else value),
]


class VoiceReference(BaseModel):
    """A voice by its id, as OpenAI's own voices are named."""

    id: str


class SpeechBody(BaseModel):
    """What is to be said, and how."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(description="A model of /v1/models; tts-1, gpt-4o-mini-tts, kokoro … are whatever is served.")
    input: str = Field(description="What to say; text or SSML.")
    voice: str | VoiceReference = Field(default="", description="A registered voice; OpenAI's names are the default.")
    instructions: str = Field(default="", max_length=MAX_INSTRUCTIONS, description="Accepted; the model takes none.")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "encodec"] = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio", "sse", "json"] = Field(
        default="audio", description="json: one object with the audio in base64, its duration and its words."
    )
    timestamp_granularities: list[Literal["word", "phone"]] = Field(
        default=[], description="When each word, or each phone, is said; with stream_format sse or json."
    )
    stream: bool = Field(default=True, description="false: one piece with its exact length.")
    sample_rate: int = Field(default=0, description="Hz; 0: the format's, 24000 for wav and pcm.")
    bitrate: int = Field(
        default=0, description="Bits a second: opus 6000 to 510000, 0 is 64000; encodec 750 to 24000, 0 is 6000."
    )
    skip_samples: int = Field(default=0, ge=0, description="Samples of pcm that the client has: it goes on there.")
    language: Language = Field(default="auto", description="Language of the text, in any case, or a tag such as en-US.")
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1, description="The same seed gives the same audio.")
    top_k: int | None = Field(default=None, ge=1, le=100_000)
    top_p: float | None = Field(default=None, ge=0, le=1)
    temperature: float | None = Field(default=None, ge=0, le=5)
    repetition_penalty: float | None = Field(default=None, ge=0.5, le=5)
    noise_scale: float | None = Field(default=None, ge=0, le=2)
    pause_s: float | None = Field(default=None, ge=0, le=5)
    final_pause_s: float | None = Field(default=None, ge=0, le=5)
    split_method: Literal["cut0", "cut1", "cut2", "cut3", "cut4", "cut5"] | None = None
    lexicon: str | None = None
    loudness: float | None = Field(default=None, ge=-40, le=0, description="LUFS; 0: as the model speaks.")
    retries: int | None = Field(default=None, ge=0, le=5, description="Sentences that went wrong are said again.")
    cache: Literal["audio", "tokens", "features", "off"] | None = None
    priority: Literal["interactive", "batch"] | None = None

    @property
    def voice_name(self) -> str:
        """The voice, whichever way it was named."""
        return self.voice if isinstance(self.voice, str) else self.voice.id

    def wanted(self, encodec: Encodec | None = None) -> Wanted:
        """How the answer is to sound.

        Args:
            encodec: The operator's EnCodec; None: it is not offered.

        Raises:
            RequestRefused: There is no such format here, or it knows no such sample rate or bit rate.
        """
        found = self._encodec(encodec) if self.response_format == ENCODEC else OPENAI_FORMATS[self.response_format]
        rate_hz = self.sample_rate or found.default_hz
        if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ or (found.rates_hz and rate_hz not in found.rates_hz):
            needed = ", ".join(map(str, found.rates_hz)) or f"{LOWEST_HZ} to {HIGHEST_HZ}"
            raise _refused("sample_rate", f"sample_rate is {rate_hz}; {found.name} needs one of {needed}")
        if self.bitrate and found.name != ENCODEC:
            found = self._at_bitrate(found)
        if self.skip_samples and (found.name != "pcm" or self.seed is None):
            message = "skip_samples goes on where a stream broke; need response_format pcm and its seed"
            raise _refused("skip_samples", message)
        return Wanted(found, rate_hz, split_speed(self.speed)[1], self.skip_samples)

    def _encodec(self, model: Encodec | None) -> Format:
        if model is None:
            message = "this gateway has no EnCodec; its operator may start it with --encodec FOLDER; opus is there"
            raise _refused("response_format", message)
        low, high = model.bit_rates
        if self.bitrate and not low <= self.bitrate <= high:
            raise _refused("bitrate", f"bitrate is {self.bitrate} for {ENCODEC}; need {low} to {high}")
        return encodec_format(model, self.bitrate or DEFAULT_BIT_RATE)

    def _at_bitrate(self, found: Format) -> Format:
        low, high = OPUS_BITS
        if found.name != "opus" or not low <= self.bitrate <= high:
            message = f"bitrate is {self.bitrate} for {found.name}; need {low} to {high} and response_format opus"
            raise _refused("bitrate", message)
        return replace(found, open=lambda rate_hz: opus_encoder(rate_hz, self.bitrate))

    @property
    def timestamps(self) -> str:
        """What times the server is asked for.

        Raises:
            RequestRefused: The answer has no place for them.
        """
        if self.timestamp_granularities and self.stream_format == "audio":
            message = "timestamp_granularities need stream_format sse or json; audio alone has no times"
            raise _refused("timestamp_granularities", message)
        return self.finest_times

    @property
    def finest_times(self) -> str:
        """The finest of the times that were asked for, as the server calls it."""
        return "phone" if "phone" in self.timestamp_granularities else "word" if self.timestamp_granularities else "off"

    def options(self, voice_id: str, model: str | None = None) -> Options:
        """What the server is asked; `model` is its own name of the model, None: the voice's."""
        return Options(
            voice=voice_id,
            model=model,
            language=self.language,
            speed=split_speed(self.speed)[0],
            seed=self.seed,
            top_k=self.top_k,
            top_p=self.top_p,
            temperature=self.temperature,
            repetition_penalty=self.repetition_penalty,
            noise_scale=self.noise_scale,
            pause_s=self.pause_s,
            final_pause_s=self.final_pause_s,
            split_method=self.split_method,
            lexicon=self.lexicon,
            loudness=self.loudness,
            timestamps=self.timestamps,
            retries=self.retries,
            cache=self.cache,
            priority=self.priority,
            streaming="chunk" if self.stream else "sentence",
        )


def _refused(param: str, message: str) -> RequestRefused:
    return RequestRefused(400, message, param=param)

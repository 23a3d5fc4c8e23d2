"""Fields of GPT-SoVITS's requests, as its servers and their relatives name them, checked in api_v2's order.

Source: RVC-Boss/GPT-SoVITS 48b1a01, api_v2.py and api.py. Different on purpose: nulls are fields left out, a wrong type
is 400 and not 422, and what only tunes upstream's batching is accepted and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsv_client import Options
from gsv_client.languages import LANGUAGES, language_named
from gsv_gateway.audio.formats import SOVITS_FORMATS
from gsv_gateway.audio.samples import split_speed
from gsv_gateway.problems import RequestRefused
from gsv_gateway.speech_response import Wanted

SPLIT_METHODS = ("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
# What api.py and GSVI call them, and a spelling that one client has by default.
_LABELS = {
    "中文": "all_zh",
    "英文": "en",
    "英语": "en",
    "日文": "all_ja",
    "日语": "all_ja",
    "粤语": "all_yue",
    "韩文": "all_ko",
    "韩语": "all_ko",
    "中英混合": "zh",
    "日英混合": "ja",
    "粤英混合": "yue",
    "韩英混合": "ko",
    "多语种混合": "auto",
    "多语种混合(粤语)": "auto_yue",
    "audo": "auto",
}
_SPLIT_LABELS = {
    "不切": "cut0",
    "凑四句一切": "cut1",
    "凑50字一切": "cut2",
    "按中文句号。切": "cut3",
    "按英文句号.切": "cut4",
    "按标点符号切": "cut5",
}
_TRUE, _FALSE = ("true", "yes", "y", "on", "t", "1", "ture"), ("false", "no", "n", "off", "f", "0")
_STREAMING = ("off", "sentence", "chunk", "chunk")  # by api_v2's number
_SLOWEST, _FASTEST = 0.25, 4.0
_LONGEST_PAUSE_S = 5.0
_ALL_TOKENS = 1025


class SovitsBody(BaseModel):
    """One request, in api_v2's names."""

    model_config = ConfigDict(extra="ignore")

    text: str = ""
    text_lang: str = ""
    ref_audio_path: str = Field(default="", description="A registered voice, by its name or a path that ends in it.")
    aux_ref_audio_paths: list[str] = Field(
        default=[], description="More clips of that speaker: files of the operator's folder, or data: URLs."
    )
    prompt_text: str = ""
    prompt_lang: str = ""
    top_k: int = 15
    top_p: float = 1.0
    temperature: float = 1.0
    text_split_method: str = "cut5"
    speed_factor: float = 1.0
    fragment_interval: float = 0.3
    seed: int = -1
    media_type: str = "wav"
    streaming_mode: int | str | bool = False
    repetition_penalty: float = 1.35

    @field_validator("aux_ref_audio_paths", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """One path is a list of one; empty ones are left out, as upstream does."""
        paths = [value] if isinstance(value, str) else value
        return [path for path in paths if path not in ("", None)] if isinstance(paths, list) else paths

    @field_validator("text_lang", "prompt_lang", "text_split_method", "media_type", mode="after")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.strip().lower()

    @property
    def language(self) -> str:
        """The text's language in our word."""
        return _LABELS.get(self.text_lang) or language_named(self.text_lang)

    @property
    def prompt_language(self) -> str | None:
        """The reference's language in our word; None where it is not said."""
        return _LABELS.get(self.prompt_lang) or language_named(self.prompt_lang) or None

    @property
    def split_method(self) -> str:
        """How the text is cut, in our word."""
        return _SPLIT_LABELS.get(self.text_split_method, self.text_split_method)

    @property
    def pause_s(self) -> float:
        """Silence after each sentence, in seconds."""
        return min(max(self.fragment_interval, 0.0), _LONGEST_PAUSE_S)

    def check(self) -> None:
        """Refuse as api_v2 does, in its order and words.

        Raises:
            RequestRefused: 400 with the first fault.
        """
        if not self.text.strip():
            raise _refused("text is required", "text")
        if not self.text_lang:
            raise _refused("text_lang is required", "text_lang")
        if self.language not in LANGUAGES:
            raise _unsupported("text_lang: ", self.text_lang, LANGUAGES)
        if self.prompt_language not in (None, *LANGUAGES):
            raise _unsupported("prompt_lang: ", self.prompt_lang, LANGUAGES)
        if self.media_type not in SOVITS_FORMATS and self.media_type != "auto":
            raise _unsupported("media_type: ", self.media_type, SOVITS_FORMATS)
        if self.split_method not in SPLIT_METHODS:
            raise _unsupported("text_split_method:", self.text_split_method, SPLIT_METHODS)
        if not _SLOWEST <= self.speed_factor <= _FASTEST:
            message = f"speed_factor is {self.speed_factor}; need {_SLOWEST} to {_FASTEST:g}"
            raise _refused(message, "speed_factor")
        streaming_of(self.streaming_mode)

    @property
    def streaming(self) -> str:
        """What a piece of the answer holds: "off", "sentence" or "chunk"."""
        return streaming_of(self.streaming_mode)

    def wanted(self) -> Wanted:
        """How the answer is to sound."""
        found = SOVITS_FORMATS["wav" if self.media_type == "auto" else self.media_type]
        return Wanted(found, found.default_hz, split_speed(self.speed_factor)[1])

    def options(self) -> Options:
        """What the server is asked, but for the voice."""
        greedy = self.temperature <= 0  # upstream divides by it, kept just above 0
        return Options(
            language=self.language,
            speed=split_speed(self.speed_factor)[0],
            top_k=1 if greedy else min(self.top_k, _ALL_TOKENS),
            top_p=min(max(self.top_p, 0.0), 1.0),
            temperature=1.0 if greedy else self.temperature,
            repetition_penalty=self.repetition_penalty,
            seed=self.seed if self.seed >= 0 else None,
            pause_s=self.pause_s,
            final_pause_s=self.pause_s,  # upstream puts it after the last sentence, too
            split_method=self.split_method,
            streaming="sentence" if self.streaming == "off" else self.streaming,
        )


def streaming_of(mode: int | str | bool) -> str:
    """What api_v2's streaming_mode means: a number 0 to 3, a boolean, or either as text.

    Raises:
        RequestRefused: It is something else.
    """
    text = str(mode).strip().lower()
    if text in _TRUE:
        return _STREAMING[1]
    if text in _FALSE:
        return _STREAMING[0]
    if text in ("2", "3"):
        return _STREAMING[int(text)]
    message = "the value of streaming_mode must be 0, 1, 2, 3(int) or true/false(bool)"
    raise _refused(message, "streaming_mode")


# Other servers' names for our fields, the first that is given counts.
_OTHER_NAMES = {
    "text_lang": ("text_language", "language"),
    "ref_audio_path": (
        "refer_wav_path",
        "target_voice",
        "cha_name",
        "character",
        "model_name",
        "speaker_wav",
        "card_name",
    ),
    "aux_ref_audio_paths": ("inp_refs",),
    "prompt_lang": ("prompt_language", "prompt_text_lang"),
    "speed_factor": ("speed", "speed_facter"),
    "streaming_mode": ("stream",),
}


LISTS = ("aux_ref_audio_paths", "inp_refs")


def values_of(items: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Fields of a query or of a form: of a name that comes twice the last, but all of those that are lists."""
    values: dict[str, Any] = {}
    for name, value in items:
        name = name.removesuffix("[]")
        values[name] = [*values.get(name, ()), value] if name in LISTS else value
    return values


def in_api_v2_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of any of these servers, in api_v2's names; empty text is a field left out."""
    named = {name: value for name, value in values.items() if value is not None and value != ""}
    for name, others in _OTHER_NAMES.items():
        for other in others:
            if other in named:
                named.setdefault(name, named[other])
    return named


def is_legacy(values: Mapping[str, Any]) -> bool:
    """Whether a request is api.py's: it names the language otherwise."""
    return "text_lang" not in values and "text_language" in values


def _unsupported(opening: str, value: str, known: Iterable[str]) -> RequestRefused:
    """Name the field and the value as api_v2 does, and what would do."""
    message = f"{opening}{value[:40]} is not supported; need one of {', '.join(known)}"
    return _refused(message, opening.rstrip(": "))


def _refused(message: str, param: str) -> RequestRefused:
    return RequestRefused(400, message, param=param)

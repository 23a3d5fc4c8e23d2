"""The wire: names and types of the server's tensors, requests into arrays, answers into chunks.

No I/O here. The client is installed without the server's code, so the tensor names are written down a second
time; tests/repository/test_client_protocol.py holds them equal to gsv_runtime/contract.py.
"""

from __future__ import annotations

import base64
import binascii
import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict

import numpy as np

from gsv_client.audio import Chunk, Dropped, Samples, word_faults_of, words_of
from gsv_client.errors import InternalError, InvalidRequest
from gsv_client.languages import LANGUAGES
from gsv_client.references import ReferenceAudio, clips_of, reference_bytes

TTS_MODEL = "tts"
VOICES_MODEL = "voices"
STAGE_MODELS = (
    "text_frontend",
    "bert",
    "hubert",
    "speech_tokenizer",
    "speaker_encoder",
    "reference_encoder",
    "t2s",
    "acoustic",
    "vocoder",
)

Tensors: TypeAlias = "dict[str, np.ndarray[Any, Any]]"
Response: TypeAlias = "Mapping[str, Any]"

AUX_REFERENCE = "aux_reference_audio"  # the one input that is a list
_REFERENCE_INPUTS = {
    "reference_audio": "BYTES",
    "prompt_text": "BYTES",
    "prompt_language": "BYTES",
    "trim_reference": "BOOL",
    AUX_REFERENCE: "BYTES",
}
TTS_INPUTS = {
    "text": "BYTES",
    "language": "BYTES",
    "voice": "BYTES",
    "model": "BYTES",
    **_REFERENCE_INPUTS,
    "speed": "FP32",
    "top_k": "INT32",
    "top_p": "FP32",
    "temperature": "FP32",
    "repetition_penalty": "FP32",
    "seed": "INT64",
    "noise_scale": "FP32",
    "pause_s": "FP32",
    "final_pause_s": "FP32",
    "split_method": "BYTES",
    "lexicon": "BYTES",
    "encoding": "BYTES",
    **dict.fromkeys(("answer", "known_voice"), "BYTES"),  # for a device that makes the audio itself
    "latent_kbit_s": "FP32",  # likewise
    "streaming": "BYTES",
    "priority": "BYTES",
    "loudness": "FP32",
    "deadline_s": "FP32",
    "timestamps": "BYTES",
    "retries": "INT32",
    "cache": "BYTES",
}
TTS_OUTPUTS = (
    "waveform",
    "audio_base64",
    "sample_rate_hz",
    "chunk_index",
    "sentence_index",
    "sentence",
    "timing_ms",
    *("finish_reason", "final", "source", "dropped", "words", "word_faults", "warnings"),
    *("semantic_tokens", "phones", "decoding", "global_condition", "latents", "latent_codes", "heard_frames"),
)


@dataclass(frozen=True)
class Allowed:
    """What an option may be, and what it is when left out; empty: see `Options`."""

    values: str
    default: str

    def help(self, what: str) -> str:
        """Say so after a description, as command lines do."""
        return f"{what}: {self.values}." + (f" [default: {self.default}]" if self.default else "")


_LANGUAGES = ", ".join(LANGUAGES)
# As the server's contract has it; tests/repository/test_client_protocol.py holds the two copies equal.
ALLOWED = {
    "prompt_language": Allowed(_LANGUAGES, "auto"),
    "language": Allowed(_LANGUAGES, "auto"),
    "speed": Allowed("0.5 to 2", "1"),
    "top_k": Allowed("1 to 100000", "15"),
    "top_p": Allowed("0 to 1", "1"),
    "temperature": Allowed("0 to 5", "1"),
    "repetition_penalty": Allowed("0.5 to 5", "1.35"),
    "noise_scale": Allowed("0 to 2", "0.5"),
    "pause_s": Allowed("0 to 5", "0.3"),
    "final_pause_s": Allowed("0 to 5", "0"),
    "split_method": Allowed("cut0, cut1, cut2, cut3, cut4, cut5", "cut5"),
    "encoding": Allowed("float32, pcm16_base64", "float32"),
    "answer": Allowed("audio, tokens, latents", "audio"),
    "latent_kbit_s": Allowed("0 to 12", "8"),
    "streaming": Allowed("chunk, sentence, off", "chunk"),
    "priority": Allowed("interactive, batch", "interactive"),
    "loudness": Allowed("-40 to 0", "0"),
    "deadline_s": Allowed("above 0 to 3600", "3600"),
    "timestamps": Allowed("off, word, phone", "off"),
    "retries": Allowed("0 to 5", "2"),
    "cache": Allowed("off, features, tokens, audio", ""),
}
VOICES_INPUTS = dict.fromkeys(("action", "voice", "model", "after"), "BYTES") | _REFERENCE_INPUTS | {"loudness": "FP32"}
VOICES_OUTPUTS, VOICES_PER_LIST = ("voices", "voices_json", "warnings"), 1_000  # voices in one answer

_NUMPY_DTYPES: dict[str, type[np.generic]] = {
    "FP32": np.float32,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}


class Options(TypedDict, total=False):
    """Everything that `synthesize` and `stream` take beside the text; what is left out is the server's default.

    Attributes:
        voice: Id of a registered voice; or give `reference_audio`.
        model: Which of the server's fine-tunes speaks; left out, the voice's, else the first.
        language: "auto", "zh", "en", "ja", "ko", "yue", "auto_yue", "all_zh" …; in any case, or as a tag, "en-US".
        reference_audio: The voice to imitate, 3 to 10 s: a path, bytes of a file, or (samples [N] or [N, C], Hz).
        prompt_text, prompt_language: What is said in `reference_audio`, and its language.
        trim_reference: Cut a longer reference at a silence.
        aux_reference_audio: Up to 10 more clips of that speaker, 1 to 30 s each; the timbre is the mean of all.
        speed: 0.5 to 2.
        top_k: Candidates kept; 1 is greedy, 1025 and more are all.
        top_p: Probability mass kept; 0 is greedy.
        temperature: 0, which is greedy, to 5.
        repetition_penalty: 0.5 to 5; 1 is none.
        seed: The same seed gives the same audio.
        noise_scale: 0 to 2.
        pause_s, final_pause_s: Silence after each sentence but the last, and after the last, in seconds.
        split_method: How text is cut into sentences, "cut0" to "cut5".
        lexicon: Your own pronunciations, a line each: a word and its phones or pinyin, or word = other words.
        streaming: What a chunk holds: "chunk", a piece of a sentence as soon as it is there; "sentence"; "off", all.
        priority: "interactive", or "batch", which yields to it.
        loudness: LUFS that speech is brought to, such as -16; 0 as the model speaks. Left out: the voice's own.
        deadline_s: The server gives up this many seconds after the request came.
        timestamps: "word" tells when each word is said, "phone" also when each of its phones is; see `Audio.words`.
        retries: How often the server says a sentence again, before it is sent, that went wrong; 0 as upstream.
        cache: What the server may reuse instead of computing it: "audio" (without a seed: any take that it has),
            "tokens", "features" or "off". Left out, it is "audio" with a seed, and "features" without.
    """

    voice: str | None
    model: str | None
    language: str | None
    reference_audio: ReferenceAudio | None
    prompt_text: str | None
    prompt_language: str | None
    trim_reference: bool | None
    aux_reference_audio: Sequence[ReferenceAudio] | None
    speed: float | None
    top_k: int | None
    top_p: float | None
    temperature: float | None
    repetition_penalty: float | None
    seed: int | None
    noise_scale: float | None
    pause_s: float | None
    final_pause_s: float | None
    split_method: str | None
    lexicon: str | None
    streaming: str | None
    priority: str | None
    loudness: float | None
    deadline_s: float | None
    timestamps: str | None
    retries: int | None
    cache: str | None


@dataclass(frozen=True)
class Voice:
    """A registered voice.

    Attributes:
        voice: Its id.
        prompt_text: What is said in its reference.
        prompt_language: Language of that.
        seconds: Length of the reference, silence left out.
        created: When it was made, ISO 8601.
        report: What the server found in the reference: speech_s, silence_cut_s, level_dbfs, noise_dbfs,
            clipped_share, offset, sample_rate_hz, phones_per_s, prompt_text_used, and warnings, a sentence each. Of
            several references also similarity, its mean cosine with the others by similarity_by, and others, the same
            of each. Empty where it does not say.
        loudness: LUFS that its speech is brought to unless a request says otherwise; 0: as the model speaks.
        model: Name of the fine-tune that it was registered for; empty: the first.
    """

    voice: str
    prompt_text: str = ""
    prompt_language: str = ""
    seconds: float = 0.0
    created: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    loudness: float = 0.0
    model: str = ""


def tts_inputs(text: str, options: Mapping[str, Any], encoding: str) -> Tensors:
    """Build the inputs of one synthesis.

    Args:
        text: What to say.
        options: As in `Options`; values of None are left out.
        encoding: How audio travels back: "float32" or "pcm16_base64".

    Raises:
        TypeError: An option is unknown.
        InvalidRequest: A value cannot be put on the wire.
    """
    if unknown := sorted(set(options) - set(Options.__annotations__)):
        raise TypeError(f"unknown option {', '.join(unknown)}; known are {', '.join(sorted(Options.__annotations__))}")
    return tensors_of({"text": text, **options, "encoding": encoding}, TTS_INPUTS)


def with_text(inputs: Tensors, text: str, last: bool) -> Tensors:
    """The inputs of a synthesis with another text, for a part of a long one; the last has the silence at its end."""
    silent = () if last else ("final_pause_s",)
    kept = {name: array for name, array in inputs.items() if name not in silent}
    return {**kept, **tensors_of({"text": text}, TTS_INPUTS)}


def pause_between_s(options: Mapping[str, Any]) -> float:
    """Silence between two sentences that a request asks for, or the server's own."""
    asked = options.get("pause_s")
    return float(ALLOWED["pause_s"].default if asked is None else asked)


def voices_inputs(action: str, **values: Any) -> Tensors:
    """Build the inputs of one call to `voices`; `action` is "register", "list" or "delete"."""
    return tensors_of({"action": action, **values}, VOICES_INPUTS)


def tensors_of(values: Mapping[str, Any], dtypes: Mapping[str, str]) -> Tensors:
    """Values as arrays of shape [1], and lists as arrays of their length; those of None are left out."""
    return {name: _tensor(name, value, dtypes[name]) for name, value in values.items() if value is not None}


def _tensor(name: str, value: Any, dtype: str) -> np.ndarray[Any, Any]:
    """One value as an array of shape [1], or several clips as one of their number."""
    if name == AUX_REFERENCE:
        array = np.empty(len(clips := clips_of(value)), dtype=np.object_)
        array[:] = [reference_bytes(clip) for clip in clips]
        return array
    if name == "reference_audio":
        value = reference_bytes(value)
    try:
        if dtype == "BYTES":
            return np.array([value if isinstance(value, bytes) else str(value).encode("utf-8")], dtype=np.object_)
        return np.array([_number(value, dtype)], dtype=_NUMPY_DTYPES[dtype])
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{name} has a lone surrogate at character {error.start}; need valid Unicode") from None
    except (ValueError, TypeError, OverflowError):
        raise InvalidRequest(f"{name} is {value!r}; need a value that fits {dtype}") from None


def _number(value: Any, dtype: str) -> float:
    """The value, if the type holds it without loss of meaning: no cut fractions, no wrapped integers."""
    if dtype == "FP32":
        return float(value)
    lowest, highest = (0, 1) if dtype == "BOOL" else (np.iinfo(dtype.lower()).min, np.iinfo(dtype.lower()).max)
    number = operator.index(value)
    if not lowest <= number <= highest:
        raise OverflowError(dtype)
    return number


def json_inputs(tensors: Tensors) -> dict[str, Any]:
    """The same inputs as a JSON object for `generate_stream`; bytes that are no UTF-8 become base64."""
    return {name: values if name == AUX_REFERENCE else values[0] for name, values in _json_values(tensors)}


def infer_body(tensors: Tensors, dtypes: Mapping[str, str]) -> dict[str, Any]:
    """The same inputs as the JSON body of KServe's `infer`."""
    return {
        "inputs": [
            {"name": name, "shape": [len(values)], "datatype": dtypes[name], "data": values}
            for name, values in _json_values(tensors)
        ]
    }


def _json_values(tensors: Tensors) -> Iterator[tuple[str, list[Any]]]:
    return ((name, [_json_value(name, value) for value in array]) for name, array in tensors.items())


def _json_value(name: str, value: Any) -> Any:
    if name in ("reference_audio", AUX_REFERENCE):
        return base64.b64encode(value).decode("ascii")
    return value.decode("utf-8") if isinstance(value, bytes) else value.item()


def infer_outputs(body: Mapping[str, Any]) -> Response:
    """Outputs of a KServe `infer` answer, by name."""
    return {output["name"]: output["data"] for output in body.get("outputs", ())}


def parse_chunk(response: Response) -> Chunk:
    """One answer of `tts`, from gRPC arrays or from JSON values.

    Raises:
        InternalError: The answer is not what `tts` promises.
    """
    try:
        samples = np.asarray(response.get("waveform", ()), dtype=np.float32).reshape(-1)
        if not samples.size and (encoded := _text(response.get("audio_base64", ""))):
            samples = pcm16_samples(base64.b64decode(encoded, validate=True))
        return Chunk(
            samples=samples,
            sample_rate=int(_scalar(response["sample_rate_hz"])),
            index=int(_scalar(response["chunk_index"])),
            sentence_index=int(_scalar(response["sentence_index"])),
            sentence=_text(response.get("sentence", "")),
            timing_ms={stage: float(ms) for stage, ms in json.loads(_text(response.get("timing_ms")) or "{}").items()},
            finish_reason=_text(response.get("finish_reason")),
            final=bool(_scalar(response.get("final", False))),
            source=_text(response.get("source")),
            dropped=parse_dropped(response),
            words=words_of(texts_of(response.get("words", ()))),
            word_faults=word_faults_of(texts_of(response.get("word_faults", ()))),
            warnings=tuple(texts_of(response.get("warnings", ()))),
        )
    except (KeyError, ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise InternalError(f"the server's answer cannot be read: {error!r}; run `gsv doctor`") from error


def parse_dropped(response: Response) -> tuple[Dropped, ...]:
    """What of a text is not said, as `tts` and `text_frontend` answer it; nothing where a server does not say."""
    return tuple(
        Dropped(str(item["text"]), str(item["reason"]), int(item.get("times", 1)))
        for item in map(json.loads, texts_of(response.get("dropped", ())))
    )


def texts_of(values: Any) -> list[str]:
    """Take the texts of a tensor, from a gRPC array, a JSON list, or the one value that a list of one is over HTTP."""
    if isinstance(values, (str, bytes)):
        return [_text(values)] if values else []
    return [_text(item) for item in np.asarray(values, dtype=object).reshape(-1)]


def pcm16_samples(data: bytes) -> Samples:
    """Little-endian 16-bit samples as [N] float32 in [-1, 1]."""
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32767.0


def parse_voices(response: Response) -> list[Voice]:
    """The voices of a `voices` answer."""
    return [_voice(json.loads(item)) for item in texts_of(response.get("voices", ()))]


def _voice(item: Mapping[str, Any]) -> Voice:
    return Voice(
        voice=str(item["voice"]),
        prompt_text=str(item.get("prompt_text", "")),
        prompt_language=str(item.get("prompt_language", "")),
        seconds=float(item.get("seconds", 0.0)),
        created=str(item.get("created", "")),
        report=dict(item.get("report") or {}),
        loudness=float(item.get("loudness") or 0.0),
        model=str(item.get("model", "")),
    )


def _scalar(value: Any) -> Any:
    return np.asarray(value).reshape(-1)[0]


def _text(value: Any) -> str:
    """A string output: str from JSON, bytes in an array from gRPC, nothing where it is absent or empty."""
    if isinstance(value, np.ndarray | list | tuple):
        value = value[0] if len(value) else b""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value or "")

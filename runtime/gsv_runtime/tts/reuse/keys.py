"""What an entry is found by: SHA-256 over everything that decides its content, and nothing else.

Every value is written with its type and its length, so that two lists of values never give the same bytes. No name of a
voice and no transcript alone is ever a key: a voice enters by the content of its tensors.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gsv_runtime.cache.entry import Key
from gsv_runtime.speech_request import ReferenceRequest, Sampling, SpeechRequest
from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.voices.store import Voice

EPOCH = 1  # of what entries hold; raise it when that changes
ANY_SEED = None  # where any take will do


@dataclass(frozen=True)
class Fingerprints:
    """What decides a result beside the request: the build, the code and the libraries; see fingerprints.py."""

    text: str  # of the front end and BERT
    speech: str  # of everything


@dataclass(frozen=True)
class SpeechParameters:
    """How a sentence is spoken, beside who speaks it and what it says."""

    sampling: Sampling
    seed: int | None  # of this sentence; ANY_SEED
    speed: float  # the request's and the sentence's own, as it is spoken
    noise_scale: float
    schedule: ChunkSchedule  # where its audio is cut
    retries: int  # of a take that is at fault
    aligned: bool  # whether the phones of its tokens are kept beside its audio


def stage_key(model: str, inputs: Mapping[str, Any], fingerprints: Fingerprints) -> Key:
    """Of a text stage's answer, which depends on all that it is called with.

    Args:
        model: name of the stage.
        inputs: name to array, number or text.
        fingerprints: of this server.
    """
    return _key("features", fingerprints.text, model, inputs)


def voice_key(reference: ReferenceRequest, fingerprints: Fingerprints) -> Key:
    """Of all that is derived from a recording."""
    parts = (reference.audio, reference.prompt_text, reference.prompt_language, reference.trim, *reference.aux_audio)
    return _key("voice", fingerprints.speech, *parts)


def loudness_key(voice: Voice, fingerprints: Fingerprints) -> Key:
    """Of how loud the model speaks with a voice."""
    return _key("voice", fingerprints.speech, "loudness", voice.content)


def tokens_key(
    sentence: Sentence, language: str, voice: Voice, parameters: SpeechParameters, fingerprints: Fingerprints
) -> Key:
    """Of a sentence's semantic tokens, which do not depend on speed and noise; on the schedule if they may be mended.

    Args:
        sentence: with the Chinese characters that BERT reads, from which its features follow.
        language: that its text was read in.
        voice: who speaks.
        parameters: how.
        fingerprints: of this server.
    """
    return _key("tokens", fingerprints.speech, *_spoken(sentence, language, voice, parameters))


def audio_key(
    sentence: Sentence, language: str, voice: Voice, parameters: SpeechParameters, fingerprints: Fingerprints
) -> Key:
    """Of a sentence's audio, without the pause after it; arguments as of `tokens_key`."""
    decoding = (parameters.speed, parameters.noise_scale, tuple(vars(parameters.schedule).values()), parameters.aligned)
    return _key("audio", fingerprints.speech, *_spoken(sentence, language, voice, parameters), *decoding)


def _spoken(sentence: Sentence, language: str, voice: Voice, parameters: SpeechParameters) -> tuple[Any, ...]:
    sampling = parameters.sampling
    drawn = (sampling.top_k, sampling.top_p, sampling.temperature, sampling.repetition_penalty)
    runs = [(run.phone_start, run.token_ids, run.word_to_phone) for run in sentence.runs]
    speaker = (voice.content, voice.prompt_text, voice.prompt_language)
    retakes = (parameters.retries, tuple(vars(parameters.schedule).values()) if parameters.retries else ())
    watched = ("words",) if parameters.aligned else ()  # a take with a word at fault is drawn again
    return speaker, language, sentence.text, sentence.phones, runs, drawn, parameters.seed, *retakes, *watched


# Fields of a request that are no part of any key, and why they cannot matter.
WITHOUT_EFFECT: Mapping[type, Mapping[str, str]] = {
    SpeechRequest: {
        "voice": "a name; what it stands for is in the key by its content",
        "pause_s": "silence after a sentence; added to what is stored",
        "final_pause_s": "likewise",
        "encoding": "made of what is stored",
        "priority": "when, not what",
        "deadline_s": "when, not what",
        "cache": "whether to look",
        "answer": "tokens are not kept as answers",
        "known_voice": "likewise",
        "latent_kbit_s": "likewise",
        "seeded": "decides whether the seed or ANY_SEED is in the key",
        "loudness": "a gain; what is stored is multiplied by it",
        "model": "a name; its weights are in the fingerprint",
    },
    Sampling: {},
    ReferenceRequest: {},
}


def _key(kind: str, fingerprint: str, *parts: Any) -> Key:
    digest = hashlib.sha256()
    for part in (EPOCH, kind, fingerprint, *parts):
        _write(digest.update, part)
    return Key(kind, digest.hexdigest())


def content_digest(*parts: Any) -> str:
    """SHA-256 over values with their types: None, bool, int, float, str, bytes, arrays; and lists and maps of them."""
    digest = hashlib.sha256()
    for part in parts:
        _write(digest.update, part)
    return digest.hexdigest()


def _write(write: Any, value: Any) -> None:
    """Hand `write` one value's bytes: a letter for its type, its length, itself."""
    plain = _PLAIN.get(type(value))
    if plain is not None:
        plain(write, value)
    elif isinstance(value, np.ndarray) and value.dtype != np.object_:
        _sized(write, b"a", value.dtype.newbyteorder("<").str.encode())
        _write_all(write, b"l", value.shape)
        write(np.ascontiguousarray(value, value.dtype.newbyteorder("<")).data)
    elif isinstance(value, np.generic):
        _write(write, value.item())
    elif isinstance(value, Mapping):
        _write_all(write, b"m", [item for pair in sorted(value.items()) for item in pair])
    elif isinstance(value, Sequence):
        _write_all(write, b"l", value)
    else:
        raise TypeError(f"{type(value).__name__} cannot be part of a key")


def _sized(write: Any, kind: bytes, data: bytes) -> None:
    write(kind + len(data).to_bytes(8, "little"))
    write(data)


def _write_all(write: Any, kind: bytes, values: Sequence[Any]) -> None:
    write(kind + len(values).to_bytes(8, "little"))
    for value in values:
        _write(write, value)


_PLAIN: Mapping[type, Callable[[Any, Any], None]] = {
    type(None): lambda write, value: write(b"n"),
    bool: lambda write, value: write(b"b1" if value else b"b0"),
    int: lambda write, value: _sized(write, b"i", str(value).encode()),
    float: lambda write, value: write(b"f" + struct.pack("<d", value)),
    str: lambda write, value: _sized(write, b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda write, value: _sized(write, b"y", value),
}

"""What a client asked `tts` and `voices` for: validated once, at the edge, before any stage runs."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import numpy as np

from gsv_runtime import contract
from gsv_runtime import reuse_policy as policy
from gsv_runtime.contract import (
    ACTIONS,
    AS_AUDIO,
    BY_SENTENCE,
    INTERACTIVE,
    LIST,
    MAX_AUX_REFERENCES,
    MAX_TEXT_CHARACTERS,
    NO_TIMES,
    OFF,
    Choice,
    Range,
)
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import mode_named
from gsv_runtime.tensors import Arrays

MAX_PROMPT_CHARACTERS = 500
_BESIDE_A_REFERENCE = ("prompt_text", "prompt_language", "trim_reference", "aux_reference_audio")
_VOICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ALLOWED = {tensor.name: tensor.allowed for tensor in contract.TTS.inputs}


@dataclass(frozen=True)
class Sampling:
    """How `t2s` draws tokens."""

    top_k: int
    top_p: float
    temperature: float
    repetition_penalty: float
    seed: int


@dataclass(frozen=True)
class ReferenceRequest:
    """A recording to speak like, its transcript (empty: none, only the timbre is used), and more of the same voice."""

    audio: bytes
    prompt_text: str
    prompt_language: str
    trim: bool
    aux_audio: tuple[bytes, ...] = ()  # only their timbre is used


@dataclass(frozen=True)
class SpeechRequest:
    """What to say and how; either `voice` or `reference` is given."""

    text: str
    language: str
    voice: str | None
    reference: ReferenceRequest | None
    speed: float
    sampling: Sampling
    noise_scale: float
    pause_s: float
    split_method: str
    encoding: str
    final_pause_s: float = 0.0
    streaming: str = BY_SENTENCE  # what a response holds: one of STREAMING
    priority: str = INTERACTIVE
    deadline_s: float = 3600.0  # after arrival
    lexicon: str = ""
    timestamps: str = NO_TIMES  # whether to tell when words are said: one of TIMESTAMPS
    retries: int = 0  # how often a sentence whose take is at fault is said again
    cache: str = OFF  # what may be reused: one of REUSE_LEVELS
    answer: str = AS_AUDIO  # what comes back: one of ANSWERS
    known_voice: str = ""  # of a device: content of the voice that it has
    latent_kbit_s: float = 0.0  # with latents: what the codec makes of them; 0: they are sent as they are
    seeded: bool = True  # whether the seed was asked for, or drawn
    loudness: float | None = None  # LUFS; 0: as the model speaks; None: the voice's own
    model: str = ""  # name of a fine-tune; empty: the voice's, else the first

    @property
    def is_timed(self) -> bool:
        """Whether to tell when words are said."""
        return self.timestamps != NO_TIMES


@dataclass(frozen=True)
class VoiceRequest:
    """What to do with which voice."""

    action: str
    voice: str | None
    reference: ReferenceRequest | None
    loudness: float = 0.0  # LUFS that its speech is brought to; 0: as the model speaks
    model: str = ""  # name of the fine-tune that it is registered for; empty: the first
    after: str = ""  # of a list: where it goes on


def parse_speech_request(inputs: Arrays) -> SpeechRequest:
    """Validate the inputs of `tts`.

    Args:
        inputs: decoded tensors by name.

    Raises:
        InvalidRequest: a value is out of its range, or no voice is named.
    """
    text = str(inputs["text"][0])
    if not text.strip():
        raise InvalidRequest("text is empty; need at least one word")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidRequest(f"text has {len(text)} characters; at most {MAX_TEXT_CHARACTERS}; send it in parts")
    voice, reference = _voice_id(inputs), _reference(inputs)
    if (voice is None) == (reference is None):
        found = "both voice and reference_audio" if voice else "neither voice nor reference_audio"
        raise InvalidRequest(f"{found} given; need one of them")
    seeded = "seed" in inputs
    return SpeechRequest(
        text=text,
        language=_language(inputs, "language"),
        voice=voice,
        reference=reference,
        speed=_number(inputs, "speed"),
        sampling=parse_sampling(inputs),
        noise_scale=_number(inputs, "noise_scale"),
        pause_s=_number(inputs, "pause_s"),
        final_pause_s=_number(inputs, "final_pause_s"),
        split_method=_choice(inputs, "split_method"),
        lexicon=str(inputs["lexicon"][0]) if "lexicon" in inputs else "",
        encoding=_choice(inputs, "encoding"),
        streaming=_choice(inputs, "streaming"),
        priority=_choice(inputs, "priority"),
        deadline_s=_number(inputs, "deadline_s"),
        timestamps=_choice(inputs, "timestamps"),
        retries=int(_number(inputs, "retries")),
        cache=_cache_level(inputs, seeded),
        answer=_choice(inputs, "answer"),
        known_voice=str(inputs["known_voice"][0]) if "known_voice" in inputs else "",
        latent_kbit_s=_number(inputs, "latent_kbit_s"),
        seeded=seeded,
        loudness=_number(inputs, "loudness") if "loudness" in inputs else None,
        model=_model_name(inputs),
    )


def _cache_level(inputs: Arrays, seeded: bool) -> str:
    """What may be reused; who makes the audio itself gets fresh ones, because what is kept of sentences is audio."""
    level = policy.level(_choice(inputs, "cache"), seeded)
    is_audio = _choice(inputs, "answer") == AS_AUDIO
    return level if is_audio or not policy.allows(level, policy.TOKENS) else policy.FEATURES


def parse_sampling(inputs: Arrays) -> Sampling:
    """Validate the sampling inputs, which `tts` and `t2s` share.

    Raises:
        InvalidRequest: a value is out of its range.
    """
    return Sampling(
        top_k=int(_number(inputs, "top_k")),
        top_p=_number(inputs, "top_p"),
        temperature=_number(inputs, "temperature"),
        repetition_penalty=_number(inputs, "repetition_penalty"),
        seed=_seed(inputs),
    )


def parse_voice_request(inputs: Arrays) -> VoiceRequest:
    """Validate the inputs of `voices`.

    Raises:
        InvalidRequest: the action is unknown, or it lacks or has surplus inputs.
    """
    action = _one_of("action", str(inputs["action"][0]), ACTIONS)
    voice, reference = _voice_id(inputs), _reference(inputs)
    if (voice is None) != (action == "list"):
        raise InvalidRequest(f"action {action} {'needs' if voice is None else 'takes no'} voice")
    if (reference is None) == (action == "register"):
        raise InvalidRequest(f"action {action} {'needs' if reference is None else 'takes no'} reference_audio")
    if "loudness" in inputs and action != "register":
        raise InvalidRequest(f"action {action} takes no loudness")
    model = _model_name(inputs)
    if model and action != "register":
        raise InvalidRequest(f"action {action} takes no model")
    after = str(inputs["after"][0]) if "after" in inputs else ""
    if after and action != LIST:
        raise InvalidRequest(f"action {action} takes no after")
    return VoiceRequest(action, voice, reference, _number(inputs, "loudness"), model, after)


def _voice_id(inputs: Arrays) -> str | None:
    if "voice" not in inputs:
        return None
    voice = str(inputs["voice"][0])
    if not _VOICE_ID.fullmatch(voice):
        raise InvalidRequest(f"voice {shortened(voice)} is no voice id; need 1 to 64 of a-z A-Z 0-9 _ -")
    return voice


def _model_name(inputs: Arrays) -> str:
    if "model" not in inputs:
        return ""
    name = str(inputs["model"][0])
    if not _VOICE_ID.fullmatch(name):
        raise InvalidRequest(f"model {shortened(name)} is no model's name; need 1 to 64 of a-z A-Z 0-9 _ -")
    return name


def _reference(inputs: Arrays) -> ReferenceRequest | None:
    if "reference_audio" not in inputs:
        surplus = [name for name in _BESIDE_A_REFERENCE if name in inputs]
        if surplus:
            raise InvalidRequest(f"{', '.join(surplus)} given without reference_audio")
        return None
    prompt_text = str(inputs["prompt_text"][0]).strip() if "prompt_text" in inputs else ""
    if len(prompt_text) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(f"prompt_text has {len(prompt_text)} characters; at most {MAX_PROMPT_CHARACTERS}")
    return ReferenceRequest(
        audio=inputs["reference_audio"][0],
        prompt_text=prompt_text,
        prompt_language=_language(inputs, "prompt_language"),
        trim=bool(inputs["trim_reference"][0]) if "trim_reference" in inputs else False,
        aux_audio=_aux_audio(inputs),
    )


def _aux_audio(inputs: Arrays) -> tuple[bytes, ...]:
    clips = tuple(inputs.get("aux_reference_audio", ()))
    if len(clips) > MAX_AUX_REFERENCES:
        raise InvalidRequest(
            f"aux_reference_audio has {len(clips)} clips; at most {MAX_AUX_REFERENCES}; leave some out"
        )
    return clips


def _choice(inputs: Arrays, name: str) -> str:
    allowed = _ALLOWED[name]
    assert isinstance(allowed, Choice)
    return _one_of(name, str(inputs[name][0]), allowed.values) if name in inputs else allowed.default


def _language(inputs: Arrays, name: str) -> str:
    """A language by the one name that everything later knows, so that `EN` and `en-US` share what was kept of `en`."""
    mode = mode_named(str(inputs[name][0])) if name in inputs else None
    return mode.name if mode is not None else _choice(inputs, name)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InvalidRequest(f"{name} is {shortened(value)}; need one of {', '.join(choices)}")
    return value


def _number(inputs: Arrays, name: str) -> float:
    allowed = _ALLOWED[name]
    assert isinstance(allowed, Range)
    if name not in inputs:
        return allowed.default
    # The shortest decimal of a float32 is the number that was typed: 1.1, not 1.10000002, as upstream computes with.
    value = float(str(inputs[name][0]))
    if not allowed.contains(value):
        raise InvalidRequest(f"{name} is {value:g}; need {allowed}")
    return value


def _seed(inputs: Arrays) -> int:
    if "seed" not in inputs:
        return secrets.randbits(63)
    seed = int(inputs["seed"][0])
    if seed < 0:
        raise InvalidRequest(f"seed is {seed}; need 0 or more, or leave it out for a random one")
    return seed


def shortened(text: str) -> str:
    """A client's text as it may appear in a message: quoted, escaped and at most 40 characters."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")


def sentence_seed(seed: int, sentence_index: int) -> int:
    """Seed of one sentence's draws: sentences differ, and do not depend on each other's length."""
    state = np.random.SeedSequence([seed, sentence_index]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))

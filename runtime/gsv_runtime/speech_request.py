"""What a client asked `tts` and `voices` for: validated once, at the edge, before any stage runs."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import numpy as np

from gsv_runtime import reuse_policy as policy
from gsv_runtime.contract import MAX_TEXT_CHARACTERS
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import AUTO, MODES
from gsv_runtime.tensors import Arrays

SPLIT_METHODS = ("cut0", "cut1", "cut2", "cut3", "cut4", "cut5")
ENCODINGS = ("float32", "pcm16_base64")
STREAMING = ("chunk", "sentence", "off")
INTERACTIVE, BATCH = "interactive", "batch"
PRIORITIES = (INTERACTIVE, BATCH)
ACTIONS = ("register", "list", "delete")
MAX_PROMPT_CHARACTERS = 500
_VOICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Range:
    """Values that a number may have, and the one it has when left out."""

    low: float
    high: float
    default: float
    open_low: bool = False  # low itself is refused

    def contains(self, value: float) -> bool:
        """Whether `value` may be asked for; NaN never."""
        return bool((self.low < value if self.open_low else self.low <= value) and value <= self.high)

    def __str__(self) -> str:
        return f"{'above ' if self.open_low else ''}{self.low:g} to {self.high:g}"


RANGES = {
    "top_k": Range(1, 1025, 15),
    "top_p": Range(0, 1, 1, open_low=True),
    "temperature": Range(0, 5, 1, open_low=True),
    "repetition_penalty": Range(0.5, 5, 1.35),
    "speed": Range(0.5, 2, 1),
    "noise_scale": Range(0, 2, 0.5),
    "pause_s": Range(0, 5, 0.3),
    "deadline_s": Range(0, 3600, 3600, open_low=True),
}


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
    """A recording to speak like, and its transcript (empty: none, only the timbre is used)."""

    audio: bytes
    prompt_text: str
    prompt_language: str
    trim: bool


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
    streaming: str = "sentence"  # what a response holds: one of STREAMING
    priority: str = INTERACTIVE
    deadline_s: float = 3600.0  # after arrival
    lexicon: str = ""
    cache: str = policy.OFF  # what may be reused: one of cache.policy.REUSE_LEVELS
    seeded: bool = True  # whether the seed was asked for, or drawn


@dataclass(frozen=True)
class VoiceRequest:
    """What to do with which voice."""

    action: str
    voice: str | None
    reference: ReferenceRequest | None


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
        language=_choice(inputs, "language", tuple(MODES), AUTO),
        voice=voice,
        reference=reference,
        speed=_number(inputs, "speed"),
        sampling=parse_sampling(inputs),
        noise_scale=_number(inputs, "noise_scale"),
        pause_s=_number(inputs, "pause_s"),
        split_method=_choice(inputs, "split_method", SPLIT_METHODS, "cut5"),
        lexicon=str(inputs["lexicon"][0]) if "lexicon" in inputs else "",
        encoding=_choice(inputs, "encoding", ENCODINGS, "float32"),
        streaming=_choice(inputs, "streaming", STREAMING, "chunk"),
        priority=_choice(inputs, "priority", PRIORITIES, INTERACTIVE),
        deadline_s=_number(inputs, "deadline_s"),
        cache=policy.level(_choice(inputs, "cache", (policy.DEFAULT, *policy.REUSE_LEVELS), policy.DEFAULT), seeded),
        seeded=seeded,
    )


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
    action = _choice(inputs, "action", ACTIONS, "")
    voice, reference = _voice_id(inputs), _reference(inputs)
    if (voice is None) != (action == "list"):
        raise InvalidRequest(f"action {action} {'needs' if voice is None else 'takes no'} voice")
    if (reference is None) == (action == "register"):
        raise InvalidRequest(f"action {action} {'needs' if reference is None else 'takes no'} reference_audio")
    return VoiceRequest(action, voice, reference)


def _voice_id(inputs: Arrays) -> str | None:
    if "voice" not in inputs:
        return None
    voice = str(inputs["voice"][0])
    if not _VOICE_ID.fullmatch(voice):
        raise InvalidRequest(f"voice {shortened(voice)} is no voice id; need 1 to 64 of a-z A-Z 0-9 _ -")
    return voice


def _reference(inputs: Arrays) -> ReferenceRequest | None:
    if "reference_audio" not in inputs:
        surplus = [name for name in ("prompt_text", "prompt_language", "trim_reference") if name in inputs]
        if surplus:
            raise InvalidRequest(f"{', '.join(surplus)} given without reference_audio")
        return None
    prompt_text = str(inputs["prompt_text"][0]).strip() if "prompt_text" in inputs else ""
    if len(prompt_text) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(f"prompt_text has {len(prompt_text)} characters; at most {MAX_PROMPT_CHARACTERS}")
    return ReferenceRequest(
        audio=inputs["reference_audio"][0],
        prompt_text=prompt_text,
        prompt_language=_choice(inputs, "prompt_language", tuple(MODES), AUTO),
        trim=bool(inputs["trim_reference"][0]) if "trim_reference" in inputs else False,
    )


def _choice(inputs: Arrays, name: str, choices: tuple[str, ...], default: str) -> str:
    value = str(inputs[name][0]) if name in inputs else default
    if value not in choices:
        raise InvalidRequest(f"{name} is {shortened(value)}; need one of {', '.join(choices)}")
    return value


def _number(inputs: Arrays, name: str) -> float:
    allowed = RANGES[name]
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

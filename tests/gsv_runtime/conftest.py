"""Stages for tests, a table of functions with a record of every call; and metrics that a test can read."""

import io
import threading
from collections import Counter

import numpy as np
import pytest
import soundfile

from gsv_runtime import contract, tensors
from gsv_runtime.metrics import CACHE_METRICS
from gsv_runtime.models.catalogue import FIRST_NAME, FineTune
from gsv_runtime.settings import CheckpointFacts, TtsSettings

FACTS = CheckpointFacts(
    version="v2",
    weights_digest="w",
    latent_dim=3,
    global_dim=4,
    bert_dim=2,
    has_bert=True,
    bert_cls_id=101,
    bert_sep_id=102,
    flow_receptive_field_frames=4,
    vocoder_receptive_field_frames=2,
)

SETTINGS = TtsSettings(
    max_streams=3,
    max_start_s=10.0,
    max_batch_start_s=60.0,
    min_stream_throughput=0.0,
    t2s_slots=2,
    stage_slots=2,
    tokens_per_call=5,
    tokens_ahead=10,
    first_chunk_tokens=4,
    max_chunk_tokens=8,
    lookahead_tokens=2,
    encoder_tokens=50,
    window_bucket=1,
    voices_directory="voices",
    cache_memory_bytes=0,
    cache_redis_url="",
    cache_ttl_s=60.0,
    cache_directory="",
    cache_disk_bytes=0,
)


def first_of(facts):
    """A first fine-tune with these facts."""
    return FineTune(FIRST_NAME, facts, first=True)


class FakeStages:
    """Answers stage calls by functions of the inputs; inputs and outputs are checked against the contract."""

    def __init__(self, **answers):
        self.answers = {**DEFAULT_ANSWERS, **answers}
        self.calls = []

    def call(self, model, *, sequence=None, **inputs):
        inputs = tensors.check_inputs(model, tensors.to_wire(model, model.call_inputs, inputs))
        self.calls.append((model.name, sequence, inputs))
        outputs = self.answers[model.name](inputs, sequence)
        return tensors.check_outputs(model, tensors.to_wire(model, model.outputs, outputs))

    def inputs_of(self, name):
        return [inputs for called, _, inputs in self.calls if called == name]

    def sequences_of(self, name):
        return [sequence for called, sequence, _ in self.calls if called == name]

    def new_sequence_id(self):
        return 7

    def take_times_ms(self):
        return {}


def text_frontend(inputs, _sequence):
    """Every comma-separated part is a sentence; every letter a phone."""
    sentences = [part for part in inputs["text"][0].split(",") if part.strip(" .")]
    nothing = np.zeros(0, np.int64)
    return {
        "sentences": sentences,
        "phones": np.array([ord(letter) % 300 for part in sentences for letter in part], np.int64),
        "phone_counts": np.array([len(part) for part in sentences], np.int64),
        "bert_token_ids": nothing,
        "word_to_phone": nothing,
        "run_characters": nothing,
        "run_phone_starts": nothing,
        "pause_after_s": np.full(len(sentences), -1, np.float32),
        "rates": np.ones(len(sentences), np.float32),
        "origins": [],
        "words": [],
        "dropped": [],
        "missing": [],
    }


def bert(inputs, _sequence):
    """A character's feature is its id."""
    ids = inputs["bert_token_ids"].astype(np.float32)
    return {"character_features": np.stack([ids, -ids], axis=-1)}


def t2s(inputs, sequence):
    """Two calls: five tokens, then three and the end."""
    if sequence.end:
        return {"semantic_tokens": np.zeros(0, np.int64), "finish_reason": "eos"}
    return {"semantic_tokens": np.arange(5 if sequence.start else 3), "finish_reason": "" if sequence.start else "eos"}


def acoustic(inputs, _sequence):
    return {"latents": inputs["noise"]}


def vocoder(inputs, _sequence):
    frames = inputs["latents"].mean(axis=1)
    return {"waveform": np.repeat(np.tanh(frames), contract.SAMPLES_PER_FRAME, axis=1)}


DEFAULT_ANSWERS = {
    "text_frontend": text_frontend,
    "bert": bert,
    "t2s": t2s,
    "acoustic": acoustic,
    "vocoder": vocoder,
    "hubert": lambda inputs, _: {"ssl_features": inputs["audio_16k"][:, np.newaxis, ::320]},
    "speech_tokenizer": lambda inputs, _: {
        "prompt_tokens": np.arange(inputs["ssl_features"].shape[2] // 2)[np.newaxis]
    },
    "speaker_encoder": lambda inputs, _: {"speaker_embedding": np.ones((1, contract.SPEAKER_EMBEDDING_DIM))},
    "reference_encoder": lambda inputs, _: {"global_condition": inputs["linear_spectrogram"][:, :4].mean(axis=2)},
}


class Figures:
    """Metrics that a test can read; names and labels are checked against the table, as Triton would."""

    def __init__(self):
        self._specs = {spec.name: spec for spec in CACHE_METRICS}
        self._values = Counter()
        self._lock = threading.Lock()

    def add(self, name, value=1.0, **labels):
        with self._lock:
            self._values[self._series(name, labels)] += value

    def set(self, name, value, **labels):
        self._values[self._series(name, labels)] = value

    def observe(self, name, value, **labels):
        with self._lock:
            self._values[self._series(name, labels)] += 1

    def __call__(self, name, **labels):
        """Sum over the series that have these labels."""
        with self._lock:
            values = list(self._values.items())
        return sum(
            value
            for (found, has), value in values
            if found == f"gsv_cache_{name}" and labels.items() <= dict(has).items()
        )

    def _series(self, name, labels):
        known = self._specs[name].labels or {}
        assert labels.keys() == known.keys()
        assert all(value in known[label] for label, value in labels.items())
        return name, tuple(sorted(labels.items()))


@pytest.fixture
def figures():
    return Figures()


@pytest.fixture
def facts():
    return FACTS


@pytest.fixture
def make_stages():
    return FakeStages


@pytest.fixture
def make_recording():
    """A function that makes an audio file: a tone that breathes three times a second."""

    def make(seconds=4.0, rate_hz=32_000, kind="WAV", channels=1, level=0.3, subtype=None, samples=None):
        times = np.arange(round(seconds * rate_hz)) / rate_hz
        tone = level * np.sin(2 * np.pi * 220 * times) * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * times))
        data = tone if samples is None else samples
        file = io.BytesIO()
        soundfile.write(file, np.stack([data] * channels, axis=1), rate_hz, format=kind, subtype=subtype)
        return file.getvalue()

    return make


def answer(service, inputs, open_stages, is_cancelled=lambda: False):
    """Speaks to the end; returns outputs of each reply."""
    job, failure = service.admit(lambda: inputs), None
    try:
        return [reply.outputs for reply in job.replies(open_stages, is_cancelled)]
    except Exception as raised:
        failure = raised
        raise
    finally:
        job.leave(failure)

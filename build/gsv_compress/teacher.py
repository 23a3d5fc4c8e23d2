"""The user's own model as a teacher: texts of ours, said by it, stage by stage.

Nothing but the checkpoint is needed: the texts are ours, and so are the references where the user names none.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gsv_build import checkpoints
from gsv_build.build_repository import build
from gsv_build.checks.graph_stages import OnnxStages
from gsv_build.deployment import PRESETS
from gsv_build.weights import WeightFiles
from gsv_runtime import contract
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import ReferenceRequest, parse_speech_request
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import Voice

LOG = logging.getLogger("gsv.compress")
REFERENCES_FILE = "references.json"


@dataclass(frozen=True)
class Speaker:
    """A reference, and what the model derived from it."""

    name: str
    audio: Path
    prompt_text: str
    prompt_language: str
    voice: Voice


@dataclass(frozen=True)
class Sentence:
    """One sentence as the model said it.

    Attributes:
        phones: [P] int64, prompt's and target's.
        num_target_phones: of those, the last.
        bert_features: [bert_dim, P] float32.
        prompt_tokens: [R] int64.
        tokens: [T] int64, without EOS.
        latents: [latent, F] float32, 2 T frames.
        condition: [global_dim] float32.
        waveform: [640 F] float32.
    """

    phones: Array
    num_target_phones: int
    bert_features: Array
    prompt_tokens: Array
    tokens: Array
    latents: Array
    condition: Array
    waveform: Array


class _Recorder:
    """Stages that keep what passes through them."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._said: dict[int, dict[str, Any]] = {}  # by sequence
        self.vocoded: list[tuple[Arrays, Arrays]] = []

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        answer = self._stages.call(model, sequence=sequence, **inputs)
        if model is contract.VOCODER:
            self.vocoded.append((inputs, answer))
        if sequence is not None and answer:
            said = self._said.setdefault(sequence.sequence_id, {**inputs, "tokens": []})
            said["tokens"].append(answer["semantic_tokens"])
        return answer

    def new_sequence_id(self) -> int:
        """As the stages inside."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """Nothing: the times are for who timed the stages inside, and not for the chunks."""
        return {}

    def sentences(self) -> list[Sentence]:
        """What was said, sentence by sentence."""
        return [
            Sentence(
                phones=np.asarray(said["phones"], dtype=np.int64),
                num_target_phones=int(np.ravel(said["num_target_phones"])[0]),
                bert_features=np.asarray(said["bert_features"], dtype=np.float32),
                prompt_tokens=np.asarray(said["prompt_tokens"], dtype=np.int64),
                tokens=np.concatenate(said["tokens"]),
                latents=np.asarray(inputs["latents"])[0],
                condition=np.asarray(inputs["global_condition"])[0],
                waveform=answer["waveform"][0],
            )
            for said, (inputs, answer) in zip(self._said.values(), self.vocoded, strict=True)
        ]


class Teacher:
    """A voice model of a weights directory, run in this process as it would be served."""

    def __init__(self, files: WeightFiles, directory: Path, work: Path, threads: int) -> None:
        """Build its graphs, once.

        Args:
            files: of the voice.
            directory: where they lie, for messages.
            work: folder for the graphs.
            threads: of one operator.
        """
        from gsv_build.weights import Chosen

        repository, preset = work / "model_repository", PRESETS["cpu"]
        build(repository, preset, directory, chosen=Chosen(files.t2s, files.sovits, files.hubert.parent))
        self.facts = CheckpointFacts.from_repository(repository)
        settings = preset.model(contract.T2S).settings
        limit = TextLimit(settings.limit_tokens_per_phone, settings.limit_tokens_at_least)
        self.frontend = _frontend(files, self.facts)
        self.stages = OnnxStages(repository, self.frontend, threads, settings.cache_rows, limit)
        self._pipeline = Pipeline(self.facts, preset.model(contract.TTS).settings.tokens_per_call)

    def speakers(self, folder: Path) -> list[Speaker]:
        """Derive what is needed of every reference in a folder, as `read_references` lists them."""
        return [self._speaker(folder, row) for row in read_references(folder)]

    def say(self, text: str, language: str, voice: Voice, seed: int, stages: Stages | None = None) -> list[Sentence]:
        """Say a text; what passed from stage to stage, sentence by sentence. `stages` stand in for the own ones."""
        recorder = _Recorder(stages or self.stages)
        texts = {"text": text, "language": language, "streaming": "sentence"}
        request = parse_speech_request(
            {name: np.array([value], dtype=np.object_) for name, value in texts.items()}
            | {"voice": np.array(["teacher"], dtype=np.object_), "seed": np.array([seed], dtype=np.int64)}
            | {"retries": np.array([0], dtype=np.int32)}  # every take is recorded, and once
        )
        for _ in self._pipeline.speak(request, voice, recorder):
            pass
        return recorder.sentences()

    def _speaker(self, folder: Path, row: dict[str, str]) -> Speaker:
        audio = folder / row["audio"]
        request = ReferenceRequest(audio.read_bytes(), row["prompt_text"], row["prompt_language"], trim=False)
        voice = derive_voice(request, self.stages, self.facts)
        return Speaker(row["voice"], audio, row["prompt_text"], row["prompt_language"], voice)


def read_references(folder: Path) -> list[dict[str, str]]:
    """Read the list of clips in a folder, `references.json`.

    Raises:
        ValueError: there is none.
    """
    file = folder / REFERENCES_FILE
    if not file.is_file():
        raise ValueError(f"{file} is not there; need a list of voice, audio, prompt_text and prompt_language")
    rows: list[dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return rows


def mixed(first: Voice, second: Voice, share: float) -> Voice:
    """The first voice with a timbre between both, so that a student hears more timbres than there are references."""
    condition = share * first.global_condition + (1.0 - share) * second.global_condition
    return replace(first, global_condition=np.asarray(condition, dtype=np.float32))


def _frontend(files: WeightFiles, facts: CheckpointFacts) -> Callable[..., Arrays]:
    vocabulary = checkpoints.load_vocabulary(files.characters) if files.characters is not None else []
    ids = {token: index for index, token in enumerate(vocabulary)} or None
    frontend = TextFrontend(ModelVersion(facts.version).symbols, ids)

    def read(text: str, language: str, split_method: str, **_: Any) -> Arrays:
        return vars(frontend.process(text, language, split_method))

    return read

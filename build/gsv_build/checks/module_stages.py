"""The stages run by PyTorch in this process: the same pipeline as served, without export and without Triton.

The yardstick for what export and serving change, and the side of ours that is held against upstream.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gsv_build.checkpoints import keys_bert, keys_hubert, keys_s1, keys_s2, keys_speaker_encoder
from gsv_build.checks.random_checkpoints import draw, official_shapes
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.size_presets import NetworkSizes
from gsv_build.torch_engine import TorchEngine
from gsv_runtime import contract
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.engine import Engine
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.tensors import Arrays

TextFrontend = Callable[..., Arrays]  # text, language, split_method to the outputs of contract.TEXT_FRONTEND


@dataclass(frozen=True)
class SeededWeights:
    """Builds networks with the weights that `random_checkpoints` writes to files."""

    sizes: NetworkSizes
    seed: int = 0

    def t2s(self) -> T2S:
        """The transformer of s1."""
        return keys_s1.to_module(self._draw("s1"), self.sizes.t2s)

    def sovits(self) -> keys_s2.SovitsModules:
        """The four networks of s2."""
        return keys_s2.to_modules(self._draw("s2"), self.sizes.sovits)

    def hubert(self) -> Hubert:
        """The content encoder."""
        return keys_hubert.to_module(self._draw("hubert"), self.sizes.hubert)

    def bert(self) -> Bert:
        """The character encoder."""
        return keys_bert.to_module(self._draw("bert"), self.sizes.bert)

    def speaker_encoder(self) -> SpeakerEncoder:
        """ERes2NetV2."""
        return keys_speaker_encoder.to_module(self._draw("speaker_encoder"), self.sizes.speaker_encoder)

    def _draw(self, file: str) -> dict[str, Tensor]:
        return draw(official_shapes(self.sizes)[file], self.seed)


@dataclass(frozen=True)
class Networks:
    """All networks of one voice model; None where the version, or the caller, has no need."""

    t2s: T2S | None
    sovits: keys_s2.SovitsModules
    hubert: Hubert | None = None
    bert: Bert | None = None
    speaker_encoder: SpeakerEncoder | None = None

    @staticmethod
    def seeded(sizes: NetworkSizes, seed: int = 0) -> Networks:
        """All of them with the weights that `random_checkpoints` writes to files."""
        weights = SeededWeights(sizes, seed)
        pro = sizes.sovits.version.uses_speaker_embedding
        speaker_encoder = weights.speaker_encoder() if pro else None
        return Networks(weights.t2s(), weights.sovits(), weights.hubert(), weights.bert(), speaker_encoder)

    def graphs(self) -> dict[str, nn.Module]:
        """Networks that run as they are, by model name."""
        found: dict[str, nn.Module | None] = {
            contract.HUBERT.name: self.hubert,
            contract.BERT.name: self.bert,
            contract.SPEAKER_ENCODER.name: self.speaker_encoder,
            contract.SPEECH_TOKENIZER.name: self.sovits.quantizer,
            contract.REFERENCE_ENCODER.name: self.sovits.reference_encoder,
            contract.ACOUSTIC.name: self.sovits.acoustic,
            contract.VOCODER.name: self.sovits.vocoder,
        }
        return {name: network for name, network in found.items() if network is not None}


class SequenceRunner:
    """Answers `t2s` calls from an engine, in the caller's thread; loops are not watched for."""

    def __init__(self, engine: Engine, limit: TextLimit | None = None) -> None:
        self._decoder = Decoder(engine, repetition_window=0, repetition_least_distinct=0, limit=limit)

    def call(self, sequence: SequenceCall, inputs: Arrays) -> Arrays:
        """Run until the call has its tokens."""
        if sequence.end:
            self._decoder.close(sequence.sequence_id)
            return {}
        self._decoder.take_call(sequence, inputs, now_s=0.0)
        while True:
            for answer in self._decoder.answers(now_s=0.0):
                reason = np.array([answer.finish_reason], dtype=np.object_)
                return {"semantic_tokens": np.array(answer.tokens, dtype=np.int64), "finish_reason": reason}
            for _, failure in self._decoder.advance():
                raise failure


class ModuleStages:
    """`gsv_runtime.stages.Stages` over PyTorch modules."""

    def __init__(self, networks: Networks, text_frontend: TextFrontend, t2s: SequenceRunner | None = None) -> None:
        """Run `networks`; `t2s` makes the tokens, by default that of `networks` on `TorchEngine`."""
        self._graphs = networks.graphs()
        self._text_frontend = text_frontend
        self._t2s = t2s or (SequenceRunner(TorchEngine(networks.t2s)) if networks.t2s is not None else None)
        self._sequence_ids = itertools.count(1)

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        if model is contract.TEXT_FRONTEND:
            return self._text_frontend(**inputs)
        if sequence is not None:
            assert self._t2s is not None
            return self._t2s.call(sequence, {name: np.asarray(value) for name, value in inputs.items()})
        return self._call_graph(model, inputs)

    def new_sequence_id(self) -> int:
        """Count up."""
        return next(self._sequence_ids)

    def take_times_ms(self) -> dict[str, float]:
        """Nothing is timed here."""
        return {}

    @torch.no_grad()
    def _call_graph(self, model: contract.Model, inputs: Mapping[str, Any]) -> Arrays:
        values = {name: torch.from_numpy(np.asarray(value)) for name, value in inputs.items()}
        answer: Tensor = self._graphs[model.name](**values)
        return {model.outputs[0].name: answer.numpy()}

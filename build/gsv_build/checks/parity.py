"""`python -m gsv_build parity`: our networks and pipeline against what upstream computed.

Upstream's own modules were run once, with the weights of `seeded_weights` (seed 0, official sizes), on two references
made with flite and three texts given as phones; what came out lies as small arrays in tests/parity/data. Neither
upstream nor the script that ran it is here. Inputs that are no recordings are drawn by name, the same on both sides.

Source: GPT-SoVITS 48b1a01, torch 2.13.0, float32 on CPU; transformers 5.23 for HuBERT and BERT.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.checks.module_stages import ModuleStages, Networks, SeededWeights
from gsv_build.checks.served_stages import ServedStages
from gsv_build.checks.several_references import several_references_errors
from gsv_build.checks.upstream_data import (
    DEFAULT_DATA,
    REFERENCES,
    ParityData,
    ParityDifference,
    integers,
    normal,
    relative_error,
    snr_db,
)
from gsv_build.modules.bert import Bert
from gsv_build.modules.hubert import Hubert
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.modules.t2s import T2S
from gsv_build.receptive_field import receptive_field
from gsv_build.size_presets import network_sizes
from gsv_build.torch_engine import TorchEngine
from gsv_runtime import contract
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import ReferenceRequest, Sampling, SpeechRequest
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.t2s.engine import StepRow
from gsv_runtime.t2s.request import Prompt
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.chunking import whole_window
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.versions import SUPPORTED, ModelVersion
from gsv_runtime.voices.cloning import derive_voice

TEXTS = {"morning": 1, "window": 2, "weather": 1}  # sentences of each; weather is Mandarin, with BERT features
WHOLE_PATH_VERSIONS = (ModelVersion.V2, ModelVersion.V2_PRO, ModelVersion.V2_PRO_PLUS)
MIN_SNR_DB = 60.0
_BERT_CLS, _BERT_SEP = 101, 102
logger = logging.getLogger("gsv.build")
_GREEDY = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.35, seed=0)


@dataclass(frozen=True)
class PathMatch:
    """One text spoken through the whole path."""

    version: str
    reference: str
    text: str
    same_tokens: bool  # every sentence has upstream's number of semantic tokens
    snr_db: float


class OfficialNetworks:
    """Seeded networks at official sizes; what versions share is built once, the rest stays until the next version."""

    def __init__(self) -> None:
        self._of_a_version = functools.lru_cache(maxsize=1)(lambda version: _weights(version).sovits())

    @cached_property
    def hubert(self) -> Hubert:
        """The content encoder."""
        return _weights(ModelVersion.V2).hubert()

    @cached_property
    def bert(self) -> Bert:
        """The character encoder."""
        return _weights(ModelVersion.V2).bert()

    @cached_property
    def speaker_encoder(self) -> SpeakerEncoder:
        """ERes2NetV2."""
        return _weights(ModelVersion.V2_PRO).speaker_encoder()

    @cached_property
    def t2s(self) -> T2S:
        """The transformer of v2 and later."""
        return _weights(ModelVersion.V2).t2s()

    def sovits(self, version: ModelVersion) -> SovitsModules:
        """The four networks of s2."""
        return self._of_a_version(version)

    def of(self, version: ModelVersion) -> Networks:
        """All networks of v2, v2Pro or v2ProPlus."""
        return Networks(self.t2s, self.sovits(version), self.hubert, self.bert, self.speaker_encoder)


def _weights(version: ModelVersion) -> SeededWeights:
    return SeededWeights(network_sizes(version))


@torch.no_grad()
def reference_errors(data: ParityData, networks: OfficialNetworks, reference: str) -> Iterator[ParityDifference]:
    """Signal processing of a recording, HuBERT and ERes2NetV2 on it."""
    upstream, ours = data.arrays("stages_shared"), data.analysed(reference)
    outputs = {
        "audio_16k": ours.audio_16k[0, ::37],
        "spectrogram": ours.linear_spectrogram[0, :, ::24],
        "fbank": ours.fbank[0, ::16],
        "ssl_features": networks.hubert(torch.from_numpy(ours.audio_16k))[0, :, ::16],
        "speaker_embedding": networks.speaker_encoder(torch.from_numpy(ours.fbank))[0],
    }
    for stage, output in outputs.items():
        yield ParityDifference("all", f"{stage} {reference}", relative_error(output, upstream[f"{stage}_{reference}"]))


@torch.no_grad()
def bert_error(data: ParityData, networks: OfficialNetworks) -> ParityDifference:
    """BERT's third layer from the end."""
    upstream = data.arrays("stages_shared")
    ids = torch.from_numpy(upstream["bert_token_ids"])[None]
    features = networks.bert(ids, torch.tensor([[ids.shape[1]]]))
    return ParityDifference("all", "character_features", relative_error(features[0], upstream["character_features"]))


def t2s_error(data: ParityData, module: T2S) -> ParityDifference:
    """Logits of prefill and of 30 greedy steps, fed with the tokens that upstream drew.

    All versions share this architecture; v1 has a shorter phone table, whose rows are drawn the same.
    """
    upstream = data.arrays("stages_shared")
    logits, tokens = upstream["t2s_logits"], upstream["t2s_tokens"]
    engine = TorchEngine(module)
    prompt_phones, phones = integers("prompt_phones", 322, 30), integers("target_phones", 322, 20)
    features = np.pad(
        normal("target_features", (module.sizes.bert_dim, phones.size)), ((0, 0), (prompt_phones.size, 0))
    )
    prompt = Prompt(
        np.concatenate([prompt_phones, phones]), features, integers("prompt_tokens_b", 1024, 50), _GREEDY, 100
    )
    ours = [engine.prefill(0, prompt)]
    for step, token in enumerate(tokens[: len(logits) - 1]):
        row = StepRow(int(token), prompt.prompt_tokens.size + step, prompt.rows + step)
        ours.append(engine.decode_step([row])[0].copy())
    return ParityDifference("all", f"t2s logits, {len(ours)} steps", relative_error(np.stack(ours), logits))


@torch.no_grad()
def sovits_errors(data: ParityData, version: ModelVersion, official: OfficialNetworks) -> Iterator[ParityDifference]:
    """Quantizer, reference encoder, text encoder, flow and vocoder of one version, and a voice of two references."""
    upstream, shared = data.arrays(f"stages_{version.value}"), data.arrays("stages_shared")
    sizes = network_sizes(version).sovits
    networks = official.sovits(version)
    acoustic = networks.acoustic

    def error(stage: str, output: Tensor) -> ParityDifference:
        return ParityDifference(version.value, stage, relative_error(output, upstream[stage]))

    codes = networks.quantizer(torch.from_numpy(normal("ssl_features", (1, sizes.ssl_dim, 61))))[0]
    wrong = int((codes.numpy() != upstream["codes"]).sum())
    yield ParityDifference(version.value, "codes (share that differ)", wrong / upstream["codes"].size)
    for reference in REFERENCES:
        inputs = {"linear_spectrogram": torch.from_numpy(data.analysed(reference).linear_spectrogram)}
        if version.uses_speaker_embedding:
            inputs["speaker_embedding"] = torch.from_numpy(shared[f"speaker_embedding_{reference}"])[None]
        yield error(f"global_condition_{reference}", networks.reference_encoder(**inputs)[0])

    condition = torch.from_numpy(normal("global_condition", (1, sizes.global_dim)))
    tokens = torch.from_numpy(integers("semantic_tokens", sizes.codebook, 20))[None]
    phones = torch.from_numpy(integers("phones", sizes.num_phones, 15))[None]
    counts = torch.tensor([[20]]), torch.tensor([[15]])
    encoded = acoustic.encode_text_and_tokens(tokens, counts[0], phones, counts[1], condition)
    yield error("mean", encoded.mean[0])
    yield error("log_std", encoded.log_std[0])
    noise = torch.from_numpy(normal("noise", (1, sizes.latent, 40), 0.5))
    for stage, frames in (("latents", 40), ("latents_fast", int(40 / 1.3) + 1)):
        places = torch.from_numpy(whole_window(20, frames).frame_positions)[None]
        lengths = torch.tensor([[frames]])
        latents = acoustic(tokens, counts[0], phones, counts[1], condition, noise[:, :, :frames], places, lengths)
        yield error(stage, latents[0])
    latents, mask = torch.from_numpy(normal("latents", (1, sizes.latent, 26))), torch.ones(1, 1, 26)
    yield error("flow", acoustic.flow.reverse(latents, mask, condition)[0])
    yield error("waveform", networks.vocoder(latents, torch.tensor([[26]]), condition)[0])
    yield from several_references_errors(data, networks, version, official.speaker_encoder)


class RecordedFrontend:
    """Answers as `text_frontend`, with the phones that upstream was given; a text is known by its short name."""

    def __init__(self, whole_path: Mapping[str, Array]) -> None:
        self._arrays = whole_path

    def __call__(self, text: str, language: str, split_method: str) -> Arrays:
        """Outputs of contract.TEXT_FRONTEND; language and split_method do not matter."""
        count = TEXTS.get(text, 1)
        keys = [f"phones_{text}_{index}" for index in range(count)] if text in TEXTS else [f"prompt_phones_{text}"]
        phones = [self._arrays[key] for key in keys]
        ids = self._arrays["bert_token_ids"][1:-1] if (chinese := text == "weather") else np.zeros(0, dtype=np.int64)
        return {
            "sentences": np.array([f"{text} {index}" for index in range(count)], dtype=np.object_),
            "phones": np.concatenate(phones),
            "phone_counts": np.array([part.size for part in phones]),
            "bert_token_ids": ids,
            "word_to_phone": np.array([2] * (ids.size - 1) + [1]) if chinese else ids,
            "run_characters": np.array([ids.size] if chinese else [], dtype=np.int64),
            "run_phone_starts": np.array([0] if chinese else [], dtype=np.int64),
        }


def facts_of(version: ModelVersion) -> CheckpointFacts:
    """What the pipeline must know of seeded weights at official sizes."""
    sizes = network_sizes(version)
    around = receptive_field(sizes.sovits)
    return CheckpointFacts(
        version.value,
        "seeded",
        sizes.sovits.latent,
        sizes.sovits.global_dim,
        sizes.t2s.bert_dim,
        has_bert=True,
        bert_cls_id=_BERT_CLS,
        bert_sep_id=_BERT_SEP,
        flow_receptive_field_frames=around.flow_frames,
        vocoder_receptive_field_frames=around.vocoder_frames,
    )


def texts_of(version: ModelVersion) -> tuple[str, ...]:
    """Texts whose waveforms are kept: all of v2, those of one sentence of the others, which share its T2S."""
    return tuple(TEXTS) if version is ModelVersion.V2 else tuple(text for text, count in TEXTS.items() if count == 1)


def path_matches(
    data: ParityData,
    version: ModelVersion,
    open_stages: Callable[[RecordedFrontend], Stages],
    texts: tuple[str, ...] = (),
) -> Iterator[PathMatch]:
    """Clone each reference, speak each text, compare waveforms sentence by sentence.

    Args:
        data: upstream's outputs.
        version: of the networks behind the stages.
        open_stages: the stages under test; all but the front end, which they get.
        texts: which of `TEXTS`; all of `texts_of` where none is named.
    """
    upstream = data.arrays("whole_path") | {"bert_token_ids": data.arrays("stages_shared")["bert_token_ids"]}
    facts, stages = facts_of(version), open_stages(RecordedFrontend(upstream))
    pipeline = Pipeline(facts, tokens_per_call=25)
    for reference in REFERENCES:
        voice = derive_voice(ReferenceRequest(data.recording(reference), reference, "en", False), stages, facts)
        for text in texts or texts_of(version):
            request = SpeechRequest(text, "en", None, None, 1.0, _GREEDY, 0.0, 0.0, "cut0", "float32")
            spoken = [chunk.waveform for chunk in pipeline.speak(request, voice, stages)]
            wanted = [upstream[f"waveform_{version.value}_{reference}_{text}_{i}"] for i in range(TEXTS[text])]
            same = [part.size for part in spoken] == [part.size for part in wanted]
            db = snr_db(np.concatenate(spoken), np.concatenate(wanted))
            yield PathMatch(version.value, reference, text, same, db)


def module_path_matches(
    data: ParityData, networks: Networks, version: ModelVersion, texts: tuple[str, ...] = ()
) -> Iterator[PathMatch]:
    """`path_matches` with PyTorch behind every stage."""
    return path_matches(data, version, lambda frontend: ModuleStages(networks, frontend), texts)


def served_path_matches(data: ParityData, url: str, version: ModelVersion) -> Iterator[PathMatch]:
    """`path_matches` with a Triton server's models behind every stage but the text front end."""

    def open_stages(frontend: RecordedFrontend) -> Stages:
        return _WithRecordedText(ServedStages(url), frontend)

    return path_matches(data, version, open_stages)


class _WithRecordedText:
    """Other stages, but for the text front end."""

    def __init__(self, stages: Stages, frontend: RecordedFrontend) -> None:
        self._frontend = frontend
        self.new_sequence_id, self.take_times_ms = stages.new_sequence_id, stages.take_times_ms
        self._call = stages.call

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        if model is contract.TEXT_FRONTEND:
            return self._frontend(**inputs)
        return self._call(model, sequence=sequence, **inputs)


def stage_errors(data: ParityData, networks: OfficialNetworks) -> Iterator[ParityDifference]:
    """Every stage of every version."""
    for reference in REFERENCES:
        yield from reference_errors(data, networks, reference)
    yield bert_error(data, networks)
    yield t2s_error(data, networks.t2s)
    for version in SUPPORTED:
        yield from sovits_errors(data, version, networks)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m gsv_build parity`."""
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="upstream's outputs")
    parser.add_argument("--server", help="host:port of a server built from `random --size official --seed 0`")
    parser.add_argument(
        "--version", choices=[version.value for version in WHOLE_PATH_VERSIONS], help="what that server was built from"
    )
    parser.add_argument("--stages-only", action="store_true", help="leave the whole path out")


def run(arguments: argparse.Namespace) -> int:
    """Compare everything, figure by figure on stderr, JSON on stdout; 1 when a figure is out of its limit."""
    data, networks = ParityData(arguments.data), OfficialNetworks()
    if arguments.server:
        return _report([], served_path_matches(data, arguments.server, ModelVersion(arguments.version)))
    versions = () if arguments.stages_only else WHOLE_PATH_VERSIONS
    matches = (match for version in versions for match in module_path_matches(data, networks.of(version), version))
    return _report(stage_errors(data, networks), matches)


def _report(errors: Iterable[ParityDifference], matches: Iterable[PathMatch]) -> int:
    """Tell each figure when it is there; then all, and whether they are within their limits."""
    found: dict[str, list[Any]] = {"stages": [], "paths": []}
    good = True
    for error in errors:
        found["stages"].append(asdict(error))
        good &= error.error <= error.limit
        logger.info("%-10s %-28s %.1e", error.version, error.stage, error.error)
    for match in matches:
        found["paths"].append(asdict(match))
        good &= match.snr_db >= MIN_SNR_DB
        logger.info("%-10s %s %-10s SNR %6.1f dB", match.version, match.reference, match.text, match.snr_db)
    sys.stdout.write(json.dumps(found | {"good": good}) + "\n")
    return 0 if good else 1

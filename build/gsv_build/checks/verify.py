"""`python -m gsv_build verify`: every stage of every version, PyTorch against ONNX, from files in the official formats.

Random weights, every layer different, are written as checkpoints, read back, exported as `make build` does and run by
ONNX Runtime. The last line of ``--json`` is one JSON object; the exit status is 1 if a bound is exceeded.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from gsv_build import checkpoints, deployment
from gsv_build.checks import stage_errors
from gsv_build.checks.precision_errors import (
    MIN_HALF_SNR_DB,
    MIN_HALF_STAGE_SNR_DB,
    HalfGraphs,
    HalfReport,
    prompt_token_changes,
    voice_report,
)
from gsv_build.checks.random_checkpoints import write_encoders, write_voice
from gsv_build.checks.rounded_graphs import write_rounded
from gsv_build.checks.stage_errors import StageDifference, run_graph
from gsv_build.deployment import with_settings
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs
from gsv_build.size_presets import SIZE_PRESETS, NetworkSizes, network_sizes
from gsv_build.stage_builds import StageBuild, Weights, stage_builds
from gsv_build.weights import find_weights
from gsv_runtime import contract
from gsv_runtime.graphs.session import CPU
from gsv_runtime.model_files import GRAPH_FILE, T2S_GRAPH_FILE
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import LogitsEngine
from gsv_runtime.versions import SUPPORTED, ModelVersion

MAX_LOGIT_ERROR = 1e-3
MAX_HALF_LOGIT_ERROR = 2e-2  # in half precision, of logits up to 8
MIN_SNR_DB = 60.0
MAX_RELATIVE_ERROR = 1e-3  # of any other stage, to the largest value of its output
_T2S_GPU = {f"t2s_gpu_{precision.value}": precision for precision in (Precision.FP32, Precision.FP16)}
_LOGIT_BOUNDS = {"t2s": MAX_LOGIT_ERROR, "t2s_gpu_fp32": MAX_LOGIT_ERROR, "t2s_gpu_fp16": MAX_HALF_LOGIT_ERROR}
CACHE_ROWS, _SLOTS = 1024, 2
_DEPLOYMENT = with_settings(deployment.PRESETS["cpu"], contract.T2S, cache_rows=CACHE_ROWS)
DECODE_STEPS = stage_errors.TOKENS
_SOVITS = {
    "quantizer": contract.SPEECH_TOKENIZER,
    "reference_encoder": contract.REFERENCE_ENCODER,
    "acoustic": contract.ACOUSTIC,
    "vocoder": contract.VOCODER,
}

logger = logging.getLogger("gsv.build")


@dataclass
class VersionReport:
    """What was measured of one version."""

    stages: dict[str, StageDifference] = field(default_factory=dict)
    changed_prompt_tokens: int = 0
    waveform_snr_db: float = float("-inf")
    half: HalfReport | None = None

    def failures(self) -> list[str]:
        """The bounds exceeded, each as a sentence."""
        found = self.half.failures() if self.half else []
        for name, error in self.stages.items():
            bound = _LOGIT_BOUNDS.get(name, MAX_RELATIVE_ERROR * error.peak)
            if not error.largest_error <= bound:
                found.append(f"{name}: error {error.largest_error:.3g}, need at most {bound:.3g}")
        if not self.waveform_snr_db >= MIN_SNR_DB:
            found.append(f"waveform: SNR {self.waveform_snr_db:.1f} dB, need at least {MIN_SNR_DB:g}")
        if self.changed_prompt_tokens:
            found.append(f"speech_tokenizer: {self.changed_prompt_tokens} tokens differ, need none")
        return found

    def as_json(self) -> dict[str, Any]:
        """For the last line."""
        return {
            "stages": {name: asdict(error) for name, error in self.stages.items()},
            "changed_prompt_tokens": self.changed_prompt_tokens,
            "waveform_snr_db": round(self.waveform_snr_db, 2),
            "half": asdict(self.half) if self.half else None,
            "failures": self.failures(),
        }


class Verifier:
    """Measures version after version; a network that two versions share is measured once."""

    def __init__(self, preset: str, folder: Path, seed: int = 0) -> None:
        self._preset = preset
        self._folder = folder
        self._seed = seed
        self._shared: dict[tuple[str, object], dict[str, StageDifference]] = {}
        self._half_bert: dict[object, float] = {}
        write_encoders(folder / "weights", network_sizes(ModelVersion.V2_PRO_PLUS, preset), seed)

    def verify(self, version: ModelVersion) -> VersionReport:
        """Write, read, export, run and compare one version."""
        sizes = network_sizes(version, self._preset)
        write_voice(self._folder / "weights", sizes, self._seed)
        weights = Weights(find_weights(self._folder / "weights", version))
        builds = {build.model.name: build for build in stage_builds(weights, _DEPLOYMENT)}
        report = VersionReport()
        report.stages |= self._t2s(weights, sizes, builds)
        report.stages |= self._encoders(weights, sizes, builds)
        self._voice(weights, builds, report)
        self._half_encoders(weights, sizes, report)
        return report

    def _once(
        self, name: str, sizes: object, measure: Callable[[], dict[str, StageDifference]]
    ) -> dict[str, StageDifference]:
        """Measure, or recall the measurement of the same network in an earlier version."""
        key = (name, sizes)
        if key not in self._shared:
            self._shared[key] = measure()
            gc.collect()
        return self._shared[key]

    def _graph(self, build: StageBuild) -> Path:
        """Export one stage; returns its graph."""
        folder = self._folder / build.model.name
        folder.mkdir(exist_ok=True)
        logger.info("verify export model=%s", build.model.name)
        build.write(folder)
        return folder / GRAPH_FILE

    def _half_graphs(self) -> HalfGraphs:
        """Those of the version whose graphs were exported last."""
        return HalfGraphs(lambda name: self._folder / name / GRAPH_FILE)

    def _half_encoders(self, weights: Weights, sizes: NetworkSizes, report: VersionReport) -> None:
        """HuBERT with the prompt tokens that come of it, BERT and, where there is one, the speaker encoder."""
        assert report.half is not None
        graphs, files, generator = self._half_graphs(), weights.files, self._generator()
        hubert, quantizer = checkpoints.load_hubert(files.hubert).module, weights.sovits.module.quantizer
        audio = stage_errors.hubert_inputs(generator)
        ties = prompt_token_changes(hubert, quantizer, graphs, audio)
        report.half.tied_prompt_tokens, report.half.changed_prompt_tokens = ties.count(True), ties.count(False)
        report.half.snr_db["hubert"] = graphs.stage_snr_db("hubert", hubert, audio)
        if files.bert is not None:
            if sizes.bert not in self._half_bert:
                _batch, rows = stage_errors.bert_batch(sizes.bert, generator)
                module = checkpoints.load_bert(files.bert).module
                self._half_bert[sizes.bert] = graphs.stage_snr_db("bert", module, rows[0])
            report.half.snr_db["bert"] = self._half_bert[sizes.bert]
        if weights.sovits.sizes.version.uses_speaker_embedding and files.speaker_encoder is not None:
            speaker = checkpoints.load_speaker_encoder(files.speaker_encoder).module
            fbank = stage_errors.fbank_inputs(generator)
            report.half.snr_db["speaker_encoder"] = graphs.stage_snr_db("speaker_encoder", speaker, fbank)

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed)

    def _t2s(self, weights: Weights, sizes: NetworkSizes, builds: dict[str, StageBuild]) -> dict[str, StageDifference]:
        def measure() -> dict[str, StageDifference]:
            graph = self._graph(builds[contract.T2S.name]).with_name(T2S_GRAPH_FILE)
            engines: dict[str, Callable[[], LogitsEngine]] = {
                "t2s": lambda: CpuEngine(graph, _SLOTS, CACHE_ROWS, torch.get_num_threads()),
                **{name: partial(self._gpu_engine, weights, each) for name, each in _T2S_GPU.items()},
            }
            return stage_errors.t2s_errors(engines, weights.t2s.module, DECODE_STEPS, self._generator())

        return self._once("t2s", sizes.t2s, measure)

    def _gpu_engine(self, weights: Weights, precision: Precision) -> CudaEngine:
        """That of a GPU, with its memory on the host and its rounding."""
        folder = self._folder / f"t2s_{precision.value}"
        folder.mkdir(exist_ok=True)
        files = write_t2s_gpu_graphs(weights.t2s.module, folder, CACHE_ROWS, precision)
        prefill, decode_step = (
            write_rounded(onnx.load(path), path.with_name(f"rounded_{path.name}"))
            for path in (files.prefill, files.decode_step)
        )
        return CudaEngine(prefill, decode_step, _SLOTS, CACHE_ROWS, CPU)

    def _encoders(
        self, weights: Weights, sizes: NetworkSizes, builds: dict[str, StageBuild]
    ) -> dict[str, StageDifference]:
        """HuBERT, BERT and, where there is one, the speaker encoder."""
        files = weights.files

        def hubert() -> dict[str, StageDifference]:
            graph = self._graph(builds[contract.HUBERT.name])
            inputs = stage_errors.hubert_inputs(self._generator())
            return {"hubert": stage_errors.graph_error(graph, checkpoints.load_hubert(files.hubert).module, inputs)}

        def bert() -> dict[str, StageDifference]:
            assert files.bert is not None
            graph = self._graph(builds[contract.BERT.name])
            batch, rows = stage_errors.bert_batch(sizes.bert, self._generator())
            module = checkpoints.load_bert(files.bert).module
            return {"bert": stage_errors.batch_error(graph, module, batch, rows, axis=1)}

        def speaker_encoder() -> dict[str, StageDifference]:
            assert files.speaker_encoder is not None
            graph = self._graph(builds[contract.SPEAKER_ENCODER.name])
            module = checkpoints.load_speaker_encoder(files.speaker_encoder).module
            inputs = stage_errors.fbank_inputs(self._generator())
            return {"speaker_encoder": stage_errors.graph_error(graph, module, inputs)}

        found = {**self._once("hubert", sizes.hubert, hubert), **self._once("bert", sizes.bert, bert)}
        if contract.SPEAKER_ENCODER.name in builds:
            found |= self._once("speaker_encoder", sizes.speaker_encoder, speaker_encoder)
        return found

    @torch.no_grad()
    def _voice(self, weights: Weights, builds: dict[str, StageBuild], report: VersionReport) -> None:
        """The four networks of s2, each alone, and three of them chained from reference to waveform."""
        modules, sizes, generator = dict(weights.sovits.module.items()), weights.sovits.sizes, self._generator()
        graphs = {name: self._graph(builds[model.name]) for name, model in _SOVITS.items()}
        features = {"ssl_features": torch.randn(1, sizes.ssl_dim, 279, generator=generator)}
        found, expected = run_graph(graphs["quantizer"], features)[0], modules["quantizer"](**features)
        report.changed_prompt_tokens = int((found != expected).sum())

        reference = stage_errors.reference_inputs(sizes, generator)
        error = stage_errors.graph_error(graphs["reference_encoder"], modules["reference_encoder"], reference)
        report.stages["reference_encoder"] = error
        condition = modules["reference_encoder"](**reference)
        batch, rows = stage_errors.acoustic_batch(sizes, condition, generator)
        error = stage_errors.batch_error(graphs["acoustic"], modules["acoustic"], batch, rows, axis=2)
        report.stages["acoustic"] = error

        latents = [modules["acoustic"](**row) for row in rows]
        batch, frames = stage_errors.vocoder_batch(latents, condition)
        error = stage_errors.batch_error(graphs["vocoder"], modules["vocoder"], batch, frames, axis=1)
        report.stages["vocoder"] = error
        report.waveform_snr_db = stage_errors.snr_db(
            stage_errors.waveform(lambda name, inputs: run_graph(graphs[name], inputs)[0], reference, rows[0]),
            stage_errors.waveform(lambda name, inputs: modules[name](**inputs), reference, rows[0]),
        )
        stages = {model.name: modules[name] for name, model in _SOVITS.items()}
        report.half = voice_report(stages, self._half_graphs(), reference, rows[0])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m gsv_build verify`."""
    names = [version.value for version in SUPPORTED]
    parser.add_argument("--versions", nargs="+", choices=names, default=names)
    parser.add_argument("--size", choices=SIZE_PRESETS, default="official")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")


def run(arguments: argparse.Namespace) -> int:
    """Verify the versions asked for; status 1 if a bound is exceeded."""
    started = time.monotonic()
    versions = [ModelVersion(name) for name in arguments.versions]
    reports: dict[str, VersionReport] = {}
    with tempfile.TemporaryDirectory(prefix="gsv-verify-") as folder, logging_redirect_tqdm():
        verifier = Verifier(arguments.size, Path(folder), arguments.seed)
        for version in tqdm(versions, desc="verify", unit="version"):
            reports[version.value] = report = verifier.verify(version)
            sys.stdout.write(_table(version, report))
            sys.stdout.flush()
    failed = [f"{name}: {failure}" for name, report in reports.items() for failure in report.failures()]
    for failure in failed:
        logger.error("bound exceeded %s", failure)
    if arguments.json:
        summary = {
            "size": arguments.size,
            "seed": arguments.seed,
            "versions": {name: report.as_json() for name, report in reports.items()},
            "bounds": {
                "t2s_logit_error": MAX_LOGIT_ERROR,
                "t2s_half_logit_error": MAX_HALF_LOGIT_ERROR,
                "waveform_snr_db": MIN_SNR_DB,
                "relative_error": MAX_RELATIVE_ERROR,
                "half_waveform_snr_db": MIN_HALF_SNR_DB,
                "half_stage_snr_db": MIN_HALF_STAGE_SNR_DB,
            },
            "torch": torch.__version__,
            "onnxruntime": onnxruntime.__version__,
            "machine": platform.machine(),
            "seconds": round(time.monotonic() - started, 1),
            "ok": not failed,
        }
        sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if failed else 0


def _table(version: ModelVersion, report: VersionReport) -> str:
    """Lines for a person: stage, largest error, largest value."""
    lines = [f"{version.value:<10} {'stage':<18} {'largest error':>13} {'largest value':>13}"]
    lines += [f"{'':<10} {name:<18} {e.largest_error:>13.2e} {e.peak:>13.3g}" for name, e in report.stages.items()]
    lines.append(f"{'':<10} {'speech_tokenizer':<18} {report.changed_prompt_tokens:>13} tokens differ")
    lines.append(f"{'':<10} {'waveform':<18} {report.waveform_snr_db:>13.1f} dB SNR")
    if report.half is not None:
        halves = {**report.half.snr_db, "waveform": report.half.waveform_snr_db}
        lines += [f"{'':<10} {name + ', fp16':<24} {snr:>7.1f} dB SNR" for name, snr in halves.items()]
        changed, tied = report.half.changed_prompt_tokens, report.half.tied_prompt_tokens
        lines.append(f"{'':<10} {'prompt tokens, fp16':<24} {changed:>7} differ, {tied} more between codes that tie")
    return "\n".join(lines) + "\n"

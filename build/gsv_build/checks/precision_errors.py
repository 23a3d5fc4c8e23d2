"""How far the stages at half precision are from PyTorch in float32, on a CPU that rounds as a GPU would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from gsv_build.checks import stage_errors
from gsv_build.checks.rounded_graphs import write_rounded
from gsv_build.checks.stage_errors import Tensors, run_graph, snr_db
from gsv_build.graphs.half_precision import FLOAT32_PARTS, to_precision
from gsv_build.graphs.precision import Precision
from gsv_build.modules.quantizer import Quantizer

MIN_HALF_SNR_DB = 45.0  # of the waveform, from reference to samples
MIN_HALF_STAGE_SNR_DB = 40.0  # of any other output
TIE = 0.01  # two codes tie if their likeness differs by less than this share of its deviation over all codes


@dataclass
class HalfReport:
    """What half precision changes in one version."""

    snr_db: dict[str, float] = field(default_factory=dict)  # by stage
    waveform_snr_db: float = float("-inf")
    changed_prompt_tokens: int = 0
    tied_prompt_tokens: int = 0  # changed, too, but between codes that tie

    def failures(self) -> list[str]:
        """The bounds exceeded, each as a sentence."""
        found = [
            f"{name} at half precision: SNR {snr:.1f} dB, need at least {MIN_HALF_STAGE_SNR_DB:g}"
            for name, snr in self.snr_db.items()
            if not snr >= MIN_HALF_STAGE_SNR_DB
        ]
        if not self.waveform_snr_db >= MIN_HALF_SNR_DB:
            found.append(
                f"waveform at half precision: SNR {self.waveform_snr_db:.1f} dB, need at least {MIN_HALF_SNR_DB:g}"
            )
        if self.changed_prompt_tokens:
            found.append(f"hubert at half precision: {self.changed_prompt_tokens} prompt tokens differ, need none")
        return found


class HalfGraphs:
    """Exported graphs brought to half precision, as the export does, and run with rounding."""

    def __init__(self, exported: Callable[[str], Path]) -> None:
        """Take the graph of a model in float32, by its name, from `exported`."""
        self._exported = exported
        self._paths: dict[str, Path] = {}

    def run(self, name: str, inputs: Tensors) -> Tensor:
        """First output of a stage."""
        if name not in self._paths:
            model = onnx.load(self._exported(name))
            to_precision(model, Precision.FP16, FLOAT32_PARTS.get(name, ()))
            self._paths[name] = write_rounded(model, self._exported(name).with_name("rounded.onnx"))
        return run_graph(self._paths[name], inputs)[0]

    @torch.no_grad()
    def stage_snr_db(self, name: str, module: nn.Module, inputs: Tensors) -> float:
        """Of a stage's output, against its module."""
        return snr_db(self.run(name, inputs), module(**inputs))


@torch.no_grad()
def prompt_token_changes(hubert: nn.Module, quantizer: Quantizer, graphs: HalfGraphs, audio: Tensors) -> list[bool]:
    """Compare the prompt tokens of an audio; one entry for each that differs, True if its codes tie."""
    exact, rounded = hubert(**audio), graphs.run("hubert", audio)
    projected = quantizer.projection(exact)
    likeness = 2.0 * quantizer.codebook @ projected - quantizer.codebook.square().sum(dim=1).unsqueeze(1)
    expected, found = quantizer(exact), graphs.run("speech_tokenizer", {"ssl_features": rounded})
    changes = []
    for place in (found != expected)[0].nonzero()[:, 0].tolist():
        scores = likeness[0, :, place]
        gap = scores[expected[0, place]] - scores[found[0, place]]
        changes.append(bool(gap < TIE * scores.std()))
    return changes


@torch.no_grad()
def voice_report(modules: Mapping[str, nn.Module], graphs: HalfGraphs, reference: Tensors, row: Tensors) -> HalfReport:
    """Compare the networks of s2, each with exact inputs, and chained from reference to waveform.

    Args:
        modules: by name of the stage.
        graphs: likewise.
        reference: inputs of reference_encoder.
        row: inputs of acoustic but the condition, without padding.
    """
    condition = modules["reference_encoder"](**reference)
    latents = modules["acoustic"](**{**row, "global_condition": condition})
    frames = {"latents": latents, "frame_lengths": row["frame_lengths"], "global_condition": condition}
    inputs = {"reference_encoder": reference, "acoustic": {**row, "global_condition": condition}, "vocoder": frames}
    report = HalfReport({name: graphs.stage_snr_db(name, modules[name], each) for name, each in inputs.items()})
    chained = stage_errors.waveform(graphs.run, reference, row)
    report.waveform_snr_db = snr_db(chained, modules["vocoder"](**frames))
    return report

"""How far an exported graph is from the PyTorch module that it was made from.

Inputs are those of 3 s of speech: 60 phones, 75 semantic tokens, 100 prompt tokens, a 5 s reference. Stages that take
batches get two rows of different lengths, padded, and are held against PyTorch run on each row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from gsv_build.modules.t2s import T2S
from gsv_build.sizes import BertSizes, SovitsSizes
from gsv_runtime.contract import (
    FBANK_BINS,
    FRAMES_PER_TOKEN,
    SPEAKER_EMBEDDING_DIM,
    SPECTROGRAM_BINS,
)
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.engine import LogitsEngine, StepRow
from gsv_runtime.t2s.request import Prompt

PHONES, TOKENS, PROMPT_TOKENS = 60, 75, 100
SHORT_ROW = 3 / 5  # length of the second row of a batch
REFERENCE_SAMPLES = 89_600  # 5 s and the 0.6 s of zeros behind them, 16 kHz
REFERENCE_FRAMES, FBANK_FRAMES = 250, 498
CHARACTERS = 32
_GREEDY = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class StageDifference:
    """Largest absolute difference between PyTorch and ONNX, beside the largest value of the output."""

    largest_error: float
    peak: float

    @staticmethod
    def between(found: Tensor, expected: Tensor) -> StageDifference:
        """Compare two outputs of one shape; NaN or infinity anywhere is an infinite error."""
        if found.shape != expected.shape:
            raise ValueError(f"ONNX gives shape {list(found.shape)}, PyTorch {list(expected.shape)}")
        error = (found.double() - expected.double()).abs().max().item()
        return StageDifference(error if np.isfinite(error) else float("inf"), expected.double().abs().max().item())

    @staticmethod
    def worst(errors: Sequence[StageDifference]) -> StageDifference:
        """The largest of several."""
        return StageDifference(max(error.largest_error for error in errors), max(error.peak for error in errors))


def run_graph(path: Path, inputs: Tensors) -> list[Tensor]:
    """Run a graph once on the CPU; inputs that it does not take are left out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    taken = {value.name: inputs[value.name].numpy() for value in session.get_inputs()}
    return [torch.from_numpy(output) for output in session.run(None, taken)]


@torch.no_grad()
def graph_error(graph: Path, module: nn.Module, inputs: Tensors) -> StageDifference:
    """Compare a graph with its module on the same inputs, by the contract's names."""
    return StageDifference.between(run_graph(graph, inputs)[0], module(**inputs))


@torch.no_grad()
def batch_error(graph: Path, module: nn.Module, batch: Tensors, rows: Sequence[Tensors], axis: int) -> StageDifference:
    """Compare a graph run on a padded batch with its module run on each row alone.

    Args:
        graph: of the stage.
        module: its PyTorch definition.
        batch: padded inputs.
        rows: the same without padding, one mapping a row, each with a leading axis of 1.
        axis: of the output that is padded.
    """
    together = run_graph(graph, batch)[0]
    errors = []
    for index, row in enumerate(rows):
        alone = module(**row)
        errors.append(StageDifference.between(together[index : index + 1].narrow(axis, 0, alone.shape[axis]), alone))
    return StageDifference.worst(errors)


def hubert_inputs(generator: torch.Generator) -> Tensors:
    """Noise at the level of speech, then silence."""
    audio = 0.1 * torch.randn(1, REFERENCE_SAMPLES, generator=generator)
    audio[:, -9600:] = 0
    return {"audio_16k": audio}


def fbank_inputs(generator: torch.Generator) -> Tensors:
    """Log energies around those of speech."""
    return {"fbank": 3 * torch.randn(1, FBANK_FRAMES, FBANK_BINS, generator=generator) - 7}


def reference_inputs(sizes: SovitsSizes, generator: torch.Generator) -> Tensors:
    """A spectrogram and, for the versions that take one, a speaker embedding."""
    inputs = {"linear_spectrogram": torch.rand(1, SPECTROGRAM_BINS, REFERENCE_FRAMES, generator=generator)}
    if sizes.version.uses_speaker_embedding:
        inputs["speaker_embedding"] = torch.randn(1, SPEAKER_EMBEDDING_DIM, generator=generator)
    return inputs


def bert_batch(sizes: BertSizes, generator: torch.Generator) -> tuple[Tensors, Sequence[Tensors]]:
    """Two rows of characters: padded together, and each alone."""
    lengths = [CHARACTERS, int(CHARACTERS * SHORT_ROW)]
    ids = torch.randint(1, sizes.vocabulary, (2, CHARACTERS), generator=generator)
    ids[1, lengths[1] :] = 0
    batch = {"bert_token_ids": ids, "character_lengths": torch.tensor(lengths)[:, None]}
    rows = [
        {"bert_token_ids": ids[row : row + 1, :length], "character_lengths": torch.tensor([[length]])}
        for row, length in enumerate(lengths)
    ]
    return batch, rows


def acoustic_batch(
    sizes: SovitsSizes, global_condition: Tensor, generator: torch.Generator
) -> tuple[Tensors, Sequence[Tensors]]:
    """Two rows of tokens and phones: padded together, and each alone."""
    lengths = torch.tensor([[TOKENS, PHONES], [int(TOKENS * SHORT_ROW), int(PHONES * SHORT_ROW)]])
    tokens = torch.randint(0, sizes.codebook, (2, TOKENS), generator=generator)
    phones = torch.randint(0, sizes.num_phones, (2, PHONES), generator=generator)
    noise = 0.5 * torch.randn(2, sizes.latent, TOKENS * FRAMES_PER_TOKEN, generator=generator)
    tokens[1, lengths[1, 0] :], phones[1, lengths[1, 1] :] = 0, 0
    batch = {
        "semantic_tokens": tokens,
        "token_lengths": lengths[:, :1],
        "phones": phones,
        "phone_lengths": lengths[:, 1:],
        "global_condition": global_condition.expand(2, -1).contiguous(),
        "noise": noise,
        "frame_positions": torch.arange(0.0, TOKENS * FRAMES_PER_TOKEN).expand(2, -1).contiguous(),
        "frame_lengths": lengths[:, :1] * FRAMES_PER_TOKEN,
    }
    rows = []
    for row in range(2):
        alone = {name: tensor[row : row + 1] for name, tensor in batch.items()}
        alone["semantic_tokens"] = alone["semantic_tokens"][:, : lengths[row, 0]]
        alone["phones"] = alone["phones"][:, : lengths[row, 1]]
        for name in ("noise", "frame_positions"):
            alone[name] = alone[name][..., : lengths[row, 0] * FRAMES_PER_TOKEN]
        rows.append(alone)
    return batch, rows


def vocoder_batch(latents: Sequence[Tensor], global_condition: Tensor) -> tuple[Tensors, Sequence[Tensors]]:
    """Latent frames of two rows, [1, latent, F] each: padded together, and each alone."""
    longest = max(row.shape[2] for row in latents)
    batch = {
        "latents": torch.cat([nn.functional.pad(row, (0, longest - row.shape[2])) for row in latents]),
        "frame_lengths": torch.tensor([[row.shape[2]] for row in latents]),
        "global_condition": global_condition.expand(len(latents), -1).contiguous(),
    }
    rows = [
        {"latents": row, "frame_lengths": torch.tensor([[row.shape[2]]]), "global_condition": global_condition}
        for row in latents
    ]
    return batch, rows


@torch.no_grad()
def t2s_errors(
    engines: Mapping[str, Callable[[], LogitsEngine]], module: T2S, num_steps: int, generator: torch.Generator
) -> dict[str, StageDifference]:
    """Compare the logits of prefill and of every decode step with one teacher-forced forward of the module.

    Args:
        engines: each opened when it is measured, with two slots or more.
        module: whose graphs they run.
        num_steps: decode steps.
        generator: draws the prompt.

    Returns:
        By the engines' names.
    """
    sizes = module.sizes
    phones = torch.randint(0, sizes.num_phones, (1, PHONES + PROMPT_TOKENS), generator=generator)
    features = torch.randn(1, sizes.bert_dim, phones.shape[1], generator=generator)
    tokens = torch.randint(0, sizes.vocabulary - 1, (1, PROMPT_TOKENS + num_steps), generator=generator)
    lengths = torch.tensor([phones.shape[1]]), torch.tensor([tokens.shape[1]])
    expected = module(phones, lengths[0], features, tokens, lengths[1])[0, PROMPT_TOKENS:]
    spoken = tokens[:, :PROMPT_TOKENS]
    prompt = Prompt(phones[0].numpy(), features[0].numpy(), spoken[0].numpy(), _GREEDY, num_steps)
    given = tokens[0, PROMPT_TOKENS:].tolist()
    return {
        name: StageDifference.between(_served_logits(open_engine(), prompt, given), expected)
        for name, open_engine in engines.items()
    }


def _served_logits(engine: LogitsEngine, prompt: Prompt, tokens: Sequence[int]) -> Tensor:
    """[1 + len(tokens), V] logits from slot 1."""
    logits = [engine.prefill(1, prompt).copy()]
    for step, token in enumerate(tokens):
        rows = [StepRow()] * next(span for span in engine.spans if span > 1)
        rows[1] = StepRow(token, prompt.prompt_tokens.size + step, prompt.rows + step)
        logits.append(engine.decode_step(rows)[1].copy())
    return torch.from_numpy(np.stack(logits))


def waveform(run: Callable[[str, Tensors], Tensor], reference: Tensors, row: Tensors) -> Tensor:
    """Run each stage with the output of the one before; [1, N]."""
    condition = run("reference_encoder", reference)
    latents = run("acoustic", {**row, "global_condition": condition})
    frames = {"latents": latents, "frame_lengths": row["frame_lengths"], "global_condition": condition}
    return run("vocoder", frames)


def snr_db(found: Tensor, expected: Tensor) -> float:
    """Signal to noise in dB: energy of `expected` over that of the difference; at most 200."""
    noise = (found.double() - expected.double()).square().sum()
    signal = expected.double().square().sum()
    if not torch.isfinite(noise):
        return float("-inf")
    return float(10 * torch.log10(signal / noise.clamp(min=signal * 1e-20)))

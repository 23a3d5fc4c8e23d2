"""A voice of two recordings against upstream's, from the files to the waveform.

Upstream's side: `SynthesizerTrn.decode` with `refer` a list of both spectrograms, as `TTS.run` calls it with
`aux_ref_audio_paths`; noise_scale 0; the tokens, phones and weights that `parity` has, and its speaker embeddings.
Every 41st sample is stored.

Source: GPT-SoVITS 48b1a01, torch 2.13.0, float32 on CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.checks.module_stages import ModuleStages, Networks
from gsv_build.checks.upstream_data import (
    REFERENCES,
    SEVERAL_WAVEFORM,
    ParityData,
    ParityDifference,
    integers,
    relative_error,
    snr_db,
)
from gsv_build.modules.speaker_encoder import SpeakerEncoder
from gsv_build.size_presets import network_sizes
from gsv_runtime.contract import FRAMES_PER_TOKEN
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.synthesis.chunking import whole_window
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.timbre import mean_condition, timbre_of

STRIDE = 41
_TOKENS, _PHONES = 20, 15


def several_references_errors(
    data: ParityData, networks: SovitsModules, version: ModelVersion, speaker_encoder: SpeakerEncoder
) -> Iterator[ParityDifference]:
    """Errors of the condition and of the waveform of a voice of both references.

    Args:
        data: upstream's outputs.
        networks: of the version, with seeded weights at official sizes.
        version: which.
        speaker_encoder: asked where the version has one.
    """
    upstream = data.arrays("several_references")
    stages = ModuleStages(Networks(None, networks, speaker_encoder=speaker_encoder), _no_text)
    condition = mean_condition([timbre_of(data.analysed(name), stages, version) for name in REFERENCES])
    error = relative_error(condition[0], upstream[f"global_condition_{version.value}"])
    yield ParityDifference(version.value, f"global_condition of {len(REFERENCES)} references", error)
    ours, theirs = _waveform(networks, version, condition)[::STRIDE], upstream[f"waveform_{version.value}"]
    yield ParityDifference(version.value, SEVERAL_WAVEFORM, 10 ** (-snr_db(ours, theirs) / 20))


@torch.no_grad()
def _waveform(networks: SovitsModules, version: ModelVersion, condition: Array) -> Array:
    """What is said with a condition: the tokens and phones of `parity`, without noise. [N] float32."""
    sizes, frames = network_sizes(version).sovits, _TOKENS * FRAMES_PER_TOKEN
    tokens = torch.from_numpy(integers("semantic_tokens", sizes.codebook, _TOKENS))[None]
    phones = torch.from_numpy(integers("phones", sizes.num_phones, _PHONES))[None]
    counts = torch.tensor([[_TOKENS]]), torch.tensor([[_PHONES]])
    places = torch.from_numpy(whole_window(_TOKENS, frames).frame_positions)[None]
    timbre, lengths = torch.from_numpy(condition), torch.tensor([[frames]])
    silent = torch.zeros(1, sizes.latent, frames)
    latents = networks.acoustic(tokens, counts[0], phones, counts[1], timbre, silent, places, lengths)
    waveform: Array = networks.vocoder(latents, lengths, timbre)[0].numpy()
    return waveform


def _no_text(**_: str) -> Arrays:
    raise NotImplementedError

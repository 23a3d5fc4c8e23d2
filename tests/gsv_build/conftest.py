"""Tiny networks for the builder's tests."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import SovitsSizes
from gsv_runtime.tts.synthesis.chunking import whole_window
from gsv_runtime.versions import ModelVersion


class TinySovits:
    """Tiny SoVITS networks, every tensor drawn on its own, and inputs for them."""

    @staticmethod
    def sizes(version: ModelVersion = ModelVersion.V2, **changes: object) -> SovitsSizes:
        """Sizes at which a test takes milliseconds; no two axes alike where they need not be."""
        sizes = replace(
            network_sizes(version, "small").sovits,
            latent=12,
            filter=20,
            layers=2,
            global_dim=24 if version.uses_speaker_embedding else 16,
            ssl_dim=10,
            codebook=32,
            num_phones=18,
            mrte_hidden=16,
            style_hidden=8,
            flow_layers=2,
            wavenet_layers=2,
            upsample_channels=32,
        )
        return replace(sizes, **changes)

    @staticmethod
    def modules(version: ModelVersion = ModelVersion.V2, sizes: SovitsSizes | None = None) -> SovitsModules:
        """Networks whose layers are all different, biases too; codebooks agree."""
        torch.manual_seed(0)
        modules = SovitsModules.of(sizes or TinySovits.sizes(version)).eval()
        for _, module in modules.items():
            module.requires_grad_(False)
            for parameter in module.parameters():
                fan_in = max(1, parameter[0].numel())
                parameter.copy_(torch.randn_like(parameter) * (fan_in**-0.5 if parameter.dim() > 1 else 0.3))
        modules.acoustic.codebook.copy_(modules.quantizer.codebook)
        return modules

    @staticmethod
    def column(*lengths: int) -> Tensor:
        """Lengths as a stage takes them, [B, 1] int64."""
        return torch.tensor(lengths).unsqueeze(1)

    @staticmethod
    def positions(tokens: int, frames: int, size: int) -> Tensor:
        """Places of a whole sentence's frames, [size] float32; the padding holds other numbers than zero."""
        places = torch.from_numpy(whole_window(tokens, frames).frame_positions)
        return functional.pad(places, (0, size - frames), value=0.7)

    @staticmethod
    def acoustic_batch(
        sizes: SovitsSizes, tokens: tuple[int, ...], phones: tuple[int, ...], frames: tuple[int, ...]
    ) -> tuple[Tensor, ...]:
        """Inputs of the acoustic stage for a padded batch; the padding holds other numbers than zero."""
        torch.manual_seed(1)
        batch = len(tokens)
        return (
            torch.randint(0, sizes.codebook, (batch, max(tokens))),
            TinySovits.column(*tokens),
            torch.randint(0, sizes.num_phones, (batch, max(phones))),
            TinySovits.column(*phones),
            torch.randn(batch, sizes.global_dim),
            torch.randn(batch, sizes.latent, max(frames)) * 0.5,
            torch.stack([TinySovits.positions(*pair, max(frames)) for pair in zip(tokens, frames, strict=True)]),
            TinySovits.column(*frames),
        )

    @staticmethod
    def acoustic_row(batch: tuple[Tensor, ...], row: int) -> tuple[Tensor, ...]:
        """One row of such a batch as a call of its own, without padding."""
        inputs = (tensor[row : row + 1] for tensor in batch)
        tokens, token_lengths, phones, phone_lengths, condition, noise, positions, frame_lengths = inputs
        return (
            tokens[:, : int(token_lengths)],
            token_lengths,
            phones[:, : int(phone_lengths)],
            phone_lengths,
            condition,
            noise[:, :, : int(frame_lengths)],
            positions[:, : int(frame_lengths)],
            frame_lengths,
        )


@pytest.fixture(scope="session")
def tiny_sovits() -> type[TinySovits]:
    """What a test needs to run a tiny SoVITS stage."""
    return TinySovits

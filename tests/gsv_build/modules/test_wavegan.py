"""Parallel WaveGAN as a vocoder: what it sees, that padding changes nothing, and that its graph is one of `vocoder`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gsv_build.export import export_graph
from gsv_build.modules.wavegan import WaveGan, receptive_frames
from gsv_build.sizes import WaveGanSizes
from gsv_runtime import contract
from gsv_runtime.graphs.session import open_session
from gsv_runtime.graphs.stage import OnnxStage

SIZES = WaveGanSizes(latent=6, global_dim=4, channels=8, heard=8, layers_of_stack=8, stacks=2)
FRAMES = 14


def drawn(sizes: WaveGanSizes) -> WaveGan:
    """Every layer drawn on its own."""
    torch.manual_seed(0)
    module = WaveGan(sizes).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.dim() > 1 else 0.1))
    return module


@pytest.fixture
def vocoder() -> WaveGan:
    return drawn(SIZES)


def heard(vocoder: WaveGan, latents: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
    lengths = torch.tensor([[latents.shape[2]]])
    waveform: torch.Tensor = vocoder.double()(latents.double(), lengths, condition.double())[0]
    return waveform


def test_a_window_with_the_frames_it_sees_is_that_part_of_the_whole(vocoder: WaveGan) -> None:
    latents, condition = torch.randn(1, SIZES.latent, FRAMES), torch.randn(1, SIZES.global_dim)
    whole = heard(vocoder, latents, condition)[640 * 5 : 640 * 8]

    def difference(frames: int) -> float:
        window = heard(vocoder, latents[:, :, 5 - frames : 8 + frames], condition)
        return float((window[640 * frames : 640 * (frames + 3)] - whole).abs().max())

    around = receptive_frames(SIZES)
    assert difference(around) < 1e-10
    assert difference(around - 1) > 1e-7, "the receptive field is overstated"


def test_officially_it_sees_six_frames_to_each_side() -> None:
    assert receptive_frames(WaveGanSizes()) == 6  # 3,069 samples, and one frame


def test_a_padded_row_is_what_it_is_alone(vocoder: WaveGan) -> None:
    latents, condition = torch.randn(2, SIZES.latent, 6), torch.randn(2, SIZES.global_dim)
    batch = vocoder(latents, torch.tensor([[6], [4]]), condition)
    alone = vocoder(latents[1:, :, :4], torch.tensor([[4]]), condition[1:])
    torch.testing.assert_close(batch[1, : 4 * 640], alone[0], atol=1e-5, rtol=1e-4)
    assert not batch[1, 4 * 640 :].any()


@pytest.mark.slow
def test_its_graph_takes_and_gives_what_the_stage_does(tmp_path: Path) -> None:
    vocoder = drawn(replace(SIZES, layers_of_stack=2))  # a quarter of the layers to export; the operators are the same
    axes = {"latent_dim": SIZES.latent, "global_dim": SIZES.global_dim}
    export_graph(vocoder, contract.VOCODER, tmp_path / "model.onnx", axes)
    stage = OnnxStage(contract.VOCODER, open_session(tmp_path / "model.onnx", 1))
    inputs = {
        "latents": np.random.default_rng(0).standard_normal((1, SIZES.latent, 5), dtype=np.float32),
        "frame_lengths": np.array([[5]]),
        "global_condition": np.ones((1, SIZES.global_dim), dtype=np.float32),
    }
    expected = vocoder(*(torch.from_numpy(each) for each in inputs.values()))
    np.testing.assert_allclose(stage.run([inputs])[0]["waveform"], expected.numpy(), atol=1e-5)

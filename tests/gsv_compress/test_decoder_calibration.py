"""How far inputs of convolutions reach, and which of them would come out too noisy at 8 bits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gsv_build.graphs.eight_bits import EightBits
from gsv_compress.decoder_calibration import deviations_db, reaches, rounded


class Two(nn.Module):
    """A convolution that bears rounding, and one whose large input hides the small one that it passes on."""

    def __init__(self) -> None:
        super().__init__()
        self.good, self.bad = nn.Conv1d(2, 2, 3, bias=False), nn.Conv1d(2, 2, 1, bias=False)
        self.bad.weight.data = torch.tensor([[[0.0], [1.0]], [[0.0], [1.0]]])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run both."""
        return self.good(x), self.bad(x * torch.tensor([[[1000.0], [1.0]]]))


@pytest.fixture
def inputs() -> list[tuple[Tensor, ...]]:
    torch.manual_seed(0)
    return [(torch.randn(1, 2, 400),)]


def test_the_reach_is_the_largest_input_and_at_int8_without_the_very_few_beyond_all_others(
    inputs: list[tuple[Tensor, ...]],
) -> None:
    network = Two()
    largest = float(inputs[0][0].abs().max())
    assert reaches(network, EightBits.FP8, inputs)["good"] == pytest.approx(largest)
    long = torch.ones(1, 2, 20_000)
    long[0, 0, 0] = 50.0
    assert reaches(network, EightBits.INT8, [(long,)])["good"] == 1.0


@pytest.mark.parametrize("kind", list(EightBits))
def test_a_convolution_that_loses_what_it_is_to_pass_on_is_found(
    kind: EightBits, inputs: list[tuple[Tensor, ...]]
) -> None:
    network = Two()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = deviations_db(network, kind, reaches(network, EightBits.FP8, inputs), inputs)
    assert found["good"] > 25
    assert kind is EightBits.FP8 or found["bad"] < 5
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())


def test_rounded_numbers_are_those_of_8_bits() -> None:
    values = torch.linspace(-2, 2, 1001)
    assert rounded(values, torch.tensor(1.0), EightBits.INT8).unique().numel() == 255
    assert rounded(values, torch.tensor(1.0), EightBits.FP8).unique().numel() <= 255

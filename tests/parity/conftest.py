from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gsv_build.checks.parity import OfficialNetworks, ParityData


class Remembered(nn.Module):
    """A network that computes once what several tests ask of it: all of them hear the same two recordings."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.answers: list[tuple[list[Tensor], Tensor]] = []

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        asked = [*inputs, *named.values()]
        for before, answer in self.answers:
            if len(before) == len(asked) and all(map(torch.equal, before, asked)):
                return answer.clone()
        self.answers.append(([tensor.clone() for tensor in asked], self.network(*inputs, **named)))
        return self.answers[-1][1].clone()


class RememberedNetworks(OfficialNetworks):
    """Encoders of recordings that remember."""

    @cached_property
    def hubert(self) -> Any:
        return Remembered(super().hubert)

    @cached_property
    def speaker_encoder(self) -> Any:
        return Remembered(super().speaker_encoder)


@pytest.fixture(scope="session")
def data() -> ParityData:
    """What upstream computed."""
    return ParityData(Path(__file__).parent / "data")


@pytest.fixture(scope="session")
def networks() -> OfficialNetworks:
    """Our networks at official sizes, with the weights that upstream had; each built when first asked for."""
    return RememberedNetworks()

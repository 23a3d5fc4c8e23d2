"""Which matrices stay float32: the ones that move the tokens, and as few as possible."""

from __future__ import annotations

import pytest
import torch

from gsv_build.graphs.graph_quantisation import T2SPrecision
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_compress import quantising
from gsv_compress.quantising import choose
from gsv_compress.t2s_student import pack
from gsv_compress.teacher import Sentence


@pytest.fixture
def model(t2s_sizes: T2SSizes) -> T2S:
    torch.manual_seed(0)
    model = T2S(t2s_sizes).eval().requires_grad_(False)
    model.head.weight *= 20.0  # or its distributions would be nearly flat
    return model


def test_8_bits_are_borne_by_all_matrices_of_an_ordinary_network(model: T2S, sentences: list[Sentence]) -> None:
    made = choose(model, T2SPrecision.INT8, [pack(sentences[:3])])
    assert made.quantisation.float32 == frozenset()
    assert 0.0 <= made.divergence < quantising.MOST_DIVERGENCE
    assert len(made.alone) == 4 * model.sizes.layers


def test_a_matrix_that_rounding_ruins_stays_float32(
    model: T2S, sentences: list[Sentence], monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = model.get_parameter("layers.1.contract.weight")
    matrix *= 8.0
    matrix[:, ::32] *= 2000.0  # one value in each block takes all steps for itself
    model.get_parameter("layers.1.expand.weight")[::32] = 0.0  # and nothing comes of it
    model.get_parameter("layers.1.expand.bias")[::32] = 0.0
    made = choose(model, T2SPrecision.INT8, [pack(sentences[:3])])
    assert "layers.1.contract" in made.quantisation.float32
    assert made.divergence <= quantising.MOST_DIVERGENCE
    assert 0.0 < made.kept_share <= 0.25


def test_no_more_than_a_quarter_is_kept_even_where_all_suffer(
    model: T2S, sentences: list[Sentence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantising, "MOST_DIVERGENCE", -1.0)
    assert choose(model, T2SPrecision.INT4, [pack(sentences[:2])]).kept_share <= 0.25

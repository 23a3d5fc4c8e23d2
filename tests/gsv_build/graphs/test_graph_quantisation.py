import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_build.graphs.graph_quantisation import BLOCK_VALUES, quantise


def restored(blocks, inputs):
    matrix = (blocks.values.astype(np.float32) - 128) * blocks.scales[:, :, np.newaxis]
    return matrix.reshape(matrix.shape[0], -1)[:, :inputs]


@given(st.integers(1, 5), st.integers(1, 3 * BLOCK_VALUES), st.integers(0, 99))
def test_a_weight_moves_by_at_most_half_a_step_of_its_block(outputs, inputs, seed):
    matrix = np.random.default_rng(seed).standard_normal((outputs, inputs)).astype(np.float32)
    matrix *= np.logspace(-3, 3, inputs, dtype=np.float32)
    blocks = quantise(matrix)
    assert blocks.values.shape == (outputs, -(-inputs // BLOCK_VALUES), BLOCK_VALUES)
    steps = np.repeat(blocks.scales, BLOCK_VALUES, axis=1)[:, :inputs]
    assert (np.abs(restored(blocks, inputs) - matrix) <= 0.501 * steps).all()


@pytest.mark.parametrize("value", [0.0, 1e-30, -7.5])
def test_a_block_of_one_value_keeps_it(value):
    matrix = np.full((2, BLOCK_VALUES), value, dtype=np.float32)
    np.testing.assert_allclose(restored(quantise(matrix), BLOCK_VALUES), matrix, rtol=1e-6)

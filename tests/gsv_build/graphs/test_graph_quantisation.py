import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_build.graphs.graph_quantisation import BLOCK_VALUES, T2SPrecision, T2SQuantisation, quantise, restored

ROUNDED = [T2SPrecision.INT8, T2SPrecision.INT4]


@given(st.integers(1, 5), st.integers(1, 3 * BLOCK_VALUES), st.integers(0, 99), st.sampled_from(ROUNDED))
def test_a_weight_moves_by_at_most_half_a_step_of_its_block(outputs, inputs, seed, precision):
    matrix = np.random.default_rng(seed).standard_normal((outputs, inputs)).astype(np.float32)
    matrix *= np.logspace(-3, 3, inputs, dtype=np.float32)
    blocks = quantise(matrix, precision)
    assert blocks.values.shape == (outputs, -(-inputs // BLOCK_VALUES), BLOCK_VALUES * precision.bits // 8)
    steps = np.repeat(np.abs(blocks.scales), BLOCK_VALUES, axis=1)[:, :inputs]
    # At 4 bits there is no step +8: what is opposite to the largest and as large moves by a whole one.
    largest_move = {T2SPrecision.INT8: 0.501, T2SPrecision.INT4: 1.001}[precision]
    assert (np.abs(restored(blocks, inputs, precision) - matrix) <= largest_move * steps).all()


@pytest.mark.parametrize("value", [0.0, 1e-30, -7.5])
@pytest.mark.parametrize("precision", ROUNDED)
def test_a_block_of_one_value_keeps_it(value, precision):
    matrix = np.full((2, BLOCK_VALUES), value, dtype=np.float32)
    np.testing.assert_allclose(restored(quantise(matrix, precision), BLOCK_VALUES, precision), matrix, rtol=1e-6)


def test_what_was_written_is_read_again(tmp_path):
    asked = T2SQuantisation(T2SPrecision.INT8, frozenset({"layers.0.qkv"}))
    asked.write(tmp_path / "file.json")
    assert T2SQuantisation.read(tmp_path / "file.json") == asked
    assert asked.keeps("layers.0.qkv")
    assert asked.keeps("head")
    assert not asked.keeps("layers.0.expand")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"precision": "int3", "float32": []}'])
def test_a_file_that_says_nothing_is_named(tmp_path, text):
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(ValueError, match=r"file\.json is not readable"):
        T2SQuantisation.read(tmp_path / "file.json")

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime import contract
from gsv_runtime.graphs.shape_buckets import least_that_holds, pad_to, parse_shapes, render_shapes

SHAPES = parse_shapes(render_shapes((1, 4), [{"F": 64}, {"F": 32}]))


def test_a_setting_is_read_back_smallest_first():
    assert SHAPES == [{"B": 1, "F": 32}, {"B": 1, "F": 64}, {"B": 4, "F": 32}, {"B": 4, "F": 64}]


def test_no_setting_is_no_shape():
    assert parse_shapes("") == []


@pytest.mark.parametrize("text", ["B1 Fx", "B1 F2, B1", "B1 F2, B1 T2"])
def test_a_setting_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match=r"invalid literal|different axes"):
        parse_shapes(text)


@given(st.integers(1, 6), st.integers(1, 80))
def test_the_least_shape_with_room_is_taken_and_none_beyond_the_largest(rows, frames):
    found = least_that_holds(SHAPES, {"B": rows, "F": frames})
    if rows > 4 or frames > 64:
        assert found is None
    else:
        assert found == {"B": 1 if rows == 1 else 4, "F": 32 if frames <= 32 else 64}


def test_padding_adds_zeros_along_lengths_and_repeats_the_last_row():
    inputs = {
        "latents": np.ones((2, 3, 5), np.float32),
        "frame_lengths": np.array([[5], [4]], np.int64),
        "global_condition": np.array([[1, 1], [2, 2]], np.float32),
    }
    padded = pad_to(contract.VOCODER, inputs, {"B": 3, "F": 8})
    assert padded["latents"].shape == (3, 3, 8)
    assert padded["latents"].sum() == 3 * 3 * 5
    assert padded["frame_lengths"].tolist() == [[5], [4], [4]]
    assert padded["global_condition"].tolist() == [[1, 1], [2, 2], [2, 2]]

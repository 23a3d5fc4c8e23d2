"""Memory that is taken as it is written, and given back."""

import numpy as np
import pytest

from gsv_runtime.t2s.paged_memory import PagedMemory


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_what_is_given_back_is_zeros_at_the_same_place_and_can_be_written_again(dtype):
    memory = PagedMemory((3, 5000), dtype)
    assert (memory.array.dtype, memory.array.any()) == (dtype, False)
    place = memory.array.ctypes.data
    memory.array[1] = 7
    memory.give_back()
    assert not memory.array.any()
    memory.array[2, 4999] = 3
    assert (memory.array.sum(), memory.array.ctypes.data) == (3, place)

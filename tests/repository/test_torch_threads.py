"""A test that gives torch more threads leaves none of them to the tests after it."""

import contextlib

import torch

from ..conftest import pytest_runtest_protocol


def test_torch_has_the_threads_back_that_it_had_before_a_test():
    before = torch.get_num_threads()
    around = pytest_runtest_protocol()
    next(around)
    torch.set_num_threads(before + 1)
    with contextlib.suppress(StopIteration):
        next(around)
    assert torch.get_num_threads() == before

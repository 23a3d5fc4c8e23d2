import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_demo.alignment import align, plain


def test_equal_phones_end_together() -> None:
    ends = align(["K", "AE1", "T", "."], ["pau", "k", "ae", "t", "pau"], [0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(ends, [0.2, 0.3, 0.4, 0.5])


def test_a_phone_that_flite_leaves_out_ends_where_the_one_before_it_does() -> None:
    ends = align(["W", "AH1", "N", "T", "S"], ["pau", "w", "ah", "n", "s", "pau"], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_allclose(ends, [0.2, 0.3, 0.4, 0.4, 0.5])


def test_another_vowel_is_still_the_same_place() -> None:
    ends = align(["DH", "AH0", "D"], ["dh", "iy", "d"], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(ends, [0.1, 0.2, 0.3])


def test_stress_is_dropped_and_marks_stay() -> None:
    assert [plain(phone) for phone in ("AH0", "NG", ",")] == ["ah", "ng", ","]


@pytest.mark.slow
@given(
    st.lists(st.sampled_from(["AH0", "B", "S", "IY1", ","]), max_size=12),
    st.lists(st.sampled_from(["pau", "ah", "b", "s", "iy"]), max_size=12),
)
def test_ends_never_fall_and_are_flites(ours: list[str], theirs: list[str]) -> None:
    ends_s = [0.1 * (index + 1) for index in range(len(theirs))]
    ends = align(ours, theirs, ends_s)
    assert len(ends) == len(ours)
    assert (np.diff(ends) >= 0).all()
    assert all(any(abs(end - known) < 1e-6 for known in [0.0, *ends_s]) for end in ends)

"""Exactly the tensors wanted, or an error that lists what differs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gsv_build.checkpoints.errors import KeyMismatch
from gsv_build.checkpoints.keys import check_keys, fold_weight_norm, rename, split_weight_norm, strip_prefix

FOUND = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}


def test_exact_tensors_pass_in_the_order_wanted():
    assert list(check_keys(FOUND, {"b": (4,), "a": (2, 3)})) == ["b", "a"]


def test_tolerated_tensors_are_left_out():
    assert list(check_keys({**FOUND, "head.weight": torch.zeros(1)}, {"a": (2, 3), "b": (4,)}, [r"head\..*"])) == [
        "a",
        "b",
    ]


def test_tolerance_covers_whole_names_only():
    with pytest.raises(KeyMismatch, match="1 surplus: overhead"):
        check_keys({**FOUND, "overhead": torch.zeros(1)}, {"a": (2, 3), "b": (4,)}, ["head"])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"a": (2, 3), "b": (4,), "c": (1,)}, "s1: 1 missing: c; need exactly the 3 tensors"),
        ({"a": (2, 3)}, "s1: 1 surplus: b; need exactly the 1 tensors"),
        ({"a": (2, 4), "b": (4,)}, r"s1: 1 of another shape: a is \[2, 3\], need \[2, 4\]"),
        ({"c": (1,), "a": (2, 3)}, "s1: 1 missing: c; 1 surplus: b"),
    ],
)
def test_every_difference_is_listed(wanted, message):
    with pytest.raises(KeyMismatch, match=message):
        check_keys(FOUND, wanted, subject="s1")


def test_long_lists_show_ten_names_and_the_count():
    with pytest.raises(KeyMismatch, match=r"25 missing: n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, \.\.\.;") as error:
        check_keys({}, {f"n{index}": (1,) for index in range(25)})
    assert "n10" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_weight_norm_folds_as_torch_does(keep):
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(6, 4, 5), dim=keep)
    magnitude, direction = (tensor.detach() for tensor in conv.parametrizations.weight.parameters())
    torch.testing.assert_close(fold_weight_norm(magnitude, direction * 3, keep), conv.weight.detach())


@pytest.mark.slow
@given(st.integers(0, 2), st.integers(0, 2**16))
def test_split_undoes_fold(keep, seed):
    weight = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(fold_weight_norm(*split_weight_norm(weight, keep), keep), weight)


def test_half_precision_is_folded_in_float32():
    magnitude, direction = split_weight_norm(torch.randn(8, 300).half() * 200)
    assert fold_weight_norm(magnitude, direction).dtype is torch.float32
    assert fold_weight_norm(magnitude, direction).isfinite().all()


def test_rename_applies_a_table_in_turn_and_strip_drops_a_prefix():
    assert rename("x.1.y", [(r"^x\.", "z."), (r"\.(\d)\.", r"[\1].")]) == "z[1].y"
    assert list(strip_prefix({"bert.a": torch.zeros(1), "b": torch.zeros(1)}, "bert.")) == ["a", "b"]

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gsv_gateway.bodies import checked, is_deeper, json_object
from gsv_gateway.problems import RequestRefused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def nesting(value):
    if isinstance(value, dict):
        return 1 + max(map(nesting, value.values()), default=0)
    return 1 + max(map(nesting, value), default=0) if isinstance(value, list) else 0


@pytest.mark.slow
@given(JSON)
def test_depth_is_how_deep_containers_lie_in_each_other(value):
    depth = nesting(value)
    assert not is_deeper(value, depth)
    assert depth == 0 or is_deeper(value, depth - 1)


@pytest.mark.slow
@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_an_object_is_read_as_it_is_but_for_its_nulls(value):
    expected = {key: item for key, item in value.items() if item is not None}
    assert json_object(json.dumps(value).encode(), 32) == expected


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data):
    with contextlib.suppress(RequestRefused):
        assert isinstance(json_object(data, 32), dict)


@pytest.mark.parametrize("depth", [40, 9_000])
def test_brackets_in_brackets_are_refused(depth):
    with pytest.raises(RequestRefused, match="nests deeper than 32"):
        json_object('{"a":' + "[" * depth + "]" * depth + "}", 32)


def test_a_million_brackets_are_refused_without_being_parsed():
    with pytest.raises(RequestRefused, match="more than 10000 brackets"):
        json_object("[" * 1_000_000, 32)


class Point(BaseModel):
    x: int
    name: str = ""


def test_a_wrong_field_is_named_with_what_came():
    with pytest.raises(RequestRefused, match=r"x is 'left': ") as caught:
        checked(Point, {"x": "left"})
    assert caught.value.param == "x"


def test_a_missing_field_is_named():
    with pytest.raises(RequestRefused, match="x is required"):
        checked(Point, {"name": "a"})


def test_a_long_value_is_not_repeated_whole():
    with pytest.raises(RequestRefused) as caught:
        checked(Point, {"x": "y" * 10_000})
    assert len(str(caught.value)) < 300

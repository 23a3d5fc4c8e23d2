"""What is kept comes back bit by bit, or not at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gsv_runtime.cache.entry import CorruptEntry, Entry, Key, parse, serialise

from .entries import entry, key, same

_DTYPES = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(sizes=(16, 32, 64))
)
_ARRAYS = st.dictionaries(
    st.text(max_size=8), hnp.arrays(_DTYPES, hnp.array_shapes(min_dims=0, min_side=0)), max_size=3
)
_FACTS = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.text(), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)),
    max_size=3,
)
_ENTRIES = st.builds(Entry, _ARRAYS, _FACTS)
SMALL = serialise(key(1), Entry({"a": np.arange(3, dtype=np.int64), "b": np.ones(2, np.float32)}, {"text": "你好"}))


@pytest.mark.slow
@given(_ENTRIES)
def test_what_is_written_is_read_bit_by_bit(written):
    found = parse(key(1), serialise(key(1), written))
    assert same(found, written)
    assert {name: (array.dtype.newbyteorder("="), array.shape) for name, array in found.arrays.items()} == {
        name: (array.dtype.newbyteorder("="), array.shape) for name, array in written.arrays.items()
    }
    assert {name: type(fact) for name, fact in found.facts.items()} == {
        name: type(fact) for name, fact in written.facts.items()
    }


@pytest.mark.slow
@given(_ENTRIES)
def test_the_same_entry_gives_the_same_bytes(written):
    reordered = Entry(dict(reversed(written.arrays.items())), dict(reversed(written.facts.items())))
    assert serialise(key(1), written) == serialise(key(1), reordered)


@pytest.mark.parametrize("bit", range(8))
def test_every_single_flipped_bit_is_refused(bit):
    for position in range(len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[position] ^= 1 << bit
        with pytest.raises(CorruptEntry):
            parse(key(1), bytes(damaged))


def test_every_truncation_is_refused():
    for length in range(len(SMALL)):
        with pytest.raises(CorruptEntry):
            parse(key(1), SMALL[:length])


@pytest.mark.slow
@given(_ENTRIES, st.data())
def test_a_flipped_bit_or_a_cut_is_refused_in_any_entry(written, data):
    whole = serialise(key(1), written)
    damaged = bytearray(whole)
    damaged[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for wrong in (bytes(damaged), whole[: data.draw(st.integers(0, len(whole) - 1))], whole + b"\0"):
        with pytest.raises(CorruptEntry):
            parse(key(1), wrong)


@given(st.binary(max_size=300))
def test_garbage_is_refused(data):
    with pytest.raises(CorruptEntry):
        parse(key(1), data)


def test_an_entry_under_another_name_is_refused():
    for other in (key(2), key(1, "tokens")):
        with pytest.raises(CorruptEntry, match="need"):
            parse(other, SMALL)


def test_the_arrays_of_an_entry_cannot_be_written_to():
    waveform = np.zeros(4, np.float32)
    kept = Entry({"waveform": waveform})
    waveform[:] = 1
    assert not kept.arrays["waveform"].any()
    for found in (kept, parse(key(1), serialise(key(1), kept))):
        with pytest.raises(ValueError, match="read-only"):
            found.arrays["waveform"][:] = 1


def test_parsing_copies_no_array():
    data = serialise(key(1), entry(1))
    start = np.frombuffer(data, np.uint8).ctypes.data
    found = parse(key(1), data).arrays["waveform"].ctypes.data
    assert start < found < start + len(data)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.zeros(1, np.complex64)])
def test_arrays_of_other_things_than_numbers_are_refused(array):
    with pytest.raises(ValueError, match="need booleans, integers or floats"):
        Entry({"a": array})


def test_facts_that_json_would_change_are_refused():
    with pytest.raises(TypeError, match="need str, int, float or bool"):
        Entry({}, {"a": np.float32(1)})
    with pytest.raises(ValueError, match="JSON compliant"):
        Entry({}, {"a": float("nan")})


@pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n", "../" + "a" * 61])
def test_a_key_is_the_hex_of_a_sha256(digest):
    with pytest.raises(ValueError, match="64 hex digits"):
        Key("audio", digest)
    with pytest.raises(ValueError, match="need one of"):
        Key("../audio", "a" * 64)

"""What is written down of a voice can be read again, and nonsense cannot."""

import pytest

from gsv_runtime.voices.records import VoiceEntry, VoiceRecord

RECORD = VoiceRecord(VoiceEntry("ann", "hi", "en", 4.0, "2026-11-26"), {"w": "a"}, ("c",), trim=True)


def test_a_record_is_read_as_it_was_written():
    assert VoiceRecord.parse(RECORD.to_json()) == RECORD


def test_what_was_derived_last_stands_last_and_four_weights_are_kept():
    record = RECORD
    for build in ("b1", "b2", "w", "b3", "b4"):
        record = record.with_derived(build, f"of {build}")
    assert record.derived == {"b2": "of b2", "w": "of w", "b3": "of b3", "b4": "of b4"}


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b'{"voice": "a"}', b'{"derived": {"w": "d"}}', b"\xff"])
def test_what_is_no_record_is_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it is
        VoiceRecord.parse(data)

"""Records on disk and in memory."""

import json
import os

import pytest

from gsv_runtime.voices.record_files import RecordFiles
from gsv_runtime.voices.voice_files import write_atomically


@pytest.fixture
def write(tmp_path):
    def write_record(name, record):
        write_atomically(tmp_path / f"{name}.json", lambda file: file.write(json.dumps(record).encode()))

    return write_record


@pytest.mark.slow
def test_what_others_write_replace_and_remove_is_seen_at_once(tmp_path, write):
    records = RecordFiles(tmp_path, json.loads)
    for number in range(20):
        write("ann", {"a": number})
        write(f"b{number}", {})
        assert records.get("ann") == records.all()["ann"] == {"a": number}
        assert records.count() == len(records.all()) == number + 2
    (tmp_path / "ann.json").unlink()
    assert records.get("ann") is None
    assert "ann" not in records.all()


def test_what_has_not_changed_is_read_once(tmp_path, write):
    for number in range(1_000):
        (tmp_path / f"v{number}.json").write_text("{}")
    os.utime(tmp_path, (1, 1))  # they were written long ago
    reads = []
    records = RecordFiles(tmp_path, lambda text: reads.append(1) or {})
    assert len(records.all()) == len(reads) == 1_000
    assert len(records.all()) == records.count() == 1_000
    write("new", {})
    assert len(records.all()) == len(reads) == 1_001


def test_a_directory_that_is_not_there_has_none(tmp_path):
    records = RecordFiles(tmp_path / "later", json.loads)
    assert (dict(records.all()), records.count(), records.get("x")) == ({}, 0, None)

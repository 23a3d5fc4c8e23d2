"""What a server takes is measured, and told in lines."""

import os

import pytest

from gsv_runtime.server.usage import lines, usage


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """A small one; this Python's own takes seconds to count."""
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "file").write_bytes(os.urandom(2 << 20))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))


def test_memory_is_that_of_the_process_and_disk_counts_each_file_once(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "graph").write_bytes(os.urandom(1 << 20))
    (tmp_path / "models" / "again").hardlink_to(tmp_path / "models" / "graph")
    (tmp_path / "state").mkdir()
    found = usage(os.getpid(), "gsv-none-", tmp_path / "models", tmp_path / "state")
    assert found["memory_by_part"]["tritonserver"] > 1 << 20
    assert found["memory_bytes"] == sum(found["memory_by_part"].values())
    assert found["disk_by_part"]["models"] == 1 << 20
    assert found["disk_by_part"]["environment"] == 2 << 20
    memory, disk = lines(found)
    assert memory.startswith("memory: ")
    assert disk.startswith("disk:   models 1 MB, state 0 MB, environment 2 MB")


def test_a_server_that_does_not_run_has_disk_only(tmp_path):
    found = usage(None, "none", tmp_path, tmp_path)
    assert (found["memory_bytes"], found["memory_by_part"]) == (0, {})
    assert [line[:5] for line in lines(found)] == ["disk:"]

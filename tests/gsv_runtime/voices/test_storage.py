"""What is said of the room that a server has left."""

import pytest

from gsv_runtime.voices import storage
from gsv_runtime.voices.storage import figures, small_shared_memory, warnings

MIB = 2**20


@pytest.fixture
def free(monkeypatch):
    """Bytes that are free, by place; elsewhere there is plenty."""
    bytes_free = {}
    monkeypatch.setattr(storage, "free_bytes", lambda place: bytes_free.get(place, 2**40))
    return bytes_free


def test_a_server_with_room_says_nothing(free, tmp_path):
    assert list(warnings(tmp_path)) == []


def test_a_full_disk_a_small_shared_memory_and_a_directory_of_another_are_each_told(free, tmp_path, monkeypatch):
    free[tmp_path] = 3 * MIB
    assert list(warnings(tmp_path)) == ["the server's disk is full: 3 MiB are left for voices and cache"]
    free[storage.SHARED_MEMORY] = MIB
    assert "shared memory (/dev/shm) has 1 MiB left; need 64" in list(warnings(tmp_path))[1]
    monkeypatch.setattr(storage, "is_writable", lambda place: False)
    assert "read-only, or not its own" in next(warnings(tmp_path))
    assert "read-only, or not its own" in next(warnings(tmp_path / "not" / "made" / "yet"))


def test_shared_memory_is_small_only_below_what_is_needed(free):
    free[storage.SHARED_MEMORY] = 256 * MIB
    assert small_shared_memory(256 * MIB) == ""
    assert "--shm-size" in small_shared_memory(257 * MIB)


def test_each_place_has_its_figures_and_one_that_is_gone_has_no_room(tmp_path):
    found = {(name, place): value for name, value, place in figures({"here": tmp_path, "gone": tmp_path / "gone"})}
    assert found["gsv_storage_free_bytes", "here"] > 0
    assert found["gsv_storage_writable", "here"] == 1
    assert found["gsv_storage_free_bytes", "gone"] == found["gsv_storage_writable", "gone"] == 0

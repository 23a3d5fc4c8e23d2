"""A file that several processes share; most of it is tested by the keys, which lie in one."""

import json

import pytest

from gsv_gateway.json_file import JsonFile


def as_list(values):
    return [] if values is None else list(values)


def test_a_file_that_is_not_there_is_what_nothing_stands_for(tmp_path):
    assert JsonFile(tmp_path / "x.json", as_list).read() == []


def test_what_one_writes_another_reads_after_a_second_and_its_writer_at_once(tmp_path):
    now_s = [0.0]
    one, other = (JsonFile(tmp_path / "x.json", as_list, lambda: now_s[0]) for _ in range(2))
    assert other.read() == []
    with one.locked() as values:
        one.write([*values, 1])
    assert (one.read(), other.read()) == ([1], [])
    now_s[0] = 1.0
    assert other.read() == [1]
    (tmp_path / "x.json").unlink()
    now_s[0] = 2.0
    assert other.read() == []


def test_two_that_add_under_the_lock_lose_nothing(tmp_path):
    one, other = (JsonFile(tmp_path / "x.json", as_list, look_every_s=0.0) for _ in range(2))
    for file, value in ((one, 1), (other, 2), (one, 3)):
        with file.locked() as values:
            file.write([*values, value])
    assert json.loads((tmp_path / "x.json").read_text()) == [1, 2, 3]


def test_what_cannot_be_read_is_told_every_time(tmp_path):
    (tmp_path / "x.json").write_text("{")
    file = JsonFile(tmp_path / "x.json", as_list)
    for _ in range(2):
        with pytest.raises(ValueError, match="Expecting"):
            file.read()

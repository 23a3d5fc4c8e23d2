"""A folder of entries: whole files only, a bound that holds, and no fault of the disk that gives wrong data."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from gsv_runtime.cache import Cache, CorruptEntry
from gsv_runtime.cache.disk import DiskLevel
from gsv_runtime.cache.disk_files import BLOCK_BYTES, key_of, relative_path, stored_files
from gsv_runtime.cache.entry import serialise
from gsv_runtime.cache.levels import LevelFailed

from .entries import entry, key, same

PLENTY = 1 << 30
AB = "ab" * 32


def path_of(folder, number):
    return Path(folder) / relative_path(key(number))


def files_below(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def age(folder, number, seconds):
    """Sets when an entry was last used, that many seconds ago."""
    when = time.time() - seconds
    os.utime(path_of(folder, number), (when, when))


def test_what_is_put_is_found_by_another_process_that_opens_the_folder(tmp_path):
    DiskLevel(tmp_path, PLENTY).put(key(1), entry(1))
    assert same(DiskLevel(tmp_path, PLENTY).get(key(1)), entry(1))
    assert DiskLevel(tmp_path, PLENTY).get(key(2)) is None
    assert files_below(tmp_path) == [path_of(tmp_path, 1)]


def test_a_folder_that_is_not_there_yet_is_empty_and_made_by_the_first_put(tmp_path):
    level = DiskLevel(tmp_path / "a" / "b", PLENTY)
    assert level.get(key(1)) is None
    level.put(key(1), entry(1))
    assert same(level.get(key(1)), entry(1))


def test_the_files_hold_the_bound_at_every_moment(tmp_path, figures):
    bound = 20 * BLOCK_BYTES
    level = DiskLevel(tmp_path, bound, figures)
    for number in range(60):
        level.put(key(number), entry(number))
        held = sum(file.disk_bytes for file in stored_files(tmp_path))
        assert held <= bound
        assert level.nbytes == held == figures("bytes", level="disk")
    assert figures("evictions_total", level="disk") == 60 - held // BLOCK_BYTES
    assert level.get(key(59)) is not None


def test_what_was_used_least_recently_goes_first_and_reading_is_using(tmp_path):
    level = DiskLevel(tmp_path, 10 * BLOCK_BYTES)
    for number in range(10):
        level.put(key(number), entry(number))
        age(tmp_path, number, seconds=1000 - number)
    assert level.get(key(0)) is not None
    level.put(key(10), entry(10))
    left = {number for number in range(11) if path_of(tmp_path, number).exists()}
    assert left == {0, 3, 4, 5, 6, 7, 8, 9, 10}


def test_reading_notes_the_use_once_a_minute_at_most(tmp_path):
    level = DiskLevel(tmp_path, PLENTY)
    level.put(key(1), entry(1))
    age(tmp_path, 1, seconds=50)
    before = path_of(tmp_path, 1).stat().st_mtime_ns
    level.get(key(1))
    assert path_of(tmp_path, 1).stat().st_mtime_ns == before


def test_an_entry_bigger_than_the_level_is_not_kept_and_moves_nothing_out(tmp_path):
    level = DiskLevel(tmp_path, 4 * BLOCK_BYTES)
    level.put(key(1), entry(1))
    level.put(key(2), entry(2, num_samples=5 * BLOCK_BYTES))
    assert [level.get(key(1)) is not None, level.get(key(2))] == [True, None]


@pytest.mark.parametrize("jump_s", [-10 * 365 * 86_400, 10 * 365 * 86_400])
def test_after_a_jump_of_the_clock_entries_are_right_and_the_bound_holds(tmp_path, jump_s):
    level = DiskLevel(tmp_path, 10 * BLOCK_BYTES)
    for number in range(10):
        level.put(key(number), entry(number))
        age(tmp_path, number, seconds=jump_s)
    assert all(same(level.get(key(number)), entry(number)) for number in range(5))  # their times are put right
    level.put(key(10), entry(10))
    assert sum(file.disk_bytes for file in stored_files(tmp_path)) <= 10 * BLOCK_BYTES
    assert all(same(level.get(key(number)), entry(number)) for number in [0, 1, 2, 3, 4, 10])
    assert len(files_below(tmp_path)) == 9


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data[:100], lambda data: b"", lambda data: data[:-40] + b"!" + data[-39:]],
    ids=["one byte short", "cut", "empty", "changed"],
)
def test_a_damaged_file_is_never_used_and_goes(tmp_path, damage):
    level = DiskLevel(tmp_path, PLENTY)
    level.put(key(1), entry(1))
    path_of(tmp_path, 1).write_bytes(damage(path_of(tmp_path, 1).read_bytes()))
    with pytest.raises(CorruptEntry):
        level.get(key(1))
    assert not path_of(tmp_path, 1).exists()
    level.put(key(1), entry(1))
    assert same(level.get(key(1)), entry(1))


def test_a_file_under_another_entrys_name_is_never_used(tmp_path):
    level = DiskLevel(tmp_path, PLENTY)
    level.put(key(1), entry(1))
    path_of(tmp_path, 2).parent.mkdir(exist_ok=True)
    path_of(tmp_path, 1).rename(path_of(tmp_path, 2))
    with pytest.raises(CorruptEntry, match="need"):
        level.get(key(2))


def test_a_damaged_file_is_counted_logged_and_a_miss(tmp_path, figures, caplog):
    cache = Cache([DiskLevel(tmp_path, PLENTY)], figures)
    cache.put(key(1), entry(1))
    assert cache.flush(10.0)
    path_of(tmp_path, 1).write_bytes(b"damaged")
    assert cache.get(key(1)) is None
    assert figures("corrupt_total", level="disk", kind="audio") == 1
    assert "entry corrupt level=disk action=get kind=audio" in caplog.text
    cache.close()


def test_a_file_that_vanishes_between_listing_and_use_is_no_failure(tmp_path):
    level = DiskLevel(tmp_path, PLENTY)
    for number in range(5):
        level.put(key(number), entry(number))
    files = stored_files(tmp_path)
    next(files)
    for path in files_below(tmp_path):
        path.unlink()
    assert list(files) == []


def test_foreign_files_are_neither_counted_nor_removed(tmp_path):
    level = DiskLevel(tmp_path, 5 * BLOCK_BYTES)
    foreign = [tmp_path / name for name in ("README", "audio/README", "audio/aa/README", "audio/aa/" + "A" * 64)]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10 * BLOCK_BYTES)
    for number in range(20):
        level.put(key(number), entry(number))
    assert level.get(key(19)) is not None
    assert all(path.exists() for path in foreign)


def test_what_a_dead_process_left_half_written_goes(tmp_path):
    DiskLevel(tmp_path, PLENTY).put(key(1), entry(1))
    old, future, fresh = (tmp_path / "incoming" / name for name in ("old", "future", "fresh"))
    for path, seconds in ((old, 7200), (future, -7200), (fresh, 10)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - seconds,) * 2)
    DiskLevel(tmp_path, PLENTY).put(key(2), entry(2))
    assert [path.exists() for path in (old, future, fresh)] == [False, False, True]


def test_another_processs_files_are_seen_when_the_folder_is_counted_again(tmp_path):
    now_s = [0.0]
    bound = 100 * BLOCK_BYTES
    here, there = DiskLevel(tmp_path, bound, clock=lambda: now_s[0]), DiskLevel(tmp_path, bound)
    here.put(key(0), entry(0))
    for number in range(1, 50):
        there.put(key(number), entry(number))
    assert here.nbytes == BLOCK_BYTES
    now_s[0] = 600.0
    here.put(key(50), entry(50))
    assert here.nbytes == 51 * BLOCK_BYTES


_WRITER = """
import sys
from entries import entry, key, same
from gsv_runtime.cache.disk import DiskLevel

level = DiskLevel(sys.argv[1], 200 * 4096)
print("ready", flush=True)
sys.stdin.readline()
for step in range(300):
    number = step * int(sys.argv[2]) % 299
    level.put(key(number), entry(number))
    found = level.get(key(number))
    assert found is None or same(found, entry(number))
"""


@pytest.mark.slow
def test_processes_that_write_and_evict_the_same_keys_never_see_a_wrong_or_half_entry(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _WRITER, tmp_path, str(step)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parent,  # for entries.py
        )
        for step in (7, 7, 11)
    ]
    for writer in writers:
        writer.stdout.readline()
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], said
    level = DiskLevel(tmp_path, PLENTY)
    found = [number for number in range(299) if same(level.get(key(number)), entry(number))]
    assert found
    assert len(files_below(tmp_path)) == len(found)  # nothing half written is left


def test_threads_of_one_process_share_a_level(tmp_path):
    level = DiskLevel(tmp_path, 30 * BLOCK_BYTES)
    wrong = []

    def use(step):
        for turn in range(40):
            number = turn * step % 37
            level.put(key(number), entry(number))
            found = level.get(key(number))
            if found is not None and not same(found, entry(number)):
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(step,)) for step in (3, 7, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(file.disk_bytes for file in stored_files(tmp_path)) <= 30 * BLOCK_BYTES


@contextmanager
def file_system(folder, *options):
    """A small file system in memory, mounted there; skips where that is not allowed."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_fails_no_request_keeps_what_is_there_and_leaves_no_half_file(tmp_path, figures, caplog):
    with file_system(tmp_path / "small", "-o", "size=300k") as folder:
        cache = Cache([DiskLevel(folder, PLENTY, figures)], figures)
        for number in range(100):
            cache.put(key(number), entry(number, num_samples=2000))
        assert cache.flush(20.0)
        errors = figures("errors_total", level="disk", kind="audio")
        found = [number for number in range(100) if cache.get(key(number)) is not None]
        assert 0 < len(found) == 100 - errors
        assert all(same(cache.get(key(number)), entry(number, num_samples=2000)) for number in found)
        assert len(files_below(folder)) == len(found)
        assert "level failed level=disk action=put kind=audio" in caplog.text
        assert "No space left on device" in caplog.text
        path_of(folder, found[0]).unlink()
        cache.put(key(1000), entry(1000))
        assert cache.flush(20.0)
        assert same(cache.get(key(1000)), entry(1000))  # it goes on as soon as there is room
        cache.close()


def test_a_read_only_disk_is_read_and_writing_to_it_fails_no_request(tmp_path, figures, caplog):
    with file_system(tmp_path / "small", "-o", "size=1m") as folder:
        level = DiskLevel(folder, PLENTY)
        for number in (1, 2):
            level.put(key(number), entry(number))
            age(folder, number, seconds=1000)
        path_of(folder, 2).write_bytes(b"damaged")
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        cache = Cache([DiskLevel(folder, PLENTY)], figures)
        cache.put(key(3), entry(3))
        assert cache.flush(20.0)
        assert same(cache.get(key(1)), entry(1))
        assert cache.get(key(2)) is None
        assert cache.get(key(3)) is None
        assert figures("errors_total", level="disk") == 1
        assert figures("corrupt_total", level="disk") == 1
        assert "Read-only file system" in caplog.text
        cache.close()


def test_a_folder_that_cannot_be_made_fails_puts_only(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    level = DiskLevel(tmp_path / "file" / "cache", PLENTY)
    assert level.get(key(1)) is None
    with pytest.raises(LevelFailed, match="Not a directory"):
        level.put(key(1), entry(1))


@pytest.mark.parametrize(
    "relative",
    [
        f"audio/ab/{AB}/..",
        f"../audio/ab/{AB}",
        f"/audio/ab/{AB}",
        f"audio/cd/{AB}",
        f"audio/ab{AB}",
        f"audio//{AB}",
        f"other/ab/{AB}",
        f"audio/AB/{AB.upper()}",
        f"audio/ab/{AB}\n",
        "audio",
        "",
    ],
)
def test_only_the_path_of_a_key_names_a_key(relative):
    assert key_of(relative) is None
    assert key_of(relative_path(key(1))) == key(1)


def test_a_file_holds_what_serialise_gives(tmp_path):
    DiskLevel(tmp_path, PLENTY).put(key(1), entry(1))
    assert path_of(tmp_path, 1).read_bytes() == serialise(key(1), entry(1))


def test_the_folder_may_be_deleted_under_a_running_server(tmp_path):
    level = DiskLevel(tmp_path / "cache", PLENTY)
    level.put(key(1), entry(1))
    shutil.rmtree(tmp_path / "cache")
    assert level.get(key(1)) is None
    level.put(key(1), entry(1))
    assert same(level.get(key(1)), entry(1))

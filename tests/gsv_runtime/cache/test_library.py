"""A folder of entries is counted, verified, pruned and carried elsewhere; hostile files do no harm."""

import io
import os
import tarfile
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsv_runtime.cache import library
from gsv_runtime.cache.disk import DiskLevel
from gsv_runtime.cache.disk_files import BLOCK_BYTES, relative_path, stored_files
from gsv_runtime.cache.entry import serialise
from gsv_runtime.cache.library import Amount, BadLibrary

from .entries import entry, key, same

ENTRY_KINDS = ("audio", "tokens", "features", "voice")


def filled(folder, count=8):
    """A folder with so many entries, of every kind in turn."""
    level = DiskLevel(folder, 1 << 30)
    for number in range(count):
        level.put(key(number, ENTRY_KINDS[number % 4]), entry(number))
    return level


def path_of(folder, number):
    return folder / relative_path(key(number, ENTRY_KINDS[number % 4]))


def exported(folder):
    destination = io.BytesIO()
    library.export(folder, destination)
    return destination.getvalue()


def test_stats_count_by_kind_and_say_when_entries_were_used(tmp_path):
    filled(tmp_path)
    for number in range(8):
        os.utime(path_of(tmp_path, number), (1_000_000, 1_000_000 + number))
    found = library.stats(tmp_path)
    assert found.kinds == dict.fromkeys(ENTRY_KINDS, Amount(2, 2 * BLOCK_BYTES))
    assert found.total == Amount(8, 8 * BLOCK_BYTES)
    assert (found.oldest_use_s, found.newest_use_s) == (1_000_000, 1_000_007)


def test_an_empty_folder_has_nothing(tmp_path):
    assert library.stats(tmp_path / "none") == library.Stats(dict.fromkeys(ENTRY_KINDS, Amount()), None, None)


def test_verifying_finds_what_is_damaged_and_removes_it_only_if_asked_to(tmp_path):
    filled(tmp_path)
    path_of(tmp_path, 2).write_bytes(b"damaged")
    assert library.verify(tmp_path) == library.Verified(7, (key(2, "features"),), 0)
    assert library.verify(tmp_path, delete=True) == library.Verified(7, (key(2, "features"),), 1)
    assert library.verify(tmp_path) == library.Verified(7, (), 0)


def test_verifying_and_exporting_are_no_use_of_an_entry(tmp_path):
    filled(tmp_path)
    for file in stored_files(tmp_path):
        os.utime(file.path, (1000, 1000))
    library.verify(tmp_path)
    exported(tmp_path)
    assert {file.used_s for file in stored_files(tmp_path)} == {1000}


def test_pruning_holds_the_bound_and_lets_go_of_what_was_used_least_recently(tmp_path):
    filled(tmp_path, 100)
    now_s = time.time()
    for number in range(100):
        os.utime(path_of(tmp_path, number), (now_s, now_s - 1000 + number))
    gone = library.prune(tmp_path, now_s, max_bytes=30 * BLOCK_BYTES + 5)
    assert gone == Amount(70, 70 * BLOCK_BYTES)
    assert [number for number in range(100) if path_of(tmp_path, number).exists()] == list(range(70, 100))


def test_pruning_by_age_lets_go_of_what_nobody_used_for_so_long(tmp_path):
    filled(tmp_path)
    now_s = time.time()
    for number in range(8):
        os.utime(path_of(tmp_path, number), (now_s, now_s - 100 * number))
    assert library.prune(tmp_path, now_s, older_than_s=450).entries == 3
    assert [number for number in range(8) if path_of(tmp_path, number).exists()] == [0, 1, 2, 3, 4]


def test_an_exported_library_gives_another_folder_the_same_entries(tmp_path):
    filled(tmp_path / "a")
    done = library.import_library(tmp_path / "b", io.BytesIO(exported(tmp_path / "a")))
    assert done == library.Imported(added=8)
    level = DiskLevel(tmp_path / "b", 1 << 30)
    assert all(same(level.get(key(number, ENTRY_KINDS[number % 4])), entry(number)) for number in range(8))


def test_the_same_entries_give_the_same_file_whenever_and_in_whatever_order_they_were_made(tmp_path):
    filled(tmp_path / "a")
    level = DiskLevel(tmp_path / "b", 1 << 30)
    for number in reversed(range(8)):
        level.put(key(number, ENTRY_KINDS[number % 4]), entry(number))
        os.utime(path_of(tmp_path / "b", number), (1000, 1000))
    assert exported(tmp_path / "a") == exported(tmp_path / "b")


def test_importing_merges_and_mends_what_is_damaged_here(tmp_path):
    filled(tmp_path / "a", 8)
    filled(tmp_path / "b", 4)
    path_of(tmp_path / "b", 1).write_bytes(b"damaged")
    assert library.import_library(tmp_path / "b", io.BytesIO(exported(tmp_path / "a"))) == library.Imported(5, 3)
    assert library.verify(tmp_path / "b").good == 8


def test_damaged_entries_are_not_exported(tmp_path):
    filled(tmp_path)
    path_of(tmp_path, 3).write_bytes(b"damaged")
    amount, damaged = library.export(tmp_path, io.BytesIO())
    assert (amount.entries, damaged) == (7, (key(3, "voice"),))


def archive(*members, end=True):
    """A tar of (name or TarInfo, bytes), as a stranger could make it."""
    destination = io.BytesIO()
    with tarfile.open(fileobj=destination, mode="w") as tar:
        for member, data in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        if end:
            data = b'{"format": "gsv-cache 1", "entries": %d}' % len(members)
            info = tarfile.TarInfo("end.json")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return io.BytesIO(destination.getvalue())


def typed(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = serialise(key(1), entry(1))
PLACE = relative_path(key(1))


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("/etc/passwd", b"root"),
        ("../../escape", GOOD),
        (f"../{PLACE}", GOOD),
        (f"/{PLACE}", GOOD),
        (f"audio/../{PLACE}", GOOD),
        (relative_path(key(2)), GOOD),
        (PLACE, GOOD[:-1]),
        (PLACE, b""),
        (typed(PLACE, tarfile.SYMTYPE, "/etc/passwd"), b""),
        (typed(PLACE, tarfile.LNKTYPE, "/etc/passwd"), b""),
        (typed(PLACE, tarfile.FIFOTYPE), b""),
        (typed("audio", tarfile.SYMTYPE, "/tmp"), b""),
    ],
)
def test_paths_links_and_damage_are_refused_and_nothing_is_written(tmp_path, member, data):
    before = sorted(tmp_path.rglob("*"))
    done = library.import_library(tmp_path / "cache", archive((member, data)))
    assert (done.added, done.present, len(done.refused)) == (0, 0, 1)
    assert sorted(tmp_path.rglob("*")) == before


def test_good_entries_beside_refused_ones_are_imported(tmp_path):
    done = library.import_library(tmp_path, archive(("../x", GOOD), (PLACE, GOOD), ("readme", b"")))
    assert done == library.Imported(1, 0, ["../x", "readme"])


@pytest.mark.parametrize("cut", [100, 512, 1500, -1024 * 9])
def test_a_library_cut_short_is_told(tmp_path, cut):
    filled(tmp_path / "a")
    with pytest.raises(BadLibrary, match=r"cut short|no exported library"):
        library.import_library(tmp_path / "b", io.BytesIO(exported(tmp_path / "a")[:cut]))


@pytest.mark.parametrize("data", [b"", b"x" * 20_000, bytes(20_000)])
def test_what_is_no_library_is_told(tmp_path, data):
    with pytest.raises(BadLibrary):
        library.import_library(tmp_path, io.BytesIO(data))


def test_a_library_that_lost_entries_on_its_way_is_told(tmp_path):
    whole = archive((PLACE, GOOD), (relative_path(key(2)), serialise(key(2), entry(2))))
    with tarfile.open(fileobj=whole) as tar:
        data = [(member.name, tar.extractfile(member).read()) for member in tar]
    with pytest.raises(BadLibrary, match="it has 1 entries where 2 were written"):
        library.import_library(tmp_path, archive(data[0], data[2], end=False))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_happens_to_a_library_only_good_entries_come_out_of_it(tmp_path_factory, data):
    library_bytes = bytearray(archive((PLACE, GOOD), (relative_path(key(2)), serialise(key(2), entry(2)))).getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        library_bytes[data.draw(st.integers(0, len(library_bytes) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("library")
    with suppress(BadLibrary):
        library.import_library(folder / "cache", io.BytesIO(bytes(library_bytes)))
    files = list(stored_files(folder / "cache"))
    assert library.verify(folder / "cache").good == len(files)
    allowed = {key(1): entry(1), key(2): entry(2)}
    level = DiskLevel(folder / "cache", 1 << 30)
    assert all(same(level.get(file.key), allowed[file.key]) for file in files)

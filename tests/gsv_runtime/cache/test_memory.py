"""Memory holds its bound, and lets go of what was used least recently."""

import sys
import threading

import pytest

from gsv_runtime.cache.memory import Memory, MemoryLevel

from .entries import entry, key, same

SIZE = entry(0).nbytes


@pytest.mark.slow
def test_memory_stays_within_its_bound_under_ten_thousand_distinct_entries(figures):
    bound = 50 * SIZE + 17
    memory = Memory(bound, figures)
    level = MemoryLevel(memory)
    for number in range(10_000):
        level.put(key(number), entry(number))
        assert memory.nbytes <= bound
    assert len(memory) == 50
    assert figures("bytes", level="memory") == memory.nbytes == 50 * SIZE
    assert figures("evictions_total", level="memory") == 9_950


def test_what_was_used_least_recently_goes_first():
    level = MemoryLevel(Memory(2 * SIZE))
    level.put(key(1), entry(1))
    level.put(key(2), entry(2))
    assert same(level.get(key(1)), entry(1))
    level.put(key(3), entry(3))
    assert level.get(key(2)) is None
    assert same(level.get(key(1)), entry(1))
    assert same(level.get(key(3)), entry(3))


def test_an_entry_bigger_than_the_level_is_not_kept_and_moves_nothing_out():
    level = MemoryLevel(Memory(2 * SIZE))
    level.put(key(1), entry(1))
    level.put(key(2), entry(2, num_samples=10_000))
    assert level.get(key(2)) is None
    assert level.get(key(1)) is not None


def test_the_same_key_twice_counts_once():
    level = MemoryLevel(Memory(10 * SIZE))
    for _ in range(5):
        level.put(key(1), entry(1))
    assert (len(level.memory), level.memory.nbytes) == (1, SIZE)


def test_an_entry_counts_for_no_less_than_python_takes_for_it():
    kept = entry(1)
    objects = [kept, kept.arrays, kept.facts, *kept.arrays, *kept.facts, key(1), key(1).digest]
    around = sum(map(sys.getsizeof, objects)) + sys.getsizeof({}) * 4
    assert kept.nbytes >= around + sum(array.nbytes for array in kept.arrays.values())


@pytest.mark.slow
def test_threads_see_whole_entries_and_the_bound_holds():
    level = MemoryLevel(Memory(20 * SIZE))
    wrong = []

    def use(seed):
        for step in range(500):
            number = (seed * 31 + step * 7) % 60
            found = level.get(key(number))
            if found is not None and not same(found, entry(number)):
                wrong.append(number)
            level.put(key(number), entry(number))

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert level.memory.nbytes == len(level.memory) * SIZE <= 20 * SIZE

"""Settings decide which levels there are; one that is not there yet is no reason not to start."""

import subprocess
import sys

import pytest

from gsv_runtime.cache import open_cache

from .entries import entry, key, same

NOBODY = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, []),
        ({"memory_bytes": 1 << 20}, ["memory"]),
        ({"directory": "cache", "disk_bytes": 1 << 20}, ["disk"]),
        ({"directory": "cache", "disk_bytes": 0}, []),
        ({"directory": "", "disk_bytes": 1 << 20}, []),
        ({"redis_url": NOBODY}, ["redis"]),
        (
            {"memory_bytes": 1 << 20, "redis_url": NOBODY, "directory": "cache", "disk_bytes": 1 << 20},
            ["memory", "redis", "disk"],
        ),
    ],
)
def test_each_level_is_optional_and_the_fastest_is_asked_first(tmp_path, monkeypatch, figures, settings, levels):
    monkeypatch.chdir(tmp_path)
    cache = open_cache(**settings, metrics=figures)
    cache.get(key(1))
    assert [level for level in ("memory", "redis", "disk") if figures("misses_total", level=level)] == levels
    cache.close()


def test_memory_and_disk_are_there_after_a_restart_with_nothing_installed(tmp_path, figures):
    settings = {"memory_bytes": 1 << 20, "directory": str(tmp_path / "cache"), "disk_bytes": 1 << 20}
    before = open_cache(**settings)
    before.put(key(1), entry(1))
    before.close()
    after = open_cache(**settings, metrics=figures)
    assert all(same(after.get(key(1)), entry(1)) for _ in range(2))
    assert [figures("hits_total", level=level) for level in ("disk", "memory")] == [1, 1]
    after.close()


def test_settings_of_no_redis_are_refused_when_the_server_starts():
    with pytest.raises(ValueError, match="scheme"):
        open_cache(redis_url="localhost:6379")
    with pytest.raises(ValueError, match="need above 0"):
        open_cache(redis_url=NOBODY, ttl_s=0.0)


def test_who_does_not_use_redis_does_not_load_its_client():
    script = "import sys, gsv_runtime.cache as c; c.open_cache(memory_bytes=1); sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0

"""What is loaded into tritonserver before all others: where it is found, and what it repairs."""

import errno
import shutil
import subprocess
import sys

import pytest

from gsv_runtime.server.preload import library, with_preload
from gsv_runtime.server.workarounds import RELEASE

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler, so the library is left out")

WANTED = {"GSV_PRELOAD": "on"}
# A process that dies as the owner of a robust lock, then what another one is told: by a library of the given name.
DEAD_OWNER = """
import ctypes, mmap, os, sys

library = ctypes.CDLL(sys.argv[1])
shared = mmap.mmap(-1, 4096)
lock = ctypes.addressof(ctypes.c_char.from_buffer(shared))
library.make(ctypes.c_void_p(lock))
if (child := os.fork()) == 0:
    library.take(ctypes.c_void_p(lock))
    os._exit(0)
os.waitpid(child, 0)
print(getattr(library, sys.argv[2])(ctypes.c_void_p(lock)), library.give(ctypes.c_void_p(lock)))
"""
PROBE = """
#include <pthread.h>
#include <time.h>
int make(pthread_mutex_t *lock)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    return pthread_mutex_init(lock, &shared);
}
int take(pthread_mutex_t *lock) { return pthread_mutex_lock(lock); }
int take_in_time(pthread_mutex_t *lock)
{
    struct timespec until = {.tv_sec = time(0) + 60};
    return pthread_mutex_timedlock(lock, &until);
}
int give(pthread_mutex_t *lock) { return pthread_mutex_unlock(lock); }
"""


@needs_compiler
def test_it_is_built_with_the_package_where_a_compiler_is():
    assert library() is not None


def test_a_package_without_it_is_served_without_it_and_says_so(tmp_path, caplog):
    assert library(tmp_path) is None
    assert with_preload(WANTED, None) == WANTED
    assert "install gcc" in caplog.text


def test_what_is_preloaded_already_stays(tmp_path):
    before = WANTED | {"LD_PRELOAD": "/j.so"}
    assert with_preload(before, tmp_path / "p.so")["LD_PRELOAD"] == f"{tmp_path / 'p.so'}:/j.so"
    assert with_preload(WANTED, tmp_path / "p.so") == WANTED | {"LD_PRELOAD": str(tmp_path / "p.so")}


@pytest.mark.parametrize("off", [{"GSV_PRELOAD": "off", RELEASE: "24.10"}, {RELEASE: "25.12"}, {}])
def test_it_is_left_out_where_it_is_off_and_in_a_release_that_nobody_has_run_it_in(tmp_path, off, caplog):
    assert with_preload(off, tmp_path / "p.so") == off
    assert not caplog.records


@pytest.mark.parametrize("folder", ["my venv", "a:b"])
def test_a_path_that_the_loader_would_cut_is_left_out(tmp_path, folder, caplog):
    assert with_preload(WANTED, tmp_path / folder / "p.so") == WANTED
    assert "cannot be preloaded" in caplog.text


@needs_compiler
@pytest.mark.parametrize("take", ["take", "take_in_time"])
@pytest.mark.parametrize(
    ("caller", "expected"),
    [("libtriton_python_probe.so", 0), ("libother.so", errno.EOWNERDEAD)],
    ids=["Triton's Python backend takes it over", "others are told that its owner died"],
)
def test_a_lock_whose_owner_was_killed(tmp_path, caller, expected, take):
    source = tmp_path / "probe.c"
    source.write_text(PROBE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / caller, source], check=True)
    environment = with_preload(WANTED | {"PATH": "/usr/bin"}, library())
    command = [sys.executable, "-c", DEAD_OWNER, str(tmp_path / caller), take]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == [str(expected), "0"]
    assert ("taken over" in told.stderr) == (expected == 0)

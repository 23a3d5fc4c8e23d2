"""Settings of all tests, and a Redis."""

import gc
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline would be a timed test; in CI the examples are the same at every run.
settings.register_profile("gsv", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("gsv")

REDIS_LIMIT_S = 30.0

# Collecting imports everything, and each collection of garbage would look at all of it: a third of the time. What was
# imported stays, so that no test's own collection looks at it again; and tests collect more rarely than Python does of
# itself, which takes a tenth of the time of an export.
gc.disable()
gc.set_threshold(20_000, 20, 20)


# The files that take longest, first: the first two build what many others need, beside the third, which needs neither.
LONGEST = (
    "e2e/test_recovery.py",
    "gsv_build/graphs/test_half_precision_stages.py",
    "parity/test_equals_upstream.py",
    "e2e/test_cache.py",
    "e2e/test_attacks.py",
    "e2e/test_bundle.py",
    "e2e/test_engines.py",
    "gsv_build/test_export.py",
)


WORKER = os.environ.get("PYTEST_XDIST_WORKER")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Let each worker begin with other folders: in a fresh clone, what one has compiled the others need not."""
    report = yield
    if WORKER and collector.path == Path(__file__).parent:
        first = int(WORKER.removeprefix("gw")) * len(report.result) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        report.result = report.result[first:] + report.result[:first]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    if WORKER:
        items.sort(key=lambda item: item.path.parts)  # all workers must have the same order
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Give torch the threads back that it had: those of a benchmark would spin through all tests that follow."""
    torch = sys.modules.get("torch")
    threads = None if torch is None else torch.get_num_threads()
    try:
        return (yield)
    finally:
        if threads is not None:
            torch.set_num_threads(threads)


def _free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


class RedisServer:
    """A redis-server process of our own, on a port of its own."""

    def __init__(self, folder):
        self.port = _free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process = None

    def start(self, *options):
        """Starts it with these arguments and waits until it answers."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder, "--save", ""]
        arguments += ["--enable-debug-command", "yes", "--logfile", "redis.log", *options]
        self._process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + REDIS_LIMIT_S
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.005)

    def _answers(self):
        import redis

        try:
            with self.client() as client:
                return client.ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False

    def client(self, timeout_s=REDIS_LIMIT_S):
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(port=self.port, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))

    def signal(self, number):
        self._process.send_signal(number)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def redis_server(tmp_path):
    """A Redis that is not started yet; tests start, stop and kill it."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    yield server
    server.kill()

"""A real Redis that is absent, slow, full, restarted or wrong: the next level answers, and nobody gets wrong data."""

import itertools
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest
import redis

from gsv_runtime.cache import Cache, CorruptEntry
from gsv_runtime.cache.breaker import Breaker
from gsv_runtime.cache.disk import DiskLevel
from gsv_runtime.cache.entry import serialise
from gsv_runtime.cache.levels import LevelFailed
from gsv_runtime.cache.redis_level import RedisLevel

from .entries import entry, key, same

pytestmark = pytest.mark.redis

LIMIT_S = 30.0
PATIENT_S = 5.0  # where Redis is well, a busy machine fails no test


def wait_until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


@pytest.fixture
def server(redis_server):
    return redis_server


class CountingBreaker(Breaker):
    """A breaker whose clock stands still, and that counts what it is told."""

    def __init__(self):
        super().__init__(lambda: 0.0)
        self.num_failed = 0
        self.num_succeeded = 0

    def failed(self):
        super().failed()
        self.num_failed += 1

    def succeeded(self):
        super().succeeded()
        self.num_succeeded += 1


@contextmanager
def opened(*levels, figures=None):
    cache = Cache(levels, figures)
    try:
        yield cache
    finally:
        cache.close()


def answers_from_disk_for_one_timeout(server, tmp_path, figures, caplog):
    """Claims what holds while Redis cannot answer: the disk does, and Redis was asked once."""
    breaker = CountingBreaker()
    disk = DiskLevel(tmp_path / "disk", 1 << 30)
    for number in range(50):
        disk.put(key(number), entry(number))
    with opened(RedisLevel(server.url, 60.0, figures, breaker=breaker), disk, figures=figures) as cache:
        assert all(same(cache.get(key(number)), entry(number)) for number in range(50))
        assert cache.flush(LIMIT_S)
    assert (breaker.num_failed, breaker.num_succeeded) == (1, 0)
    assert figures("errors_total", level="redis", kind="audio") == 100  # 50 reads, and 50 copies up
    assert figures("hits_total", level="disk") == 50
    assert figures("breaker_open", level="redis") == 1
    assert "cache level failed level=redis action=get kind=audio" in caplog.text


def test_entries_are_shared_through_redis_and_leave_it_in_time(server):
    server.start()
    here, there = (RedisLevel(server.url, 60.0, timeout_s=PATIENT_S) for _ in range(2))
    here.put(key(1), entry(1))
    assert same(there.get(key(1)), entry(1))
    assert there.get(key(2)) is None
    with server.client() as client:
        assert all(0 < client.pttl(name) <= 60_000 for name in client.scan_iter())
    here.close()
    there.close()


def test_an_absent_redis_is_asked_once_and_the_disk_answers(server, tmp_path, figures, caplog):
    answers_from_disk_for_one_timeout(server, tmp_path, figures, caplog)


def test_a_stopped_redis_is_asked_once_and_the_disk_answers(server, tmp_path, figures, caplog):
    server.start()
    server.signal(signal.SIGSTOP)
    answers_from_disk_for_one_timeout(server, tmp_path, figures, caplog)


def test_a_redis_that_takes_five_seconds_is_asked_once_and_the_disk_answers(server, tmp_path, figures, caplog):
    server.start()
    with closing(socket.create_connection(("127.0.0.1", server.port))) as busy:
        busy.sendall(b"DEBUG SLEEP 5\r\n")
        wait_until(lambda: _times_out(server))
        answers_from_disk_for_one_timeout(server, tmp_path, figures, caplog)


def _times_out(server):
    try:
        with server.client(timeout_s=0.05) as client:
            client.ping()
    except redis.TimeoutError:
        return True
    return False


def test_an_answer_that_dribbles_in_is_used_and_then_redis_is_left_alone(server):
    server.start()
    seconds = itertools.count(step=5.0)
    breaker = CountingBreaker()
    RedisLevel(server.url, 60.0, timeout_s=PATIENT_S).put(key(1), entry(1))
    level = RedisLevel(server.url, 60.0, timeout_s=1.0, breaker=breaker, clock=lambda: next(seconds))
    assert same(level.get(key(1)), entry(1))
    with pytest.raises(LevelFailed, match="asked again later"):
        level.get(key(1))
    assert (breaker.num_failed, breaker.num_succeeded) == (1, 0)
    level.close()


def test_after_the_period_redis_is_asked_again_and_used(server, tmp_path, figures):
    now_s = [0.0]
    level = RedisLevel(server.url, 60.0, figures, timeout_s=PATIENT_S, breaker=Breaker(lambda: now_s[0]))
    with opened(level, figures=figures) as cache:
        assert cache.get(key(1)) is None
        server.start()
        cache.put(key(1), entry(1))
        assert cache.flush(LIMIT_S)
        assert cache.get(key(1)) is None
        now_s[0] = 1.0
        cache.put(key(1), entry(1))
        assert cache.flush(LIMIT_S)
        assert same(cache.get(key(1)), entry(1))
        assert figures("breaker_open", level="redis") == 0


def test_a_full_redis_refuses_entries_and_still_gives_those_it_has(server, figures, caplog):
    server.start("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")
    breaker = CountingBreaker()
    level = RedisLevel(server.url, 60.0, figures, timeout_s=PATIENT_S, breaker=breaker)
    with opened(level, figures=figures) as cache:
        for number in range(30):
            cache.put(key(number), entry(number, num_samples=50_000))
        assert cache.flush(LIMIT_S)
        refused = figures("errors_total", level="redis", kind="audio")
        found = [number for number in range(30) if cache.get(key(number)) is not None]
        assert 0 < len(found) == 30 - refused
        assert all(same(cache.get(key(number)), entry(number, num_samples=50_000)) for number in found)
    assert breaker.num_failed == 0
    assert "OutOfMemoryError" in caplog.text


def test_a_restarted_redis_is_empty_used_at_once_and_filled_again_from_the_disk(server, tmp_path, figures):
    server.start()
    breaker = CountingBreaker()
    level = RedisLevel(server.url, 60.0, figures, timeout_s=PATIENT_S, breaker=breaker)
    with opened(level, DiskLevel(tmp_path / "disk", 1 << 30), figures=figures) as cache:
        cache.put(key(1), entry(1))
        assert cache.flush(LIMIT_S)
        assert same(cache.get(key(1)), entry(1))
        server.kill()
        server.start()
        assert same(cache.get(key(1)), entry(1))
        assert cache.flush(LIMIT_S)
        assert same(cache.get(key(1)), entry(1))
    assert figures("hits_total", level="redis") == 2
    assert figures("hits_total", level="disk") == 1
    assert breaker.num_failed == 0


def _write_list(client, name):
    client.rpush(name, "garbage")


GARBAGE = {
    "bytes that are no entry": lambda client, name: client.set(name, b"\x00garbage" * 100),
    "a flipped bit": lambda client, name: client.set(name, _flipped(serialise(key(1), entry(1)))),
    "a cut entry": lambda client, name: client.set(name, serialise(key(1), entry(1))[:-5]),
    "another entry": lambda client, name: client.set(name, serialise(key(2), entry(2))),
    "a list": _write_list,
    "more than an entry may have": lambda client, name: client.set(name, b"gsvcache" * 1_000_000),
}


def _flipped(data):
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 4
    return bytes(damaged)


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_in_redis_is_never_used_counted_deleted_and_the_disk_answers(server, tmp_path, figures, caplog, kind):
    server.start()
    disk = DiskLevel(tmp_path / "disk", 1 << 30)
    level = RedisLevel(server.url, 60.0, figures, timeout_s=PATIENT_S, max_value_bytes=1 << 20)
    with opened(level, disk, figures=figures) as cache, server.client() as client:
        level.put(key(1), entry(1))
        [name] = client.keys()
        client.delete(name)
        GARBAGE[kind](client, name)
        with pytest.raises(CorruptEntry):
            level.get(key(1))
        assert client.keys() == []
        GARBAGE[kind](client, name)
        disk.put(key(1), entry(1))
        assert same(cache.get(key(1)), entry(1))
        assert cache.flush(LIMIT_S)
        assert same(cache.get(key(1)), entry(1))
    assert figures("corrupt_total", level="redis", kind="audio") == 1
    assert figures("hits_total", level="redis") == 1
    assert "cache entry corrupt level=redis action=get kind=audio" in caplog.text


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\x00" * 50 + b"\r\n", b"$zzz\r\n", b"$-7\r\n", b""]
)
def test_what_is_no_redis_is_asked_once_and_the_disk_answers(tmp_path, figures, caplog, said):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=_say, args=(listener, said), daemon=True).start()

        class Wrong:
            url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

        answers_from_disk_for_one_timeout(Wrong, tmp_path, figures, caplog)
        listener.shutdown(socket.SHUT_RDWR)


def _say(listener, said):
    """Answers whatever comes with the same bytes, and hangs up."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(said)


def test_an_answer_that_belongs_to_another_question_is_never_used(figures):
    other = serialise(key(2), entry(2))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        said = b"$%d\r\n%b\r\n" % (len(other), other)
        threading.Thread(target=_say, args=(listener, said), daemon=True).start()
        level = RedisLevel(f"redis://127.0.0.1:{listener.getsockname()[1]}", 60.0, timeout_s=PATIENT_S)
        with pytest.raises(CorruptEntry, match="need audio"):
            level.get(key(1))
        level.close()
        listener.shutdown(socket.SHUT_RDWR)


def test_an_entry_above_the_bound_is_not_kept(server):
    server.start()
    level = RedisLevel(server.url, 60.0, timeout_s=PATIENT_S, max_value_bytes=10_000)
    level.put(key(1), entry(1, num_samples=10_000))
    assert level.get(key(1)) is None
    level.close()


def test_no_message_tells_the_password(server, caplog):
    server.start("--requirepass", "right")
    level = RedisLevel(f"redis://:sesame@127.0.0.1:{server.port}/0", 60.0, timeout_s=PATIENT_S)
    with pytest.raises(LevelFailed) as failure:
        level.get(key(1))
    assert "sesame" not in str(failure.value)
    level.close()


@pytest.mark.parametrize(
    ("url", "ttl_s"), [("http://127.0.0.1", 1.0), ("127.0.0.1:6379", 1.0), ("redis://127.0.0.1", 0.0)]
)
def test_a_url_of_no_redis_and_a_time_of_nothing_are_refused(url, ttl_s):
    with pytest.raises(ValueError, match=r"scheme|need above 0"):
        RedisLevel(url, ttl_s)


def test_a_thousand_requests_while_redis_is_killed_and_restarted_five_times_none_failed_none_wrong(
    server, tmp_path, figures
):
    server.start()
    level = RedisLevel(server.url, 60.0, figures, breaker=Breaker(time.monotonic, first_s=0.01, longest_s=0.02))
    ended = []

    def kill_and_restart():
        for _ in range(5):
            hits = figures("hits_total", level="redis")
            wait_until(lambda hits=hits: figures("hits_total", level="redis") > hits + 10)
            errors = figures("errors_total", level="redis")
            server.kill()
            wait_until(lambda errors=errors: figures("errors_total", level="redis") > errors + 10)
            server.start()
        ended.append(True)

    with opened(level, DiskLevel(tmp_path / "disk", 1 << 30), figures=figures) as cache:
        for number in range(40):
            cache.put(key(number), entry(number))
        assert cache.flush(LIMIT_S)
        killer = threading.Thread(target=kill_and_restart)
        killer.start()
        num_requests = 0
        while num_requests < 1000 or killer.is_alive():
            number = num_requests % 40
            assert same(cache.get(key(number)), entry(number))
            cache.put(key(1000 + number), entry(number))
            num_requests += 1
        killer.join()
        assert ended
        assert cache.flush(LIMIT_S)
        assert all(same(cache.get(key(1000 + number)), entry(number)) for number in range(40))
    assert figures("dropped_writes_total") == 0

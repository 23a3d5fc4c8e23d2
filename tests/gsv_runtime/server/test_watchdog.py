"""When a server is started again, when it is not, and what a dead one has left behind."""

import itertools
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gsv_runtime.server import watchdog
from gsv_runtime.server.model_reloader import POLL_S
from gsv_runtime.server.watchdog import ServerWatchdog, clear_leftovers, watchdog_command

NEVER = 1e9


class Script:
    """Servers that live as long as the script says, on a clock that `sleep` moves."""

    def __init__(self, *lives, ready=True):
        self.lives = iter(lives)  # (seconds, exit status) of each server that is started
        self.ready = ready
        self.now_s = 0.0
        self.happened = []
        self.at = []  # (moment, what to do then)
        self.watchdog = ServerWatchdog(self.start, self.supervise, self.clear, self.sleep, lambda: self.now_s)

    def start(self):
        self.happened.append(("start", self.now_s))
        lives_s, status = next(self.lives)
        return Server(self, self.now_s + lives_s, status)

    def supervise(self, pid):
        return Looking(self)

    def clear(self):
        self.happened.append(("clear", self.now_s))

    def sleep(self, seconds):
        assert 0 < seconds <= POLL_S
        self.now_s += seconds
        while self.at and self.at[0][0] <= self.now_s:
            self.at.pop(0)[1]()

    @property
    def starts(self):
        return [moment for what, moment in self.happened if what == "start"]


class Server:
    pids = itertools.count(1000)

    def __init__(self, script, ends_s, status):
        self.script, self.ends_s, self.status, self.pid = script, ends_s, status, next(self.pids)

    def poll(self):
        return self.status if self.script.now_s >= self.ends_s else None

    def terminate(self):
        self.ends_s, self.status = self.script.now_s + 2, 0

    def kill(self):
        self.ends_s, self.status = self.script.now_s, -9


class Looking:
    def __init__(self, script):
        self.script = script
        self.has_served = script.ready
        self.lost = ""

    def look(self):
        return []


def stopped_at(script, moment_s):
    script.at.append((moment_s, script.watchdog.stop))
    return script


def test_a_server_that_is_told_to_stop_is_not_started_again():
    script = stopped_at(Script((NEVER, 0)), 5)
    assert script.watchdog.run() == 0
    assert script.happened == [("start", 0.0)]
    assert 7 <= script.now_s < 8


def test_a_server_that_dies_is_cleared_away_and_started_again():
    script = stopped_at(Script((100, -6), (NEVER, 0)), 200)
    assert script.watchdog.run() == 0
    assert script.happened == [("start", 0.0), ("clear", 100.0), ("start", 100.0)]


def test_one_that_dies_soon_after_each_start_is_started_again_after_longer_and_longer():
    script = stopped_at(Script(*[(2, 1)] * 7, (NEVER, 0)), 200)
    script.watchdog.run()
    pauses = [later - earlier - 2 for earlier, later in itertools.pairwise(script.starts)]
    assert pauses == pytest.approx([1, 2, 4, 8, 16, 30, 30])


def test_one_that_has_lived_long_is_started_again_at_once_the_next_time():
    script = stopped_at(Script((2, 1), (2, 1), (300, -11), (NEVER, 0)), 600)
    script.watchdog.run()
    assert script.starts[3] == pytest.approx(script.starts[2] + 300)


@pytest.mark.parametrize(("status", "told"), [(1, 1), (-6, 134), (0, 0)])
def test_a_server_that_never_had_a_model_ready_would_not_the_next_time_either(status, told):
    script = Script((3, status), ready=False)
    assert script.watchdog.run() == told
    assert script.happened == [("start", 0.0)]


def test_a_server_that_had_models_is_started_again_even_if_it_does_not_come_up_at_first():
    script = stopped_at(Script((100, -6), (1, 1), (NEVER, 0)), 300)
    seen = iter([True, False, True])

    def supervise(pid):
        looking = Looking(script)
        looking.has_served = next(seen)
        return looking

    script.watchdog._reloader = supervise
    assert script.watchdog.run() == 0
    assert len(script.starts) == 3


def test_a_stop_while_it_waits_to_start_again_ends_the_waiting():
    script = stopped_at(Script((2, 1), (2, 1), (2, 1), (2, 1)), 11.1)  # in the pause of 4 s
    assert script.watchdog.run() == 0
    assert script.now_s < 12


def losing(script, *reasons):
    """Each server that is started is lost for one of `reasons` as soon as it is looked at."""
    left = iter(reasons)

    def supervise(pid):
        looking = Looking(script)
        looking.lost = next(left)
        return looking

    script.watchdog._reloader = supervise
    return script


def test_a_server_that_is_lost_is_killed_and_started_again():
    script = stopped_at(losing(Script((NEVER, 0), (NEVER, 0)), "it holds too much memory", ""), 50)
    assert script.watchdog.run() == 0
    assert len(script.starts) == 2


def test_one_that_loses_a_model_at_each_start_is_given_three_tries():
    script = losing(Script(*[(NEVER, 0)] * 4, ready=False), *["the process of t2s died while it started"] * 4)
    assert script.watchdog.run() == 128 + 9
    assert len(script.starts) == 3


@pytest.mark.parametrize("failure", [ValueError("not JSON"), AttributeError("'list' has no 'get'"), KeyError("x")])
def test_whatever_looking_at_the_models_raises_the_watching_goes_on_and_tells_it_once(caplog, failure):
    script = stopped_at(Script((100, -6), (NEVER, 0)), 200)

    class Confused(Looking):
        def look(self):
            raise failure

    script.watchdog._reloader = lambda pid: Confused(script)
    assert script.watchdog.run() == 0
    assert len(script.starts) == 2
    told = [record for record in caplog.records if record.getMessage() == "looking at the models failed"]
    assert len(told) == 2, "once for each server"


def test_what_a_dead_server_left_is_removed_and_what_others_have_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(watchdog, "_SHARED_MEMORY", tmp_path)
    program = tmp_path / "triton_python_backend_stub"
    program.symlink_to(sys.executable)
    model = tmp_path / "model.py"
    model.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    orphan, other = (
        subprocess.Popen([program, model, f"/{prefix}-1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for prefix in ("gsv-a", "gsv-b")
    )
    try:
        for process in (orphan, other):
            assert process.stdout.readline() == b"up\n"
        for name in ("gsv-a-1", "gsv-b-1"):
            (tmp_path / name).touch()
        clear_leftovers("gsv-a-")
        assert orphan.wait(timeout=60) == -signal.SIGKILL
        assert other.poll() is None
        assert not (tmp_path / "gsv-a-1").exists()
        assert (tmp_path / "gsv-b-1").exists()
    finally:
        for process in (orphan, other):
            process.kill()
            process.communicate()


def test_the_admin_key_is_not_on_the_command_line():
    command = watchdog_command(["tritonserver", "--flag"], "127.0.0.1:8000", "gsv-1-", ["tts", "t2s"])
    assert command[1:3] == ["-m", "gsv_runtime.server.watchdog"]
    assert command[3:] == ["127.0.0.1:8000", "gsv-1-", "tts", "t2s", "--", "tritonserver", "--flag"]


SERVER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print("up", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_and_its_status_is_told(number, tmp_path):
    """A real process; no model is ever ready at that address."""
    command = watchdog_command([sys.executable, "-c", SERVER], "127.0.0.1:1", f"gsv-{tmp_path.name}-", ["tts"])
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"GSV_ADMIN_KEY": "k", "GSV_PRELOAD": "off"}
    )
    with process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == 3
    assert not list(Path("/dev/shm").glob(f"gsv-{tmp_path.name}-*"))


def test_the_log_is_looked_after_while_the_server_runs_and_a_full_disk_is_told_once(caplog):
    script, looks = Script((5.0, 0)), []

    class FullDisk:
        def look(self):
            looks.append(script.now_s)
            raise OSError("no space")

    script.watchdog = ServerWatchdog(
        script.start, script.supervise, script.clear, script.sleep, lambda: script.now_s, log=FullDisk()
    )
    script.at.append((4.0, script.watchdog.stop))
    script.watchdog.run()
    assert len(looks) > 2
    assert len([record for record in caplog.records if "looking at the log failed" in record.getMessage()]) == 1

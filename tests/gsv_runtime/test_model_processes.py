"""Model processes as /proc has them."""

import os
import signal
import subprocess
import sys

import pytest

from gsv_runtime.model_processes import is_running, model_processes


@pytest.fixture
def stub(tmp_path):
    """A process that looks like a stub of Triton's and is a child of this one."""
    program = tmp_path / "triton_python_backend_stub"
    program.symlink_to(sys.executable)
    model = tmp_path / "repository" / "t2s" / "1" / "model.py"
    model.parent.mkdir(parents=True)
    model.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    process = subprocess.Popen([program, model, "shm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    yield process
    process.stdin.close()
    process.stdout.close()
    process.kill()
    process.wait()


def test_a_stub_is_found_under_the_name_of_its_model(stub):
    assert model_processes(os.getpid()) == {"t2s": frozenset({stub.pid})}
    assert model_processes(stub.pid) == {}


def test_one_that_was_killed_is_not_running_though_nobody_has_waited_for_it(stub):
    assert is_running(stub.pid)
    stub.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, stub.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(stub.pid)
    assert model_processes(os.getpid()) == {}


def test_a_process_that_never_was_is_not_running():
    assert not is_running(2**30)

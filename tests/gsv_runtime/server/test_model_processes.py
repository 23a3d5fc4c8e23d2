"""Model processes as /proc has them."""

import os
import signal
import subprocess
import sys
import uuid

import pytest

from gsv_runtime.server.model_processes import is_running, model_processes, server_process, stub_pids

PREFIX = f"test-{uuid.uuid4().hex[:8]}-"
"""Of no server that may run beside these tests."""
INSTANCE = "t2s_0_0"


@pytest.fixture
def stub(tmp_path):
    """A process that looks like a stub of Triton's and is a child of this one."""
    program = tmp_path / "triton_python_backend_stub"
    program.symlink_to(sys.executable)
    model = tmp_path / "repository" / "t2s" / "1" / "model.py"
    model.parent.mkdir(parents=True)
    model.write_text("import sys; print('up', flush=True); sys.stdin.read()")
    arguments = [
        model,
        f"{PREFIX}0395988e",
        "1048576",
        "1048576",
        str(os.getpid()),
        tmp_path,
        "336",
        INSTANCE,
        "DEFAULT",
    ]
    process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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


def test_the_stubs_of_a_server_are_known_by_its_shared_memory_also_when_they_are_orphans(stub):
    assert stub_pids(PREFIX) == {stub.pid}
    assert stub_pids(f"another-{PREFIX}") == frozenset()
    for word in (INSTANCE, str(stub.args[1]).lstrip("/")):
        assert stub.pid not in stub_pids(word), f"{word} is not its shared memory"


def test_tritonserver_is_found_by_itself_and_by_who_keeps_it(tmp_path):
    program = tmp_path / "tritonserver"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "600"]) as server:
        try:
            assert server_process(server.pid) == server_process(os.getpid()) == server.pid
        finally:
            server.kill()
    assert server_process(os.getpid()) is None

import subprocess
import sys

import onnx
import pytest
from onnx import helper

from gsv_runtime.graphs import session as onnx_session
from gsv_runtime.graphs.session import SPIN_US, Device, open_session


@pytest.fixture
def graph(tmp_path):
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    made = helper.make_graph(nodes, "g", values[:1], values[1:])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def entry(session, name):
    return session.get_session_options().get_session_config_entry(f"session.intra_op.{name}")


def test_idle_worker_threads_look_for_work_no_longer_than_stated(graph):
    session = open_session(graph, intra_op_threads=2)
    assert entry(session, "allow_spinning") == "1"
    assert int(entry(session, "spin_duration_us")) == SPIN_US < 1000
    assert session.get_session_options().intra_op_num_threads == 2


def test_entries_given_replace_ours(graph):
    session = open_session(graph, 1, {"session.intra_op.allow_spinning": "0"})
    assert entry(session, "allow_spinning") == "0"


class Fallback:
    """ONNX Runtime with a CUDA provider whose libraries do not load: it goes to the CPU without a word."""

    __version__ = "9.9"
    SessionOptions = onnx_session.onnxruntime.SessionOptions

    def get_available_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, path, options, providers):  # noqa: N802
        self.providers = providers
        return self

    def get_providers(self):
        return ["CPUExecutionProvider"]


def test_float32_on_a_gpu_is_float32_and_not_tensor_float_32(graph, monkeypatch):
    double = Fallback()
    monkeypatch.setattr(onnx_session, "onnxruntime", double)
    with pytest.raises(RuntimeError):
        open_session(graph, 1, device=Device("cuda"))
    assert double.providers[0][1]["use_tf32"] == "0"


def test_a_device_that_is_not_there_is_an_error_and_not_the_cpu(graph, monkeypatch):
    with pytest.raises(RuntimeError, match="has no CUDAExecutionProvider that works here; install onnxruntime-gpu"):
        open_session(graph, 1, device=Device("cuda"))
    double = Fallback()
    monkeypatch.setattr(onnx_session, "onnxruntime", double)
    with pytest.raises(RuntimeError, match="has no CUDAExecutionProvider"):
        open_session(graph, 1, device=Device("cuda", 3), provider_options={"enable_cuda_graph": "1"})
    ((provider, options),) = double.providers
    assert provider == "CUDAExecutionProvider"
    assert (options["device_id"], options["enable_cuda_graph"]) == ("3", "1")


def test_sessions_on_the_cpu_share_what_runs_take_and_hold_their_weights_outside_it(graph):
    sessions = [open_session(graph, 1) for _ in range(2)]
    for session in sessions:
        entries = session.get_session_options().get_session_config_entry
        assert entries("session.use_env_allocators") == "1"
        assert entries("session.use_device_allocator_for_initializers") == "1"


@pytest.mark.slow
def test_a_second_session_takes_no_memory_for_what_the_first_gave_back(tmp_path):
    """Nine sessions whose runs take 16 MiB and more each, one after another, in a process of its own."""
    path = tmp_path / "wide.onnx"
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None]) for name in ("x", "y")]
    nodes = [helper.make_node("Exp", ["x"], ["a"]), helper.make_node("Tanh", ["a"], ["y"])]
    made = helper.make_graph(nodes, "g", values[:1], values[1:])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    script = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from gsv_runtime.graphs.session import open_session, run\n"
        "def resident(): return int(Path('/proc/self/statm').read_text().split()[1]) * 4096\n"
        "x = np.zeros(4 * 2**20, np.float32)\n"
        "def opened():\n"
        "    session = open_session(Path(sys.argv[1]), 1)\n"
        "    run(session, ['y'], {'x': x})\n"
        "    return session\n"
        "kept = [opened()]; before = resident()\n"
        "kept += [opened() for _ in range(8)]; print(resident() - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert int(grown.stdout) < 64 * 2**20

import onnx
import pytest
from onnx import helper

from gsv_runtime.onnx_session import SPIN_US, open_session


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

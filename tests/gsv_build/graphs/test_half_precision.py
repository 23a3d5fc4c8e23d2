"""What becomes half precision, what stays, and that a rounding check rounds."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from gsv_build.checks.rounded_graphs import with_rounding
from gsv_build.graphs.half_precision import SCOPES, to_precision
from gsv_build.graphs.precision import Precision

HALVES = (Precision.FP16, Precision.BF16)


def model_of(nodes, weights=None, inputs=(("x", [2, 4]),), output="y", shape=(2, 4)):
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, list(shape))],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def converted(model, precision=Precision.FP16, parts=()):
    to_precision(model, precision, parts)
    onnx.checker.check_model(model, full_check=True)
    return model


def types(model):
    """Element type of every value, checked for consistency."""
    graph = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    named = {each.name: each.type.tensor_type.elem_type for each in (*graph.value_info, *graph.input, *graph.output)}
    return named | {each.name: each.data_type for each in graph.initializer}


def run(model, **inputs):
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)[0]


WEIGHT = {"w": np.eye(4, dtype=np.float32)}


@pytest.mark.parametrize("precision", HALVES)
def test_products_are_half_softmax_is_float_and_the_callers_types_stay(precision):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Softmax", ["p"], ["y"])]
    model = converted(model_of(nodes, WEIGHT), precision)
    found = types(model)
    assert found["p"] == precision.onnx_type
    assert found["x"] == found["y"] == TensorProto.FLOAT
    assert [each.data_type for each in model.graph.initializer] == [precision.onnx_type]


def test_an_output_that_is_computed_in_half_precision_is_given_out_in_float():
    model = converted(model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], WEIGHT))
    assert [node.op_type for node in model.graph.node] == ["Cast", "MatMul", "Cast"]
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    assert (run(model, x=x) == x).all()


def test_a_sum_takes_the_widest_type_and_masks_and_constants_have_none():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["half"]),
        helper.make_node("Greater", ["x", "zero"], ["positive"]),
        helper.make_node("Cast", ["positive"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["half", "mask"], ["masked"]),
        helper.make_node("Div", ["masked", "three"], ["scaled"]),
        helper.make_node("Add", ["x", "scaled"], ["y"]),
    ]
    weights = {**WEIGHT, "zero": np.float32(0), "three": np.float32(3)}
    found = types(converted(model_of(nodes, weights)))
    assert found["masked"] == found["scaled"] == TensorProto.FLOAT16
    assert found["y"] == TensorProto.FLOAT


def test_numbers_that_were_counted_stay_float_for_half_precision_counts_to_2048_only():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["half"]),
        helper.make_node("Cast", ["half"], ["count"], to=TensorProto.INT64),
        helper.make_node("Cast", ["count"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["number", "half"], ["y"]),
    ]
    assert types(converted(model_of(nodes, WEIGHT)))["number"] == TensorProto.FLOAT


def test_a_part_that_is_named_stays_float_and_its_weight_too():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("MatMul", ["p", "v"], ["y"])]
    for node, scope in zip(nodes, ("['', 'enter']", "['', 'leave', 'leave.0']"), strict=True):
        node.metadata_props.add(key=SCOPES, value=scope)
    weights = {**WEIGHT, "v": np.eye(4, dtype=np.float32)}
    found = types(converted(model_of(nodes, weights), parts=("leave",)))
    assert (found["p"], found["v"]) == (TensorProto.FLOAT16, TensorProto.FLOAT)
    other = model_of(nodes, weights)
    assert converted(other, parts=("",)) == model_of(nodes, weights)


def test_a_weight_that_half_precision_cannot_hold_is_refused_and_bfloat16_takes_it():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    with pytest.raises(ValueError, match="weight w reaches 1e\\+06; fp16 cannot hold it"):
        to_precision(model_of(nodes, {"w": np.full((4, 4), 1e6, np.float32)}), Precision.FP16)
    converted(model_of(nodes, {"w": np.full((4, 4), 1e6, np.float32)}), Precision.BF16)


def test_the_rounding_check_overflows_where_onnx_runtimes_cpu_kernels_do_not():
    """Why `with_rounding` is there."""
    nodes = [helper.make_node("MatMul", ["x", "large"], ["p"]), helper.make_node("MatMul", ["p", "small"], ["y"])]
    weights = {"large": 1000 * np.eye(4, dtype=np.float32), "small": np.eye(4, dtype=np.float32) / 1000}
    model, x = converted(model_of(nodes, weights)), np.full((2, 4), 100, np.float32)
    assert np.isfinite(run(model, x=x)).all()
    assert not np.isfinite(run(with_rounding(model), x=x)).any()


@pytest.mark.parametrize(("precision", "bits"), [(Precision.FP16, 11), (Precision.BF16, 8)])
def test_the_rounding_check_keeps_as_many_bits_as_the_precision_has(precision, bits):
    model = converted(model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], WEIGHT), precision)
    x = np.array([[1 + 2.0**-bits, 1 + 2.0 ** (1 - bits), 1, 3]] * 2, np.float32)
    expected = x.copy()
    expected[:, 0] = 1
    assert (run(with_rounding(model), x=x) == expected).all()

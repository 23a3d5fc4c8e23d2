"""Each thing that keeps a graph from being pure is found, and what is pure passes."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import pytest
from onnx import TensorProto, helper

from gsv_build.graphs.purity import impurities


def graph_of(
    *nodes: onnx.NodeProto, opset: int = 18, weights: Sequence[onnx.TensorProto] = (), domain: str = ""
) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes),
        "tested",
        [value("x", TensorProto.FLOAT, ["N"])],
        [value("y", TensorProto.FLOAT, None)],
        list(weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, opset)])


def test_a_pure_graph_has_no_findings() -> None:
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    assert impurities(graph_of(helper.make_node("Unsqueeze", ["x", "axes"], ["y"]), weights=[axes])) == []


@pytest.mark.parametrize(
    ("node", "finding"),
    [
        (
            helper.make_node("FusedConv", ["x"], ["y"], domain="com.microsoft"),
            "FusedConv is of domain com.microsoft",
        ),
        (helper.make_node("If", ["x"], ["y"]), "If is control flow"),
        (helper.make_node("Loop", ["x"], ["y"]), "Loop is control flow"),
        (helper.make_node("RandomNormalLike", ["x"], ["y"]), "RandomNormalLike is random"),
        (helper.make_node("Multinomial", ["x"], ["y"]), "Multinomial is random"),
        (helper.make_node("NonZero", ["x"], ["y"]), "NonZero has a shape that depends on data"),
        (helper.make_node("Unique", ["x"], ["y"]), "Unique has a shape that depends on data"),
        (helper.make_node("Cast", ["x"], ["y"], to=TensorProto.DOUBLE), "Cast to DOUBLE"),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else "",
)
def test_each_kind_of_offence_is_found(node: onnx.NodeProto, finding: str) -> None:
    findings = impurities(graph_of(node))
    assert len(findings) == 1
    assert finding in findings[0]


def test_foreign_domains_are_found() -> None:
    findings = impurities(graph_of(helper.make_node("Relu", ["x"], ["y"]), opset=1, domain="com.microsoft"))
    assert findings == ["domain 'com.microsoft' is imported; only the standard one runs everywhere"]


def test_double_weights_are_found() -> None:
    weight = helper.make_tensor("w", TensorProto.DOUBLE, [1], [1.0])
    findings = impurities(graph_of(helper.make_node("Add", ["x", "w"], ["y"]), weights=[weight]))
    assert findings == ["weight w is DOUBLE; need float32 or integers"]

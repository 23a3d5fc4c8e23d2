"""Which ONNX operators TensorRT's parser takes, and a lint that holds our graphs to them.

What cannot be run here (TensorRT needs its own GPU) is at least known to parse.

Source: onnx-tensorrt, docs/operators.md at 96e7811 (TensorRT 10.0, opsets 9 to 20): the operators marked Y, and the
restrictions that name a constant input.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto

MIN_OPSET = 18
MAX_OPSET = 20

_NAMES = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast
    CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum
    DeformConv DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten
    Floor Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool Greater
    GreaterOrEqual GridSample GroupNormalization GRU HardSigmoid HardSwish Hardmax Identity If
    ImageScaler InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log
    LogSoftmax Loop LRN LSTM LpNormalization LpPool MatMul Max MaxPool Mean MeanVarianceNormalization
    Min Mish Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or Pad ParametricSoftplus Pow PRelu
    QuantizeLinear RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Relu Reshape Resize ReverseSequence RNN RoiAlign Round ScaledTanh Scan Scatter
    ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus
    Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu
    Unsqueeze Upsample Where Xor
"""
SUPPORTED = frozenset(_NAMES.split())

# Parsed by TensorRT, but graphs are pure: no control flow, no random numbers.
CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
)
DATA_DEPENDENT_SHAPE = frozenset({"NonZero", "Unique", "Compress", "NonMaxSuppression"})

# Operator: places of inputs that TensorRT needs to know when it builds the engine.
CONSTANT_INPUTS = {
    "CumSum": (1,),
    "OneHot": (1,),
    "Pad": (3,),
    "ReduceL1": (1,),
    "ReduceL2": (1,),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
    "ReduceSum": (1,),
    "ReduceSumSquare": (1,),
    "Slice": (3,),
    "Squeeze": (1,),
    "Unsqueeze": (1,),
}


def lint_graph(model: onnx.ModelProto) -> list[str]:
    """Say what keeps a graph from being pure and from being parsed by TensorRT.

    Args:
        model: weights need not be loaded.

    Returns:
        One sentence for each finding; empty when there is none.
    """
    return [*_opset_findings(model), *_operator_findings(model.graph), *_constant_findings(model.graph), *_types(model)]


def _opset_findings(model: onnx.ModelProto) -> Iterator[str]:
    for opset in model.opset_import:
        if opset.domain not in ("", "ai.onnx"):
            yield f"domain {opset.domain!r} is imported; TensorRT knows only the standard one"
        elif not MIN_OPSET <= opset.version <= MAX_OPSET:
            yield f"opset is {opset.version}; need {MIN_OPSET} to {MAX_OPSET}"
    for function in model.functions:
        yield f"function {function.name} is not inlined"


def _operator_findings(graph: onnx.GraphProto) -> Iterator[str]:
    for node in graph.node:
        reason = ""
        if node.domain not in ("", "ai.onnx") or node.op_type not in SUPPORTED | RANDOM | DATA_DEPENDENT_SHAPE:
            reason = "is not supported by TensorRT's parser"
        elif node.op_type in CONTROL_FLOW:
            reason = "is control flow"
        elif node.op_type in RANDOM:
            reason = "is random; make the noise an input"
        elif node.op_type in DATA_DEPENDENT_SHAPE:
            reason = "has a shape that depends on data"
        if reason:
            yield f"node {node.name or node.output[0]}: {node.op_type} {reason}"


def _constant_findings(graph: onnx.GraphProto) -> Iterator[str]:
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    for node in graph.node:
        for place in CONSTANT_INPUTS.get(node.op_type, ()):
            name = node.input[place] if place < len(node.input) else ""
            if name and name not in constants:
                yield f"node {node.name or node.output[0]}: input {place} of {node.op_type} must be a constant"


def _types(model: onnx.ModelProto) -> Iterator[str]:
    for tensor in model.graph.initializer:
        if tensor.data_type in (TensorProto.DOUBLE, TensorProto.STRING):
            yield f"weight {tensor.name} is {TensorProto.DataType.Name(tensor.data_type)}; need float32 or integers"
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                yield f"node {node.name or node.output[0]}: Cast to DOUBLE; need float32"

"""Runs one exported graph on a GPU at a few shapes, each prepared at start and launched as one CUDA graph.

ONNX Runtime chooses a convolution's algorithm again whenever its shape changes, and a vocoder has a hundred of them;
so each shape has a session of its own, in which the axes are constants and nothing is left to compute on the host.
What is larger than all shapes runs in a session for any shape, slower. The same code runs on a CPU, without capture.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from gsv_runtime.contract import SAMPLES_PER_FRAME, VOCODER, Model
from gsv_runtime.graphs.session import CPU, Device, open_session
from gsv_runtime.graphs.shape_buckets import Shape, least_that_holds, pad_to
from gsv_runtime.graphs.stage import OnnxStage, axis_sizes, example_inputs, split, stack
from gsv_runtime.tensors import NUMPY_DTYPES, Array, Arrays

logger = logging.getLogger("gsv.graphs")

_RUNS_BEFORE_CAPTURED = 3  # ONNX Runtime captures after it has run once or twice
# The default tries every algorithm, for seconds a shape.
CONVOLUTIONS: Mapping[str, str] = {"cudnn_conv_algo_search": "HEURISTIC"}
# It would be half precision, did cuDNN find algorithms for it; TensorFloat-32 has as many bits. Of twelve choices on
# an H100 the fastest, channels last (docs/benchmarks.md, "On an H100").
VOCODER_CONVOLUTIONS: Mapping[str, str] = {**CONVOLUTIONS, "use_tf32": "1", "prefer_nhwc": "1"}


class CapturedStage:
    """A batchable stage; an `OnnxStage` for who calls it."""

    def __init__(self, model: Model, graph: Path, shapes: Sequence[Shape], device: Device) -> None:
        """Load the graph once for any shape and once for each of `shapes`, which ascend.

        Raises:
            ValueError: the stage takes no batches, so that nothing may be padded.
            RuntimeError: a shape cannot be captured.
        """
        if not model.batchable:
            raise ValueError(f"{model.name} takes no batches; leave its shapes empty")
        self._model = model
        self._any_shape = OnnxStage.open(model, graph, 1, device)
        self._shapes = shapes
        self._prepared = [_prepare(model, graph, shape, device) for shape in shapes]

    @property
    def num_captured(self) -> int:
        """Shapes that are launched as one CUDA graph."""
        return sum(each.captured for each in self._prepared)

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        """Answer requests in one call of the graph; see `OnnxStage.run`."""
        self._any_shape.check(requests)
        stacked = stack(self._model, requests)
        wanted = axis_sizes(self._model, stacked)
        shape = least_that_holds(self._shapes, wanted)
        if shape is None:
            return self._any_shape.run(requests)
        outputs = self._prepared[self._shapes.index(shape)].run(stacked)
        return split(self._model, requests, outputs)

    def warm_up(self) -> None:
        """Run every shape until it is captured, so that no request pays for that."""
        self._any_shape.warm_up()
        for each in self._prepared:
            each.warm_up()
        logger.info(
            "stage prepared model=%s shapes=%d captured=%d", self._model.name, len(self._shapes), self.num_captured
        )


def _prepare(model: Model, graph: Path, shape: Shape, device: Device) -> _PreparedShape:
    """Capture a shape.

    Raises:
        RuntimeError: ONNX Runtime refuses; a server that met it later would keep its listeners waiting.
    """
    on_gpu = device != CPU
    try:
        prepared = _PreparedShape(model, graph, shape, device, capture=on_gpu)
        if on_gpu:
            prepared.warm_up()
    except Exception as refusal:
        if not on_gpu:
            raise
        raise RuntimeError(
            f"{model.name}: shape {dict(shape)} cannot be captured as a CUDA graph: {refusal}; need that for every "
            f"shape of its setting `shapes` in build/gsv_build/deployment.py; an empty one runs any shape, slower"
        ) from refusal
    return prepared


class _PreparedShape:
    """A session for one shape, with its inputs and outputs at fixed places of the device's memory."""

    def __init__(self, model: Model, graph: Path, shape: Shape, device: Device, capture: bool) -> None:
        self._model, self._shape, self._device = model, shape, device
        self.captured = capture
        self._session = self._open(graph)
        declared = {value.name: value.shape for value in self._session.get_inputs()}
        self._example = example_inputs(model, shape, declared)
        self._inputs = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(array, *device) for name, array in self._example.items()
        }
        self._outputs = {tensor.name: self._empty(tensor.axes, tensor.name) for tensor in model.outputs}
        self._io = self._session.io_binding()
        for name, value in self._inputs.items():
            self._io.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._io.bind_ortvalue_output(name, value)

    def run(self, inputs: Arrays) -> Arrays:
        """Outputs of padded inputs; `inputs` has at most this shape."""
        for name, array in pad_to(self._model, inputs, self._shape).items():
            if name in self._inputs:
                self._inputs[name].update_inplace(np.ascontiguousarray(array))
        self._session.run_with_iobinding(self._io)
        return {name: self._host(value) for name, value in self._outputs.items()}

    def warm_up(self) -> None:
        """Run until captured."""
        for _ in range(_RUNS_BEFORE_CAPTURED if self.captured else 1):
            self.run(self._example)

    def _open(self, graph: Path) -> onnxruntime.InferenceSession:
        options = {"enable_cuda_graph": "1"} if self.captured else {}
        convolutions = VOCODER_CONVOLUTIONS if self._model.name == VOCODER.name else CONVOLUTIONS
        on_gpu = {**convolutions, **options} if self._device != CPU else None
        return open_session(graph, 1, device=self._device, provider_options=on_gpu, sizes=self._shape)

    def _empty(self, axes: Sequence[int | str], name: str) -> onnxruntime.OrtValue:
        declared = {value.name: value.shape for value in self._session.get_outputs()}[name]
        sizes = {**self._shape, "N": self._shape.get("F", 0) * SAMPLES_PER_FRAME}
        shape = [sizes.get(str(axis), size) for axis, size in zip(axes, declared, strict=True)]
        dtype = {tensor.name: NUMPY_DTYPES[tensor.dtype] for tensor in self._model.outputs}[name]
        return onnxruntime.OrtValue.ortvalue_from_shape_and_type(shape, dtype, *self._device)

    def _host(self, value: onnxruntime.OrtValue) -> Array:
        return np.array(value.numpy())

"""Runs one exported graph with ONNX Runtime: groups requests into a padded batch and cuts the answers apart.

Every batchable graph takes lengths, so that a row of a padded batch is what the same request gives alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gsv_runtime.contract import SAMPLES_PER_FRAME, Model
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.graphs.session import CPU, BadInput, Device, GraphSession, open_session, run
from gsv_runtime.tensors import NUMPY_DTYPES, Array, Arrays

# Inputs of a run after which memory is given back: seconds of speech more than any chunk has.
_LARGE_BYTES = 400_000

# Which axis each length input counts.
LENGTH_AXES = {
    "character_lengths": "C",
    "token_lengths": "T",
    "phone_lengths": "P",
    "frame_lengths": "F",
    "piece_lengths": "G",
}
# Sizes of the request that a stage answers before it reports ready: one second of speech.
WARM_UP_SIZES = {"B": 1, "C": 12, "T": 25, "P": 30, "F": 50, "N": 57_600, "G": 8}


class OnnxStage:
    """One graph, its session and its contract."""

    def __init__(self, model: Model, session: GraphSession, gives_back: bool = False) -> None:
        self._model = model
        self._session = session
        self._inputs = {value.name: value.shape for value in session.get_inputs()}
        self._outputs = [tensor.name for tensor in model.outputs]
        self._gives_back = gives_back

    @classmethod
    def open(cls, model: Model, graph: Path, intra_op_threads: int, device: Device = CPU) -> OnnxStage:
        """Load a graph with ONNX Runtime."""
        return cls(model, open_session(graph, intra_op_threads, device=device), gives_back=device == CPU)

    def run(self, requests: list[Arrays]) -> list[Arrays]:
        """Answer requests in one call of the graph if it is batchable, else one by one.

        Args:
            requests: decoded inputs of each.

        Returns:
            Outputs of each, in order, cut to its own lengths.

        Raises:
            InvalidRequest: a request lacks an input that this checkpoint's graph needs.
        """
        self.check(requests)
        if not self._model.batchable:
            return [self._run_graph(request) for request in requests]
        outputs = self._run_graph(stack(self._model, requests))
        return split(self._model, requests, outputs)

    def check(self, requests: list[Arrays]) -> None:
        """Check that every request has what the graph takes.

        Raises:
            InvalidRequest: one lacks an input that this checkpoint's graph needs.
        """
        for request in requests:
            missing = self._inputs.keys() - request.keys()
            if missing:
                raise InvalidRequest(f"{self._model.name}: input {', '.join(sorted(missing))} is missing")

    def _run_graph(self, inputs: Mapping[str, Array]) -> Arrays:
        given = {name: inputs[name] for name in self._inputs}
        is_large = self._gives_back and sum(array.nbytes for array in given.values()) > _LARGE_BYTES
        try:
            values = run(self._session, self._outputs, given, gives_back=is_large)
        except BadInput as refusal:
            raise InvalidRequest(f"{self._model.name} cannot compute with this: {refusal}") from None
        return dict(zip(self._outputs, values, strict=True))

    def warm_up(self) -> None:
        """Run the graph once, so that the first client does not pay for ONNX Runtime's first allocations."""
        self._run_graph(example_inputs(self._model, WARM_UP_SIZES, self._inputs))


def example_inputs(model: Model, sizes: Mapping[str, int], shapes: Mapping[str, list[int | str]]) -> Arrays:
    """Inputs of the given sizes: zeros, but lengths that cover their whole axis.

    Args:
        model: contract of a graph.
        sizes: axis letter to size.
        shapes: input name to the shape that the graph declares; decides axes that the checkpoint sizes.
    """
    inputs: Arrays = {}
    for tensor in model.inputs:
        if tensor.name not in shapes:
            continue
        shape = [
            axis if isinstance(axis, int) else int(sizes.get(axis, declared))
            for axis, declared in zip(tensor.axes, shapes[tensor.name], strict=True)
        ]
        fill = sizes[LENGTH_AXES[tensor.name]] if tensor.name in LENGTH_AXES else 0
        inputs[tensor.name] = np.full(shape, fill, dtype=NUMPY_DTYPES[tensor.dtype])
    return inputs


def stack(model: Model, requests: list[Arrays]) -> Arrays:
    """Join requests along the batch axis, shorter ones padded with zeros to the longest."""
    stacked: Arrays = {}
    for name in requests[0]:
        parts = [request[name] for request in requests]
        largest = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
        batch = np.zeros((sum(part.shape[0] for part in parts), *largest), dtype=parts[0].dtype)
        row = 0
        for part in parts:
            batch[(slice(row, row + part.shape[0]), *(slice(size) for size in part.shape[1:]))] = part
            row += part.shape[0]
        stacked[name] = batch
    return stacked


def split(model: Model, requests: list[Arrays], outputs: Arrays) -> list[Arrays]:
    """Cut a batch's outputs into those of each request, without the padding."""
    answers: list[Arrays] = []
    row = 0
    for request in requests:
        sizes = axis_sizes(model, request)
        rows = slice(row, row + sizes["B"])
        row += sizes["B"]
        answers.append(
            {
                tensor.name: outputs[tensor.name][
                    (rows, *(slice(sizes.get(axis) if isinstance(axis, str) else axis) for axis in tensor.axes[1:]))
                ]
                for tensor in model.outputs
            }
        )
    return answers


def axis_sizes(model: Model, request: Arrays) -> dict[str, int]:
    """Size of every named axis of a request, and of the samples that its frames become."""
    sizes: dict[str, int] = {}
    for tensor in model.inputs:
        if tensor.name not in request:
            continue
        for axis, size in zip(tensor.axes, request[tensor.name].shape, strict=True):
            if isinstance(axis, str) and sizes.setdefault(axis, size) != size:
                raise InvalidRequest(
                    f"{model.name}: {tensor.name} has {size} along {axis}, another input {sizes[axis]}"
                )
    if "F" in sizes and "N" not in sizes:
        sizes["N"] = sizes["F"] * SAMPLES_PER_FRAME
    return sizes

"""The few shapes that a stage runs at on a GPU: what comes is padded to the least one that holds it. Pure.

A GPU pays for a new shape: kernels are chosen again, and nothing that was captured fits. Every batchable graph takes
lengths, so that padding changes nothing but the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gsv_runtime.contract import Model
from gsv_runtime.tensors import Arrays

Shape = Mapping[str, int]  # axis letter to size, "B" the rows


def render_shapes(rows: Iterable[int], lengths: Sequence[Shape]) -> str:
    """Every number of rows at every set of lengths, as a setting: ``B1 F64, B1 F96, B4 F64``."""
    return ", ".join(
        " ".join(f"{axis}{size}" for axis, size in {"B": number, **each}.items()) for number in rows for each in lengths
    )


def parse_shapes(text: str) -> list[Shape]:
    """Read a setting.

    Raises:
        ValueError: a word is not a letter and a number, or the shapes do not name the same axes.
    """
    shapes = [
        {word[:1]: int(word[1:]) for word in part.split()} for part in filter(None, map(str.strip, text.split(",")))
    ]
    if any(shape.keys() != shapes[0].keys() for shape in shapes):
        raise ValueError(f"shapes {text!r} name different axes; need the same in all")
    return sorted(shapes, key=_volume)


def least_that_holds(shapes: Sequence[Shape], wanted: Shape) -> Shape | None:
    """The first of `shapes`, which ascend, that has room for `wanted`; None if none has."""
    fits = (shape for shape in shapes if all(shape[axis] >= wanted[axis] for axis in shape))
    return next(fits, None)


def pad_to(model: Model, inputs: Arrays, shape: Shape) -> Arrays:
    """Inputs padded to a shape: zeros along lengths, and the last row again, so that no row is empty."""
    padded: Arrays = {}
    for tensor in model.inputs:
        if tensor.name not in inputs:
            continue
        array = inputs[tensor.name]
        missing = [
            (0, shape[axis] - size if isinstance(axis, str) and axis in shape else 0)
            for axis, size in zip(tensor.axes, array.shape, strict=True)
        ]
        along_lengths = np.pad(array, [(0, 0), *missing[1:]])
        padded[tensor.name] = np.pad(along_lengths, [missing[0], *((0, 0) for _ in missing[1:])], mode="edge")
    return padded


def _volume(shape: Shape) -> int:
    return int(np.prod(list(shape.values())))

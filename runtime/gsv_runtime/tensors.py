"""Arrays on their way in and out of a model, checked against the contract. No Triton inside.

Sequence models (`t2s`) have a leading axis of 1 on the wire, because Triton batches calls of different
sequences along it; callers and models see their tensors without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsv_runtime import contract, errors

Array = NDArray[Any]
Arrays = dict[str, Array]

NUMPY_DTYPES: dict[str, Any] = {
    "STRING": np.object_,
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP32": np.float32,
}


# The longest that the pipeline ever sends along an axis; more is refused before it is computed with.
# 3 to 10 s of reference: 16 kHz with 0.6 s of zeros, 50 frames/s of SSL. Up to 30 s of further ones, whose timbre
# alone is used: 50 frames/s of spectrogram, 100 of fbank. The longest
# sentence: 60 s, which is t2s's limit, at half speed; 510 Chinese characters of two phones.
LARGEST: dict[str, dict[contract.Axis, int]] = {
    "bert": {"C": 512},
    "hubert": {"N": 169_600},
    "speech_tokenizer": {"F": 529},
    "speaker_encoder": {"F": 2998},
    "reference_encoder": {"F": 1500},
    "acoustic": {"T": 1500, "P": 1100, "F": 6002},
    "vocoder": {"F": 6002},
}


class Wire(dict[str, Array]):
    """Arrays as Triton takes them, checked; see `to_wire`."""


def is_internal(model: contract.Model) -> bool:
    """Whether a model answers our own models only, who know the server's key."""
    return model.graph or model.sequence


def check_inputs(model: contract.Model, arrays: Mapping[str, Array]) -> Arrays:
    """Check what a client or another model sent to `model`.

    Args:
        model: contract of the receiver.
        arrays: name to array as on the wire; STRING elements are bytes.

    Returns:
        The same arrays, STRING elements as `str` and the leading axis of a sequence model removed.

    Raises:
        InvalidRequest: a tensor is missing, or its dtype, shape or text encoding is wrong.
    """
    missing = [tensor.name for tensor in model.inputs if not tensor.optional and tensor.name not in arrays]
    if missing:
        raise errors.InvalidRequest(f"input {', '.join(missing)} is missing; {model.name} needs it")
    return _checked(model, model.call_inputs, arrays, errors.InvalidRequest)


def check_outputs(model: contract.Model, arrays: Mapping[str, Array]) -> Arrays:
    """Check what `model` answered; a wrong tensor is the model's defect."""
    return _checked(model, model.outputs, arrays, errors.InternalError)


def to_wire(model: contract.Model, tensors: Sequence[contract.Tensor], values: Mapping[str, Any]) -> Wire:
    """Turn Python values into contiguous arrays of the contract's dtypes.

    Args:
        model: contract of the model called or answering.
        tensors: its inputs or its outputs.
        values: name to array, number or text; text becomes UTF-8 bytes.

    Raises:
        InternalError: a name is unknown or missing, or a shape is not the contract's.
    """
    known = {tensor.name: tensor for tensor in tensors}
    required = {tensor.name for tensor in tensors if not tensor.optional}
    if not required <= values.keys() <= known.keys():
        raise errors.InternalError(f"{model.name}: tensors {sorted(values)} given; need {sorted(required)}")
    wire = Wire()
    for name, value in values.items():
        array = _wire_array(known[name], value)
        _check_shape(model, known[name], array.shape, errors.InternalError)
        wire[name] = array[np.newaxis] if model.sequence else array
    return wire


def _wire_array(tensor: contract.Tensor, value: Any) -> Array:
    if tensor.dtype != "STRING":
        return np.ascontiguousarray(value, dtype=NUMPY_DTYPES[tensor.dtype])
    texts = [value] if isinstance(value, str | bytes) else list(value)
    array = np.empty(len(texts), dtype=np.object_)
    array[:] = [text if isinstance(text, bytes) else text.encode("utf-8") for text in texts]
    return array


def _checked(
    model: contract.Model,
    tensors: Sequence[contract.Tensor],
    arrays: Mapping[str, Array],
    error: type[errors.SynthesisError],
) -> Arrays:
    checked: Arrays = {}
    for tensor in tensors:
        if tensor.name not in arrays:
            continue
        array = arrays[tensor.name]
        if array.dtype != NUMPY_DTYPES[tensor.dtype]:
            raise error(f"{tensor.name} is {array.dtype}; need {tensor.dtype}")
        if model.sequence:
            array = array[0]
        _check_shape(model, tensor, array.shape, error)
        if model.graph and array.dtype == np.int64 and array.min(initial=0) < 0:  # ids and lengths
            raise error(f"{model.name}: {tensor.name} holds {array.min()}; need 0 or more")
        checked[tensor.name] = _decode_text(tensor, array, error) if tensor.dtype == "STRING" else array
    return checked


def _check_shape(
    model: contract.Model, tensor: contract.Tensor, shape: tuple[int, ...], error: type[errors.SynthesisError]
) -> None:
    fits = len(shape) == len(tensor.axes) and all(
        isinstance(axis, str) or axis == size for axis, size in zip(tensor.axes, shape, strict=True)
    )
    if not fits:
        need = ", ".join(map(str, tensor.axes))
        raise error(f"{model.name}: {tensor.name} has shape {list(shape)}; need [{need}]")
    largest = LARGEST.get(model.name, {})
    for axis, size in zip(tensor.axes, shape, strict=True):
        if size > largest.get(axis, size):
            raise error(f"{model.name}: {tensor.name} has {size} along {axis}; need at most {largest[axis]}")


def _decode_text(tensor: contract.Tensor, array: Array, error: type[errors.SynthesisError]) -> Array:
    if tensor.binary:
        return array
    decoded = np.empty(array.shape, dtype=np.object_)
    for index, data in np.ndenumerate(array):
        try:
            decoded[index] = data.decode("utf-8")
        except UnicodeDecodeError as failure:
            raise error(f"{tensor.name} is not valid UTF-8 at byte {failure.start}; send UTF-8") from None
        if "\0" in decoded[index]:
            raise error(f"{tensor.name} contains a NUL character; remove it")
    return decoded

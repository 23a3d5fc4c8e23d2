"""A double of triton_python_backend_utils, for what a real server cannot be made to do on demand."""

import threading
import types
from typing import Any

import numpy as np

FINAL = 1


class Tensor:
    def __init__(self, name, array):
        self._name, self.array = name, array

    def name(self):
        return self._name

    def as_numpy(self):
        return self.array


class TritonError:
    INTERNAL, INVALID_ARG, NOT_FOUND, UNAVAILABLE, CANCELLED = range(5)

    def __init__(self, message, code):
        self.text, self.code = message, code

    def message(self):
        return self.text


class Response:
    def __init__(self, output_tensors=(), error=None):
        self.tensors, self.failure = {tensor.name(): tensor for tensor in output_tensors}, error

    def has_error(self):
        return self.failure is not None

    def error(self):
        return self.failure


class Sender:
    def __init__(self):
        self.sent, self.ended, self.cancelled = [], threading.Event(), False

    def send(self, response=None, flags=0):
        assert not self.ended.is_set(), "sent after FINAL"
        self.sent.append((response, flags))
        if flags & FINAL:
            self.ended.set()

    def is_cancelled(self):
        return self.cancelled


class Request:
    def __init__(self, parameters="{}", request_id="", **inputs):
        self._id = request_id
        self.tensors = [Tensor(name, np.array([value], dtype=np.object_)) for name, value in inputs.items()]
        self.sender, self.text = Sender(), parameters

    def request_id(self):
        return self._id

    def inputs(self):
        return self.tensors

    def parameters(self):
        return self.text

    def get_response_sender(self):
        return self.sender


def double(replies):
    """The module; `replies` answer stage calls in order, each a response or a function that makes one."""
    module: Any = types.ModuleType("triton_python_backend_utils")
    module.Tensor, module.TritonError, module.InferenceResponse = Tensor, TritonError, Response
    module.TRITONSERVER_RESPONSE_COMPLETE_FINAL = FINAL
    module.TRITONSERVER_MEMORY_CPU = 0
    module.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START, module.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 1, 2
    module.PreferredMemory = lambda *_: None
    module.get_output_tensor_by_name = lambda response, name: response.tensors.get(name)

    def answer():
        reply = replies.pop(0)
        return reply() if callable(reply) else reply

    module.InferenceRequest = lambda **_: types.SimpleNamespace(exec=answer)
    return module

"""Part `tensorrt`: whether TensorRT for RTX runs on this GPU, and then its engines beside the others.

Memory and streams are PyTorch's here; a server takes them through cuda-python.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import SERVED, SERVED_SET, T2S, graph_of, set_of, t2s_files, wait_for
from gsv_bench.gpu.timing import Timer, captured
from gsv_bench.gpu.utterance import NUM_TOKENS, decoding_inputs
from gsv_bench.t2s_cases import CACHE_ROWS, PROMPT_PHONES, PROMPT_TOKENS
from gsv_build.engines import graph_input_shapes
from gsv_build.tensorrt_library import Profiles, TensorRT
from gsv_runtime import contract


def run(options: Options, figures: Figures) -> None:
    """Try the smallest engine first: if that does not run, nothing will."""
    library = TensorRT.find()
    figures.put("library", {"name": library.name, "target": library.target})
    on_gpu = options.device == "cuda"
    runs = False
    for this_gpu in (False, True) if on_gpu else (False,):
        name = f"relu for {'this GPU' if this_gpu else 'all of its GPUs'}"
        with figures.attempt(name):
            engine = Engine(library, _relu(options), {"x": ((4,), (4,), (4,))}, this_gpu)
            if on_gpu:
                x = torch.tensor([-1.0, 2.0, -3.0, 4.0], device="cuda")
                answer = engine.bound({"x": x})
                answer.launch()
                torch.cuda.synchronize()
                figures.put(name, {"answer": answer.outputs["y"].tolist()})
                runs = True
                break
            figures.put(name, {"built_bytes": engine.plan_bytes})
    figures.put("runs_on_this_gpu", runs)
    if on_gpu and not runs:
        return
    wait_for(options, T2S, SERVED_SET, set_of(SERVED))
    for model in (contract.VOCODER, contract.ACOUSTIC):
        with figures.attempt(model.name):
            figures.put(model.name, _stage(library, model, options, this_gpu))
    for slots in (1, 16, 64) if not options.short else (2,):
        with figures.attempt(f"t2s {slots}"):
            figures.put(f"t2s, {slots} slots", _t2s(library, slots, options, this_gpu))


class Engine:
    """An engine with its context, for one set of shapes at a time."""

    def __init__(self, library: TensorRT, graph: Path, profiles: Profiles, on_this_gpu: bool) -> None:
        """Build it, and where there is a GPU load it."""
        began_s = time.perf_counter()
        built = library.build(graph, profiles, on_this_gpu=on_this_gpu)
        self.build_s = round(time.perf_counter() - began_s, 2)
        self.plan_bytes = len(built.plan)
        self._trt = library.module
        self._context = None
        if torch.cuda.is_available():
            began_s = time.perf_counter()
            self._runtime = self._trt.Runtime(library.log)
            self._engine = self._runtime.deserialize_cuda_engine(built.plan)
            if self._engine is None:
                raise RuntimeError(f"{library.name} does not load its own engine of {graph.name} on this GPU")
            self._context = self._engine.create_execution_context()
            if self._context is None:
                raise RuntimeError(f"{library.name} makes no context for {graph.name} on this GPU")
            self.load_s = round(time.perf_counter() - began_s, 2)

    def bound(self, inputs: dict[str, torch.Tensor], aliases: dict[str, str] | None = None) -> Bound:
        """With these inputs; an output that `aliases` names is bound to the memory of an input."""
        outputs: dict[str, torch.Tensor] = {}
        context, trt = self._context, self._trt
        if context is None:
            raise RuntimeError("there is no GPU to run on")
        for name, tensor in inputs.items():
            context.set_input_shape(name, tuple(tensor.shape))
            context.set_tensor_address(name, tensor.data_ptr())
        for index in range(self._engine.num_io_tensors):
            name = self._engine.get_tensor_name(index)
            if self._engine.get_tensor_mode(name) != trt.TensorIOMode.OUTPUT:
                continue
            alias = (aliases or {}).get(name)
            if alias is not None:
                outputs[name] = inputs[alias]
            else:
                shape, dtype = tuple(context.get_tensor_shape(name)), _TYPES[self._engine.get_tensor_dtype(name).name]
                outputs[name] = torch.empty(shape, dtype=dtype, device="cuda")
            context.set_tensor_address(name, outputs[name].data_ptr())
        return Bound(context, inputs, outputs)


_TYPES = {
    "FLOAT": torch.float32,
    "HALF": torch.float16,
    "BF16": torch.bfloat16,
    "INT64": torch.int64,
    "INT32": torch.int32,
    "BOOL": torch.bool,
}


class Bound:
    """A context whose tensors all have their places."""

    def __init__(self, context: Any, inputs: dict[str, torch.Tensor], outputs: dict[str, torch.Tensor]) -> None:
        self._context, self._inputs, self.outputs = context, inputs, outputs

    def launch(self) -> None:
        """Enqueue on PyTorch's current stream."""
        if not self._context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            raise RuntimeError("TensorRT refused to run the engine; its log above says why")


def _relu(options: Options) -> Path:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", value[:1], value[1:])
    path = options.work / "relu4.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def _times(bound: Callable[[], Bound], options: Options, steps: int = 1) -> dict[str, float]:
    """Milliseconds of a launch, and of one in a CUDA graph of `steps`."""
    timer, ready = Timer(options.device), bound()
    found = {"launch_ms": timer.median_ms(ready.launch, options.repeats)}
    for number in sorted({1, steps}):
        graph = captured(ready.launch, number)
        found[f"captured_{number}_ms"] = round(timer.median_ms(graph.replay, options.repeats) / number, 4)
    return found


def _stage(library: TensorRT, model: contract.Model, options: Options, on_this_gpu: bool) -> dict[str, Any]:
    graph = graph_of(options, SERVED, model)
    arrays = decoding_inputs(options.sizes(SERVED), NUM_TOKENS)[model.name]
    inputs = {name: arrays[name] for name in graph_input_shapes(graph)}
    engine = Engine(library, graph, {name: (array.shape,) * 3 for name, array in inputs.items()}, on_this_gpu)
    found: dict[str, Any] = {"build_s": engine.build_s, "plan_mib": round(engine.plan_bytes / 2**20, 1)}
    if options.device == "cuda":
        found["load_s"] = engine.load_s
        tensors = {name: torch.from_numpy(array).cuda() for name, array in inputs.items()}
        found |= _times(lambda: engine.bound(tensors), options)
    return found


def _t2s(library: TensorRT, slots: int, options: Options, on_this_gpu: bool) -> dict[str, Any]:
    """The decode step with its draw, cache in place; tokens a second of steps that follow one another."""
    graph = t2s_files(options).decode_sample
    declared = graph_input_shapes(graph)
    shapes = {name: tuple(slots if size == "B" else int(size) for size in shape) for name, shape in declared.items()}
    engine = Engine(library, graph, {name: (shape,) * 3 for name, shape in shapes.items()}, on_this_gpu)
    found: dict[str, Any] = {"build_s": engine.build_s, "plan_mib": round(engine.plan_bytes / 2**20, 1)}
    if options.device != "cuda":
        return found
    found["load_s"] = engine.load_s
    inputs = _step_inputs(graph, shapes)
    aliases = {f"new_{name}": name for name in inputs if "_cache_" in name}
    times = _times(lambda: engine.bound(inputs, aliases), options, steps=8)
    per_s = {name.replace("_ms", "_tokens_per_s"): round(1e3 * slots / ms, 1) for name, ms in times.items()}
    return found | times | per_s


def _step_inputs(graph: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    types = {TensorProto.FLOAT: torch.float32, TensorProto.FLOAT16: torch.float16, TensorProto.INT64: torch.int64}
    types |= {TensorProto.BOOL: torch.bool}
    values = {
        value.name: types[value.type.tensor_type.elem_type]
        for value in onnx.load(str(graph), load_external_data=False).graph.input
    }
    inputs = {name: torch.zeros(shape, dtype=values[name], device="cuda") for name, shape in shapes.items()}
    filled: dict[str, float] = {
        "token_positions": PROMPT_TOKENS,
        "rows": PROMPT_PHONES + PROMPT_TOKENS,
        "active": True,
        "top_k": 15,
    }
    filled |= {"token_limits": CACHE_ROWS, "top_p": 1.0, "temperature": 1.0, "repetition_penalty": 1.35}
    for name, value in filled.items():
        if name in inputs:
            inputs[name].fill_(value)
    return inputs

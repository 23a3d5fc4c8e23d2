"""Renders a model's config.pbtxt from its contract and its deployment, with comments.

Two fields of Triton are never written: `default_queue_policy` and `priority_levels`. Either makes the batcher sleep
up to 500 ms per batch (docs/triton-findings.md, finding 1); admission is `tts`'s own work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from gsv_build.deployment import Deployment, ModelDeployment, Runtime
from gsv_runtime import contract
from gsv_runtime.contract import Model, Tensor
from gsv_runtime.model_files import ENGINE_FILE, GRAPH_FILE
from gsv_runtime.settings import T2SSettings
from gsv_runtime.tensors import Arrays

_BACKENDS = {
    Runtime.PYTHON: 'backend: "python"',
    Runtime.ONNX_RUNTIME: f'backend: "onnxruntime"\ndefault_model_filename: "{GRAPH_FILE}"',
    Runtime.TENSORRT: f'platform: "tensorrt_plan"\ndefault_model_filename: "{ENGINE_FILE}"',
}


@dataclass(frozen=True)
class CheckpointSizes:
    """What a checkpoint decides: sizes of named axes, inputs that its graphs lack, and warm-up requests."""

    axes: Mapping[str, int] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    warm_ups: Mapping[str, Arrays] = field(default_factory=dict)  # model name to inputs, each in a file of that name


def render(model: Model, deployment: Deployment, sizes: CheckpointSizes | None = None) -> str:
    """Render one config.pbtxt.

    Args:
        model: its contract.
        deployment: the preset.
        sizes: of a checkpoint; without them such axes are -1, any size.

    Returns:
        Protobuf text of `inference.ModelConfig`.
    """
    how, sizes = deployment.model(model), sizes or CheckpointSizes()
    blocks = [
        f"# {model.doc}\n# Rendered by `python -m gsv_build configs` (preset {deployment.preset}). Do not edit.",
        f'name: "{model.name}"\n{_BACKENDS[how.runtime]}\nmax_batch_size: {how.max_batch_size}',
        _tensors("input", model, model.call_inputs if how.runtime is Runtime.PYTHON else model.inputs, how, sizes),
        _tensors("output", model, model.outputs, how, sizes),
        _instances(how),
        *_scheduling(model, how),
        *_parameters(how),
        *_warm_up(model, how, sizes.warm_ups.get(model.name, {})),
    ]
    return "\n\n".join(blocks) + "\n"


def _tensors(kind: str, model: Model, tensors: tuple[Tensor, ...], how: ModelDeployment, sizes: CheckpointSizes) -> str:
    present = [tensor for tensor in tensors if tensor.name not in sizes.absent]
    entries = ",\n".join(_tensor(kind, model, tensor, how, sizes.axes) for tensor in present)
    return f"{kind} [\n{entries}\n]"


def _tensor(kind: str, model: Model, tensor: Tensor, how: ModelDeployment, sizes: Mapping[str, int]) -> str:
    axes = tensor.axes[1:] if tensor.axes[:1] == ("B",) else tensor.axes
    dims = ", ".join(str(axis if isinstance(axis, int) else sizes.get(axis, -1)) for axis in axes)
    lines = [
        f"    # [{', '.join(map(str, tensor.axes))}] {tensor.doc}",
        f'    name: "{tensor.name}"',
        f"    data_type: TYPE_{tensor.dtype}",
        f"    dims: [ {dims} ]",
    ]
    if kind == "input":
        if tensor.optional and how.runtime is Runtime.PYTHON:
            lines.append("    optional: true")
        # Only the Python backend gets requests apart; the others need one shape per batch.
        if how.max_batch_size > 0 and how.runtime is Runtime.PYTHON:
            lines.append("    allow_ragged_batch: true")
    return "  {\n" + "\n".join(lines) + "\n  }"


def _instances(how: ModelDeployment) -> str:
    kind = "KIND_GPU" if how.on_gpu else "KIND_CPU"
    return f"instance_group [\n  {{\n    count: {how.instances}\n    kind: {kind}\n  }}\n]"


def _scheduling(model: Model, how: ModelDeployment) -> list[str]:
    if model.decoupled:
        return ["# A request is answered by a stream of chunks.\nmodel_transaction_policy {\n  decoupled: true\n}"]
    if model.sequence:
        return [_sequence_batching(how.settings)]
    if how.max_batch_size > 1:
        return [f"dynamic_batching {{\n  max_queue_delay_microseconds: {how.queue_delay_us}\n}}"]
    return []


def _sequence_batching(settings: T2SSettings) -> str:
    def control(name: str, kind: str, values: str) -> str:
        return (
            f'    {{\n      name: "{name}"\n      control [\n'
            f"        {{\n          kind: CONTROL_SEQUENCE_{kind}\n          {values}\n        }}\n      ]\n    }}"
        )

    controls = ",\n".join(
        [
            control(contract.SEQUENCE_START, "START", "int32_false_true: [ 0, 1 ]"),
            control(contract.SEQUENCE_END, "END", "int32_false_true: [ 0, 1 ]"),
            control(contract.SEQUENCE_ID, "CORRID", "data_type: TYPE_UINT64"),
        ]
    )
    return (
        "# One sequence is one sentence; Triton batches calls of different ones and queues those beyond the slots.\n"
        "sequence_batching {\n"
        f"  max_sequence_idle_microseconds: {round(settings.idle_s * 1e6)}\n"
        f"  control_input [\n{controls}\n  ]\n"
        f"  oldest {{\n    max_candidate_sequences: {settings.slots}\n  }}\n}}"
    )


def _parameters(how: ModelDeployment) -> list[str]:
    if how.settings is None:
        return []
    entries = ",\n".join(
        f'  {{\n    key: "{name}"\n    value {{ string_value: "{text}" }}\n  }}'
        for name, text in parameters(how).items()
    )
    return [f"parameters [\n{entries}\n]"]


def parameters(how: ModelDeployment) -> dict[str, str]:
    """Write a model's settings as texts, by name; none where it has no settings."""
    return {} if how.settings is None else {name: _text(value) for name, value in asdict(how.settings).items()}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _warm_up(model: Model, how: ModelDeployment, inputs: Arrays) -> list[str]:
    """A request of one row, sent before the model reports ready. Python models warm themselves in `initialize`."""
    if not inputs or how.runtime is Runtime.PYTHON:
        return []
    dtypes = {tensor.name: tensor.dtype for tensor in model.inputs}
    entries = ",\n".join(
        f'    {{\n      key: "{name}"\n      value {{\n        data_type: TYPE_{dtypes[name]}\n'
        f"        dims: [ {', '.join(map(str, array.shape[1:] if model.batchable else array.shape))} ]\n"
        f'        input_data_file: "{name}"\n      }}\n    }}'
        for name, array in inputs.items()
    )
    return [
        f'model_warmup [\n  {{\n  name: "one second of speech"\n  batch_size: 1\n  inputs [\n{entries}\n  ]\n  }}\n]'
    ]

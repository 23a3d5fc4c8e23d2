"""What a model and one tensor of it are: the form of the tables in `contract.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

# What a call of such a stage may say beside its own inputs, where the stage runs in Python.
WEIGHTS_INPUT, DROP_INPUT = "weights", "drop_weights"

Axis = str | int


@dataclass(frozen=True)
class Range:
    """Values that a number may have, and the one it has when left out."""

    low: float
    high: float
    default: float
    open_low: bool = False  # low itself is refused

    def contains(self, value: float) -> bool:
        """Whether `value` may be asked for; NaN never."""
        return bool((self.low < value if self.open_low else self.low <= value) and value <= self.high)

    def __str__(self) -> str:
        return f"{'above ' if self.open_low else ''}{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Choice:
    """Words that a text may be, and the one it is when left out; empty: it depends, as the tensor's doc says."""

    values: tuple[str, ...]
    default: str

    def __str__(self) -> str:
        return ", ".join(self.values)


@dataclass(frozen=True)
class Tensor:
    """One tensor of a model: `dtype` is Triton's name without ``TYPE_``."""

    name: str
    dtype: str
    axes: tuple[Axis, ...]
    doc: str
    optional: bool = False
    binary: bool = False  # a STRING that carries bytes, not UTF-8 text
    allowed: Range | Choice | None = None


@dataclass(frozen=True)
class Model:
    """One model of the repository, as its callers see it."""

    name: str
    doc: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    decoupled: bool = False
    sequence: bool = False  # a leading axis of 1 on the wire, which tensors.py adds and takes off
    graph: bool = field(default=False)  # exported to one ONNX graph, run as it is
    checkpoint: str = ""  # S1 or S2 where every fine-tune brings weights of its own

    @property
    def weights_inputs(self) -> tuple[Tensor, ...]:
        """What a call may say of weights, where the stage runs in Python."""
        if not self.checkpoint:
            return ()
        axes: tuple[Axis, ...] = ("B", 1) if self.batchable else (1,)
        return (
            Tensor(WEIGHTS_INPUT, "INT64", axes, "id of a fine-tune's weights; default the first's", optional=True),
            Tensor(DROP_INPUT, "INT64", axes, "id of weights that are not needed any more", optional=True),
        )

    @property
    def call_inputs(self) -> tuple[Tensor, ...]:
        """All that a call may bring."""
        return (*self.inputs, *self.weights_inputs)

    @property
    def batchable(self) -> bool:
        """Whether Triton may stack requests along a leading axis."""
        return bool(self.inputs) and self.inputs[0].axes[:1] == ("B",)

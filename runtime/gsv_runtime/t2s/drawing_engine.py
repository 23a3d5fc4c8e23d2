"""Runs T2S on a GPU: prompts at a few lengths, launches of several steps at a few numbers of slots, all captured.

Not run on a GPU yet. The same code, graphs and bindings run with their memory on the host, which is how they are tested
(docs/decisions/0027-launches-of-several-steps.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from gsv_runtime.graphs.one_thread import OneThread
from gsv_runtime.graphs.session import Device, open_session
from gsv_runtime.model_files import T2S_DECODE_SAMPLE_FILE, T2S_MOVE_SLOT_FILE, T2S_PREFILL_FILE
from gsv_runtime.t2s.engine import Array, DrawnSteps, SlotState
from gsv_runtime.t2s.launch_shapes import LaunchShapes
from gsv_runtime.t2s.prefill import PaddedPrefill
from gsv_runtime.t2s.request import Capacity, Prompt
from gsv_runtime.t2s.sampled_steps import SampledSteps
from gsv_runtime.t2s.slot_memory import CacheShape, SlotCopier, SlotMemory


class _Warmed(Protocol):
    def warm_up(self) -> None: ...


Piece = TypeVar("Piece", bound=_Warmed)


class DrawingEngine:
    """An `engine.Engine` whose graph draws.

    A prompt is written to a slot of its own and copied to that of its sequence, because a captured graph knows one
    address. A launch runs the first slots, as many as the least span that holds all sequences. All of it runs in one
    thread, whoever calls: that which captured.
    """

    def __init__(
        self, folder: Path, slots: int, cache_rows: int, shapes: LaunchShapes, device: Device, capture: bool
    ) -> None:
        """Load the graphs, reserve the cache and prepare every shape.

        Args:
            folder: has the graphs and their weight files.
            slots: sequences that can be held.
            cache_rows: phones and tokens of each.
            shapes: that are prepared; no others run.
            device: where all of it lies and runs.
            capture: whether each is launched as one CUDA graph.

        Raises:
            RuntimeError: ONNX Runtime has no provider for the device, or refuses to capture a shape.
            ValueError: the graphs were written for slots of another length.
        """
        self._shapes, self._thread = shapes, OneThread("t2s-engine")
        self._thread.run(self._open, folder, slots, cache_rows, device, capture)
        self._capacity = replace(self._prefills[cache_rows].capacity, slots=slots)

    def _open(self, folder: Path, slots: int, cache_rows: int, device: Device, capture: bool) -> None:
        shapes = self._shapes
        move_slot = open_session(folder / T2S_MOVE_SLOT_FILE, 1, device=device)
        cache = CacheShape.of(move_slot)
        if cache.rows != cache_rows:
            raise ValueError(f"{T2S_MOVE_SLOT_FILE} has slots of {cache.rows} rows, not {cache_rows}; build it again")
        self._memory, self._entrance = SlotMemory(cache, slots + 1, device), slots
        self._copier = SlotCopier(move_slot, self._memory)

        prefill, decode_sample = folder / T2S_PREFILL_FILE, folder / T2S_DECODE_SAMPLE_FILE
        self._prefills = {
            rows: _prepare(
                f"a prompt of {rows} rows",
                partial(PaddedPrefill, prefill, self._memory, self._entrance, rows, capture),
                capture,
            )
            for rows in shapes.prefill_rows
        }
        self._steps = {
            span: _prepare(
                f"a step of {span} slots",
                partial(SampledSteps, decode_sample, self._memory, span, shapes.most_steps, capture),
                capture,
            )
            for span in shapes.spans
        }

    @property
    def capacity(self) -> Capacity:
        """What it can take."""
        return self._capacity

    @property
    def spans(self) -> Sequence[int]:
        """Numbers of slots that a launch can run."""
        return self._shapes.spans

    @property
    def most_steps(self) -> int:
        """Steps that a launch can take."""
        return self._shapes.most_steps

    @property
    def most_joins(self) -> int:
        """As many as the steps that it takes then, which last longer."""
        return self.most_steps

    @property
    def rows_cost(self) -> bool:
        """A GPU takes nearly as long for few slots as for all."""
        return False

    def prefill(self, slot: int, prompt: Prompt) -> Array:
        """Write a prompt to a slot; return `[V]` logits of the first token."""
        return self._thread.run(self._prefill, slot, prompt)

    def _prefill(self, slot: int, prompt: Prompt) -> Array:
        logits = self._prefills[self._shapes.rows_for(prompt.rows)].run(prompt)
        self._copier.copy(self._entrance, slot)
        return logits

    def launch(self, states: Sequence[SlotState], noise: Array, meanwhile: Callable[[], None]) -> DrawnSteps:
        """Take steps with their draws; see `engine.Engine.launch`."""
        return self._thread.run(self._steps[len(states)].run, states, noise, meanwhile)

    def move(self, source: int, target: int, num_rows: int) -> None:
        """Copy a slot to another."""
        self._thread.run(self._copier.copy, source, target)

    def rest(self) -> None:
        """Keep all: captured graphs know where it lies."""


def _prepare(what: str, piece: Callable[[], Piece], capture: bool) -> Piece:
    """Open a shape and run it until it is captured.

    Raises:
        RuntimeError: it cannot be captured; a server that met it later would keep its listeners waiting.
    """
    try:
        opened = piece()
        opened.warm_up()
    except Exception as refusal:
        if not capture:
            raise
        raise RuntimeError(
            f"t2s: {what} cannot be captured as a CUDA graph: {refusal}; need that for every shape of `spans` and "
            f"`prefill_rows`; set cuda_graph=False for t2s in build/gsv_build/deployment.py to serve without, slower"
        ) from refusal
    return opened

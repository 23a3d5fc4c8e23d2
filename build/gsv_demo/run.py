"""What all stages of the training share: optimiser, schedule, scalars, and a checkpoint to go on from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from gsv_demo.recipe import Stage

LOG = logging.getLogger(__name__)
T = TypeVar("T", bound="Movable | dict[str, Tensor]")
_GRADIENT_NORM = 2.0
_SAVE_EVERY_S = 600.0
_SCALARS_EVERY = 20


class Movable(Protocol):
    """A batch that is not a dictionary."""

    def to(self, device: str) -> Movable:
        """The same on a device."""


class Run:
    """One stage under way.

    Args:
        name: of the stage; its checkpoint is `<folder>/<name>.pt`, its scalars go to `<folder>/log/<name>`.
        stage: how long and how hard.
        modules: what is trained, by name.
        folder: where everything is kept.
        kept: modules saved along but not trained by this run's optimiser.
    """

    def __init__(
        self,
        name: str,
        stage: Stage,
        modules: Mapping[str, nn.Module],
        folder: Path,
        kept: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.name, self.stage, self.folder = name, stage, folder
        self.modules = dict(modules)
        self.kept = dict(kept or {})
        self.step = 0
        self.seconds = 0.0  # trained, over all sittings
        self.means: dict[str, float] = {}
        self._saved_at = self._ticked_at = time.monotonic()
        self._writer: object | None = None
        parameters = [p for module in self.modules.values() for p in module.parameters() if p.requires_grad]
        self.parameters = parameters
        self.optimizer = torch.optim.AdamW(parameters, stage.learning_rate, betas=(0.8, 0.98), weight_decay=1e-3)
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    @property
    def checkpoint(self) -> Path:
        """File that this run writes and resumes from."""
        return self.folder / f"{self.name}.pt"

    @property
    def unfinished(self) -> bool:
        """Whether steps and, where they are limited, seconds are left."""
        return self.progress < 1.0

    @property
    def progress(self) -> float:
        """Share of the training that is done, by steps or by seconds, whichever is further."""
        by_time = self.seconds / self.stage.seconds if self.stage.seconds else 0.0
        return max(self.step / self.stage.steps, by_time)

    def advance(self, loss: Tensor, scalars: Mapping[str, Tensor | float]) -> None:
        """Take one optimiser step on a loss, and note scalars."""
        rate = self.stage.rate_at(self.step, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, _GRADIENT_NORM)
        if torch.isfinite(norm):
            self.optimizer.step()
        else:
            LOG.warning("step skipped stage=%s step=%d gradient_norm=%s", self.name, self.step, float(norm))
        self.step += 1
        now = time.monotonic()
        self.seconds, self._ticked_at = self.seconds + now - self._ticked_at, now
        self._note({**scalars, "loss": loss, "gradient_norm": norm, "learning_rate": rate})
        if time.monotonic() - self._saved_at > _SAVE_EVERY_S or not self.unfinished:
            self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {name: module.state_dict() for name, module in {**self.modules, **self.kept}.items()}
        part = self.checkpoint.with_suffix(".part")
        whole = {"step": self.step, "seconds": self.seconds, "modules": state, "optimizer": self.optimizer.state_dict()}
        torch.save(whole, part)
        part.replace(self.checkpoint)
        self._saved_at = time.monotonic()

    def steps(self) -> Iterator[int]:
        """Numbers of the steps that are left, with a progress bar."""
        self._ticked_at = time.monotonic()
        with tqdm(desc=self.name, initial=self.step, total=self.stage.steps, mininterval=5) as bar:
            while self.unfinished:
                yield self.step
                bar.update()

    def sound(self, name: str, waveform: Tensor, rate_hz: int) -> None:
        """Log [N] samples to listen to."""
        self._board().add_audio(name, waveform.detach().float()[None], self.step, rate_hz)  # type: ignore[attr-defined]

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        for name, module in {**self.modules, **self.kept}.items():
            if name in state["modules"]:  # shipped weights have none of what only training needs
                module.load_state_dict(state["modules"][name])
        if "optimizer" in state:  # not in checkpoints that were made from shipped weights
            self.optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])
        self.seconds = float(state.get("seconds", 0.0))
        LOG.info("resumed stage=%s step=%d", self.name, self.step)

    def _note(self, scalars: Mapping[str, Tensor | float]) -> None:
        tensors = [name for name, value in scalars.items() if isinstance(value, Tensor)]
        told = torch.stack([scalars[name].detach().float() for name in tensors]).tolist()  # type: ignore[union-attr]
        for name, number in {**scalars, **dict(zip(tensors, told, strict=True))}.items():
            self.means[name] = 0.95 * self.means.get(name, float(number)) + 0.05 * float(number)
        if self.step % _SCALARS_EVERY and self.unfinished:
            return
        for name, value in self.means.items():
            self._board().add_scalar(f"{self.name}/{name}", value, self.step)  # type: ignore[attr-defined]
        shown = " ".join(f"{name}={value:.4g}" for name, value in self.means.items())
        LOG.info("trained stage=%s step=%d %s", self.name, self.step, shown)

    def _board(self) -> object:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder / "log" / self.name), flush_secs=30)
        return self._writer


def ahead(steps: Iterator[int], draw: Callable[[], T], device: str) -> Iterator[T]:
    """A batch for each step, on the device; on a GPU the next is drawn while the GPU works on this one.

    Args:
        steps: of a `Run`.
        draw: makes a batch: a dictionary of tensors, or an object with `to`.
        device: "cpu" or "cuda".
    """
    if device == "cpu":
        for _ in steps:
            yield draw()
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(draw)
        for _ in steps:
            batch, waiting = waiting.result(), pool.submit(draw)
            yield moved(batch, device)


def moved(batch: T, device: str) -> T:
    """A batch on another device."""
    if isinstance(batch, dict):
        return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}  # type: ignore[return-value]
    return batch.to(device)  # type: ignore[return-value]


def load_modules(checkpoint: Path, modules: Mapping[str, nn.Module]) -> None:
    """Fill modules from a stage's checkpoint.

    Raises:
        FileNotFoundError: that stage has not been trained.
    """
    if not checkpoint.exists():
        raise FileNotFoundError(f"{checkpoint} not found; train that stage first")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["modules"]
    for name, module in modules.items():
        module.load_state_dict(state[name])

"""What all stages of the training share: optimiser, schedule, scalars, and a checkpoint to go on from."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from gsv_demo.batches import Batch
from gsv_demo.recipe import Stage
from gsv_demo.replay import Player

LOG = logging.getLogger(__name__)
Lesson = Callable[[Batch], tuple[Tensor, Mapping[str, Tensor]]]
_OWN_SCALARS = ("loss", "gradient_norm")
_GRADIENT_NORM = 2.0
_SAVE_EVERY_S = {"cpu": 600.0, "cuda": 60.0}  # a lent machine is gone when its time is up
_SCALARS_EVERY = 20


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
        self.optimizer, self._rate = optimizer_of(parameters, stage.learning_rate, weight_decay=1e-3)
        self._player = Player() if parameters and parameters[0].is_cuda else None
        self._names: dict[str, list[str]] = {}  # of the scalars of each kind of step
        self._untold: list[tuple[list[str], Tensor]] = []
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

    def advance(self, loss: Tensor, scalars: Mapping[str, Tensor]) -> None:
        """Take one optimiser step on a loss, and note scalars."""
        self._set_rate()
        self._count([*scalars, *_OWN_SCALARS], self._descend(loss, scalars))

    def learn(self, lesson: Lesson, batch: Batch, kind: str = "") -> None:
        """Take one optimiser step on what a lesson makes of a batch; on a GPU recorded once and played back.

        Args:
            lesson: gives a loss and scalars. Nothing in it may wait for the GPU, and what changes from step to step
                comes in the batch.
            batch: on the device.
            kind: what the lesson depends on beside the shapes of the batch, as "with the adversary".
        """
        self._set_rate()

        def step(batch: Batch) -> Tensor:
            loss, scalars = lesson(batch)
            self._names[kind] = [*scalars, *_OWN_SCALARS]
            return self._descend(loss, scalars)

        told = self._player.take(kind, step, batch) if self._player else step(batch)
        self._count(self._names[kind], told)

    def _set_rate(self) -> None:
        self._rate.fill_(self.stage.rate_at(self.step, self.progress))

    def _descend(self, loss: Tensor, scalars: Mapping[str, Tensor]) -> Tensor:
        """One optimiser step, left out where a gradient is not finite; scalars, loss and norm as one tensor."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, _GRADIENT_NORM)
        self.optimizer.found_inf = (~torch.isfinite(norm)).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        return torch.stack([tensor.detach().float() for tensor in (*scalars.values(), loss, norm)])

    def _count(self, names: list[str], told: Tensor) -> None:
        """Count a step, and save in time."""
        self.step += 1
        now = time.monotonic()
        self.seconds, self._ticked_at = self.seconds + now - self._ticked_at, now
        self._untold.append((names, told))
        if self.step % _SCALARS_EVERY == 0 or not self.unfinished:  # a GPU is waited for here only
            self._note()
        if now - self._saved_at > _SAVE_EVERY_S[self._rate.device.type] or not self.unfinished:
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
            resume_optimizer(self.optimizer, state["optimizer"])
        self.step = int(state["step"])
        self.seconds = float(state.get("seconds", 0.0))
        LOG.info("resumed stage=%s step=%d", self.name, self.step)

    def _note(self) -> None:
        """Write down the scalars' running means."""
        for names, told in self._untold:
            for name, number in zip(names, told.tolist(), strict=True):
                if math.isfinite(number):
                    self.means[name] = 0.95 * self.means.get(name, number) + 0.05 * number
                else:
                    LOG.warning("not finite stage=%s near step=%d %s=%s", self.name, self.step, name, number)
        self._untold.clear()
        for name, value in self.means.items():
            self._board().add_scalar(f"{self.name}/{name}", value, self.step)  # type: ignore[attr-defined]
        shown = " ".join(f"{name}={value:.4g}" for name, value in self.means.items())
        rate = float(self._rate)
        LOG.info("trained stage=%s step=%d %s learning_rate=%.3g", self.name, self.step, shown, rate)

    def _board(self) -> object:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder / "log" / self.name), flush_secs=30)
        return self._writer


def half_products(device: str, enabled: bool = True) -> torch.autocast:
    """Let products inside run in bfloat16, where that is faster: on a GPU, and on a CPU that can.

    A CPU that cannot, as one with AVX2 alone, imitates it eleven times slower than it computes in float32.
    """
    able = device != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return torch.autocast(device, dtype=torch.bfloat16, enabled=enabled and able)


def optimizer_of(
    parameters: Sequence[nn.Parameter], learning_rate: float, weight_decay: float = 1e-2
) -> tuple[torch.optim.AdamW, Tensor]:
    """AdamW whose steps can be recorded, and its learning rate as a tensor that can be filled."""
    device = parameters[0].device
    rate = torch.tensor(learning_rate, device=device)
    recorded = device.type == "cuda"
    optimizer = torch.optim.AdamW(
        parameters, rate, betas=(0.8, 0.98), weight_decay=weight_decay, fused=True, capturable=recorded
    )
    return optimizer, rate


def resume_optimizer(optimizer: torch.optim.AdamW, state: dict[str, Any]) -> None:
    """Go on from a saved state, also one of another device: how steps are taken stays as it was made."""
    kept = [{name: group[name] for name in ("lr", "fused", "capturable")} for group in optimizer.param_groups]
    for group, here in zip(state["param_groups"], kept, strict=True):
        group.update(here)
    optimizer.load_state_dict(state)
    for group, here in zip(optimizer.param_groups, kept, strict=True):
        group.update(here)  # the very tensor of the learning rate, not a copy


def load_modules(checkpoint: Path, modules: Mapping[str, nn.Module], missing_ok: bool = False) -> None:
    """Fill modules from a stage's checkpoint.

    Args:
        checkpoint: of the stage.
        modules: by the names that it saved them under.
        missing_ok: leave a module as it is where the checkpoint has none of its name.

    Raises:
        FileNotFoundError: that stage has not been trained.
    """
    if not checkpoint.exists():
        raise FileNotFoundError(f"{checkpoint} not found; train that stage first")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["modules"]
    for name, module in modules.items():
        if name in state or not missing_ok:
            module.load_state_dict(state[name])

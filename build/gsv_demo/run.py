"""What all stages of the training share: optimiser, schedule, scalars, and a checkpoint to go on from."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from gsv_demo.recipe import Stage

LOG = logging.getLogger(__name__)
_GRADIENT_NORM = 2.0
_SAVE_EVERY_S = 90.0
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
        self.means: dict[str, float] = {}
        self._saved_at = time.monotonic()
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
        """Whether steps are left."""
        return self.step < self.stage.steps

    def advance(self, loss: Tensor, scalars: Mapping[str, Tensor | float]) -> None:
        """Take one optimiser step on a loss, and note scalars."""
        rate = self.stage.rate_at(self.step)
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
        self._note({**scalars, "loss": loss, "gradient_norm": norm, "learning_rate": rate})
        if time.monotonic() - self._saved_at > _SAVE_EVERY_S or not self.unfinished:
            self.save()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {name: module.state_dict() for name, module in {**self.modules, **self.kept}.items()}
        part = self.checkpoint.with_suffix(".part")
        torch.save({"step": self.step, "modules": state, "optimizer": self.optimizer.state_dict()}, part)
        part.replace(self.checkpoint)
        self._saved_at = time.monotonic()

    def steps(self) -> range | tqdm[int]:
        """Steps that are left, with a progress bar."""
        return tqdm(range(self.step, self.stage.steps), desc=self.name, initial=self.step, total=self.stage.steps)

    def sound(self, name: str, waveform: Tensor, rate_hz: int) -> None:
        """Log [N] samples to listen to."""
        self._board().add_audio(name, waveform.detach().float()[None], self.step, rate_hz)  # type: ignore[attr-defined]

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True)
        for name, module in {**self.modules, **self.kept}.items():
            module.load_state_dict(state["modules"][name])
        if "optimizer" in state:  # not in checkpoints that were made from shipped weights
            self.optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])
        LOG.info("resumed stage=%s step=%d", self.name, self.step)

    def _note(self, scalars: Mapping[str, Tensor | float]) -> None:
        for name, value in scalars.items():
            number = float(value.detach() if isinstance(value, Tensor) else value)
            self.means[name] = 0.95 * self.means.get(name, number) + 0.05 * number
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


def load_modules(checkpoint: Path, modules: Mapping[str, nn.Module]) -> None:
    """Fill modules from a stage's checkpoint.

    Raises:
        FileNotFoundError: that stage has not been trained.
    """
    if not checkpoint.exists():
        raise FileNotFoundError(f"{checkpoint} not found; train that stage first")
    state = torch.load(checkpoint, weights_only=True)["modules"]
    for name, module in modules.items():
        module.load_state_dict(state[name])

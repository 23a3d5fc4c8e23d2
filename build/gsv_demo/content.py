"""Content encoder and codes: HuBERT's architecture, small, and the quantizer that names 1024 kinds of 40 ms.

Trained on what flite says it spoke, phone by phone, so frames are labelled directly; connectionist temporal
classification (Graves et al. 2006) over the same phones runs along and keeps the features useful where borders are
vague. Heads that read the projected features also want relative pitch and spectral shape, both relative to the voice:
the codes then carry content and melody, and little of who speaks. From two thirds of the steps on the heads read the
code instead of the features (straight-through, codes follow by moving averages; van den Oord et al. 2017).
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.hubert import Hubert
from gsv_build.modules.quantizer import Quantizer
from gsv_build.sizes import HubertSizes, SovitsSizes
from gsv_demo.arrays import Array
from gsv_demo.corpus import Corpus
from gsv_demo.labels import BANDS, HOP, PHONES, UNLABELLED, Labels, frame_phones
from gsv_demo.recipe import Recipe
from gsv_demo.run import Run
from gsv_demo.speech import SAMPLE_RATE_HZ

CLIP_TOKENS = 60
_FRAME_HOP = 320
_DECAY = 0.97
_SURPLUS_SAMPLES = 80  # HuBERT's convolutions read 400 samples for the last frame's 320


class Listener(nn.Module):
    """Encoder, quantizer, and the heads that training needs."""

    cluster_size: Tensor
    cluster_sum: Tensor

    def __init__(self, hubert: HubertSizes, sovits: SovitsSizes) -> None:
        super().__init__()
        self.hubert = Hubert(hubert)
        self.quantizer = Quantizer(sovits)
        self.frame_head = nn.Linear(hubert.hidden, len(PHONES) + 1)  # the last is CTC's blank
        self.token_head = nn.Linear(sovits.ssl_dim, 2 * len(PHONES) + BANDS + 2)
        self.register_buffer("cluster_size", torch.ones(sovits.codebook))
        self.register_buffer("cluster_sum", torch.zeros(sovits.codebook, sovits.ssl_dim))

    def features(self, audio_16k: Tensor) -> tuple[Tensor, Tensor]:
        """SSL features [B, F, ssl_dim] and their projection [B, T, ssl_dim] of [B, N] at 16 kHz."""
        ssl = self.hubert(audio_16k)
        return ssl.transpose(1, 2), self.quantizer.projection(ssl).transpose(1, 2)

    def quantize(self, projected: Tensor, learn: bool) -> tuple[Tensor, Tensor]:
        """Replace [B, T, ssl_dim] by codes, gradients passing straight through.

        Returns:
            codes [B, T, ssl_dim] and the commitment loss.
        """
        flat = projected.detach().flatten(0, 1).float()
        index = self.quantizer.nearest(flat.T[None])[0]
        if learn:
            self._follow(flat, index)
        codes = self.quantizer.codebook[index].view_as(projected)
        commitment = functional.mse_loss(projected, codes)
        return projected + (codes - projected).detach(), commitment

    @torch.no_grad()
    def _follow(self, flat: Tensor, index: Tensor) -> None:
        """Move every code towards the mean of what chose it; a code that nothing chooses moves to a random vector."""
        num_codes = len(self.cluster_size)
        counts = torch.bincount(index, minlength=num_codes).float()
        sums = torch.zeros_like(self.cluster_sum).index_add_(0, index, flat)
        self.cluster_size.mul_(_DECAY).add_(counts, alpha=1.0 - _DECAY)
        self.cluster_sum.mul_(_DECAY).add_(sums, alpha=1.0 - _DECAY)
        unused = self.cluster_size < 0.02
        if unused.any():
            chosen = flat[torch.randint(len(flat), (int(unused.sum()),), device=flat.device)]
            self.cluster_size[unused] = 0.2
            self.cluster_sum[unused] = 0.2 * chosen
        self.quantizer.codebook.copy_(self.cluster_sum / self.cluster_size[:, None])

    @torch.no_grad()
    def start_codes(self, projected: Tensor, rounds: int = 12) -> None:
        """Place the codes by k-means over [N, ssl_dim], N at least the number of codes."""
        num_codes = len(self.cluster_size)
        codes = projected[torch.randperm(len(projected))[:num_codes]].clone()
        for _ in range(rounds):
            self.quantizer.codebook.copy_(codes)
            index = self.quantizer.nearest(projected.T[None])[0]
            counts = torch.bincount(index, minlength=num_codes).float()
            sums = torch.zeros_like(codes).index_add_(0, index, projected)
            filled = counts > 0
            codes[filled] = sums[filled] / counts[filled, None]
            codes[~filled] = projected[torch.randint(len(projected), (int((~filled).sum()),))]
        share = counts / counts.sum() * 1000.0
        self.cluster_size.copy_(share.clamp(min=0.05))
        self.cluster_sum.copy_(codes * self.cluster_size[:, None])
        self.quantizer.codebook.copy_(codes)


class Clips:
    """Random clips with their labels."""

    def __init__(self, corpus: Corpus, labels: Labels, seed: int) -> None:
        self.corpus, self.labels = corpus, labels
        self.rng = random.Random(seed)
        self.indices = [index for index, item in enumerate(corpus.items) if item.flite_phones]

    def draw(self, count: int) -> dict[str, Tensor]:
        """A batch: audio [B, N], frames [B, 2 T], pitch, voiced [B, T], shape [B, T, 20], weight [B, T]."""
        rows = [self._clip(self.rng.choice(self.indices)) for _ in range(count)]
        return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}

    def _clip(self, index: int) -> dict[str, Array]:
        item = self.corpus.items[index]
        tokens = int(self.labels.starts[index + 1] - self.labels.starts[index])
        first = self.rng.randint(-2, max(0, tokens - CLIP_TOKENS) + 12)
        audio = np.zeros(CLIP_TOKENS * HOP + _SURPLUS_SAMPLES, np.float32)
        begin, end = max(0, first * HOP), min(item.samples, first * HOP + len(audio))
        audio[begin - first * HOP : end - first * HOP] = (
            self.corpus.audio[item.start + begin : item.start + end] / 32768.0
        )
        if self.rng.random() < 0.5:
            level = 10 ** self.rng.uniform(-4.5, -2.0)
            audio += (
                np.random.default_rng(self.rng.getrandbits(32)).standard_normal(len(audio)).astype(np.float32) * level
            )
        audio *= 10 ** self.rng.uniform(-0.4, 0.2)
        times_s = (np.arange(2 * CLIP_TOKENS) + 0.5) * _FRAME_HOP / SAMPLE_RATE_HZ + first * HOP / SAMPLE_RATE_HZ
        here = np.arange(first, first + CLIP_TOKENS)
        inside = (here >= 0) & (here < tokens)
        where = self.labels.starts[index] + np.clip(here, 0, tokens - 1)
        weight = inside.astype(np.float32)
        return {
            "audio": audio,
            "frames": frame_phones(item, times_s),
            "pitch": self.labels.pitch[where] * weight,
            "voiced": self.labels.voiced[where] * weight,
            "shape": self.labels.shape[where],
            "weight": weight,
        }


def content_loss(listener: Listener, batch: dict[str, Tensor], quantized: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """All losses of the content encoder on one batch, and each by name."""
    ssl, projected = listener.features(batch["audio"])
    projected = projected.float()
    commitment = projected.new_zeros(())
    if quantized:
        projected, commitment = listener.quantize(projected, learn=True)
    frame_logits = listener.frame_head(ssl).float()
    heard = listener.token_head(projected).float()
    num_phones = len(PHONES)
    phone_logits = heard[..., : 2 * num_phones].reshape(heard.shape[0], -1, num_phones)
    frames = batch["frames"]
    weight = batch["weight"]
    parts = {
        "frame": functional.cross_entropy(
            frame_logits[..., :-1].flatten(0, 1), frames.flatten(), ignore_index=UNLABELLED
        ),
        "token": functional.cross_entropy(phone_logits.flatten(0, 1), frames.flatten(), ignore_index=UNLABELLED),
        "ctc": _ctc(frame_logits, frames),
        "pitch": ((heard[..., -2] - batch["pitch"]).square() * batch["voiced"]).sum()
        / batch["voiced"].sum().clamp(min=1),
        "voiced": functional.binary_cross_entropy_with_logits(heard[..., -1], batch["voiced"]),
        "shape": ((heard[..., 2 * num_phones : -2] - batch["shape"]).abs().mean(dim=2) * weight).sum() / weight.sum(),
        "commitment": commitment,
    }
    weights = {"frame": 0.5, "token": 1.0, "ctc": 0.02, "pitch": 0.4, "voiced": 0.3, "shape": 1.0, "commitment": 0.25}
    with torch.no_grad():
        right = (phone_logits.argmax(dim=2) == frames)[frames != UNLABELLED].float().mean()
    return sum(weights[name] * part for name, part in parts.items()), {**parts, "accuracy": right}


def _ctc(frame_logits: Tensor, frames: Tensor) -> Tensor:
    """CTC of the phones that are heard in each clip, runs of equal frames counting once."""
    logs = frame_logits.log_softmax(dim=2).transpose(0, 1)
    rows = [torch.unique_consecutive(row[row >= 0]) for row in frames]
    lengths = torch.tensor([len(row) for row in rows])
    full = torch.full((len(rows),), logs.shape[0])
    blank = logs.shape[2] - 1
    return functional.ctc_loss(logs, torch.cat(rows), full, lengths, blank=blank, zero_infinity=True)


def train_content(corpus: Corpus, labels: Labels, recipe: Recipe, folder: Path, device: str) -> Run:
    """Train encoder and codes.

    Args:
        corpus: what is spoken.
        labels: of the same corpus.
        recipe: its `content` stage.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    listener = Listener(recipe.hubert, recipe.sovits).to(device)
    run = Run("content", recipe.content, {"listener": listener}, folder)
    clips = Clips(corpus, labels, recipe.seed + run.step)
    from_step = recipe.content.steps * 2 // 3
    for _ in run.steps():
        if run.step == from_step:
            listener.start_codes(_projections(listener, clips, recipe, device))
        batch = {name: value.to(device) for name, value in clips.draw(recipe.content.batch).items()}
        with torch.autocast(device, dtype=torch.bfloat16):
            loss, parts = content_loss(listener, batch, quantized=run.step >= from_step)
        run.advance(loss, {name: part.detach() for name, part in parts.items()})
    return run


@torch.no_grad()
def _projections(listener: Listener, clips: Clips, recipe: Recipe, device: str) -> Tensor:
    """Projected features [N, ssl_dim] of enough clips to place the codes among."""
    wanted = 8 * recipe.sovits.codebook
    found: list[Tensor] = []
    while sum(map(len, found)) < wanted:
        audio = clips.draw(recipe.content.batch)["audio"].to(device)
        found.append(listener.features(audio)[1].flatten(0, 1).float())
    return torch.cat(found)

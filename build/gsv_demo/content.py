"""Content encoder and codes: HuBERT's architecture, small, and the quantizer that names 1024 kinds of 40 ms.

Trained on what the teachers say that they spoke, phone by phone, so frames are labelled directly. Heads that read the
projected features also want relative pitch and spectral shape, both relative to the voice: the codes then carry content
and melody. From two thirds of the training on the heads read the code instead of the features (straight-through, codes
follow by moving averages; van den Oord et al. 2017).

Two things keep who speaks out of the codes: what is heard is played faster or slower (ContentVec, Qian et al. 2022,
perturbs formants and pitch; playing does both), and a head that guesses the voice from them is worked against
(gradient reversal, Ganin et al. 2016).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.hubert import Hubert
from gsv_build.modules.quantizer import Quantizer
from gsv_build.sizes import HubertSizes, SovitsSizes
from gsv_demo.arrays import Array
from gsv_demo.batches import Batch, ahead
from gsv_demo.corpus import Corpus, Item, drawn_voices
from gsv_demo.labels import BANDS, PHONES, UNLABELLED, Labels, first_token, frame_phones, num_tokens
from gsv_demo.recipe import Recipe
from gsv_demo.run import Run, half_products
from gsv_demo.spectra import halved
from gsv_runtime.contract import SAMPLES_PER_TOKEN, TOKENS_PER_SECOND

CLIP_TOKENS = 60
_FACTORS = (0.84, 1.19)  # how fast a clip is played
_REVERSAL = 0.05  # of the gradient of the head that guesses the voice
_DECAY = 0.97
_CODES_FROM = 2 / 3  # of the training
_SURPLUS_SAMPLES = 80  # HuBERT's convolutions read 400 samples for the last frame's 320
_VOICE_HIDDEN = 64
_WEIGHTS = {
    "frame": 0.5, "token": 1.0, "pitch": 1.0, "voiced": 0.3, "shape": 0.7, "commitment": 0.25, "voice": 1.0,
}  # fmt: skip


class Reversed(torch.autograd.Function):
    """Passes values on and turns gradients round."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Pass on."""
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Turn round."""
        return -_REVERSAL * gradient


class Listener(nn.Module):
    """Encoder, quantizer, and the heads that training needs."""

    cluster_size: Tensor
    cluster_sum: Tensor

    def __init__(self, hubert: HubertSizes, sovits: SovitsSizes) -> None:
        super().__init__()
        self.hubert = Hubert(hubert)
        self.quantizer = Quantizer(sovits)
        self.frame_head = nn.Linear(hubert.hidden, len(PHONES))
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
        counts = torch.zeros_like(self.cluster_size).index_add_(0, index, torch.ones_like(index, dtype=torch.float32))
        sums = torch.zeros_like(self.cluster_sum).index_add_(0, index, flat)
        self.cluster_size.mul_(_DECAY).add_(counts, alpha=1.0 - _DECAY)
        self.cluster_sum.mul_(_DECAY).add_(sums, alpha=1.0 - _DECAY)
        unused = self.cluster_size < 0.02
        chosen = flat[torch.randint(len(flat), (num_codes,), device=flat.device)]
        self.cluster_size.masked_fill_(unused, 0.2)
        self.cluster_sum.copy_(torch.where(unused[:, None], 0.2 * chosen, self.cluster_sum))
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
        self.voices = sorted({item.voice for item in corpus.items if item.phones})
        self.indices: dict[str, list[int]] = {voice: [] for voice in self.voices}
        for index, item in enumerate(corpus.items):
            if item.phones:
                self.indices[item.voice].append(index)

    def draw(self, count: int) -> dict[str, Tensor]:
        """A batch, played at one random speed.

        Returns:
            audio [B, N] at 32 kHz, frames [B, 2 T], pitch and voiced [B, T], shape [B, T, 20], weight [B, T] (0 beyond
            an utterance's ends), voice [B].
        """
        factor = math.exp(self.rng.uniform(math.log(_FACTORS[0]), math.log(_FACTORS[1])))
        counts = {voice: len(indices) for voice, indices in self.indices.items()}
        rows = [self._clip(voice, factor) for voice in drawn_voices(self.rng, counts, count)]
        batch = {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]}
        size = CLIP_TOKENS * SAMPLES_PER_TOKEN + 2 * _SURPLUS_SAMPLES
        played = functional.interpolate(batch["audio"][:, None], size=size, mode="linear")[:, 0]
        return {**batch, "audio": played}

    def _clip(self, voice: str, factor: float) -> dict[str, Array]:
        index = self.rng.choice(self.indices[voice])
        item = self.corpus.items[index]
        tokens = num_tokens(item)
        first = self.rng.randint(-2, max(0, tokens - CLIP_TOKENS) + 12)
        audio = self._audio(item, first, factor)
        times_s = (first + factor * (np.arange(2 * CLIP_TOKENS) + 0.5) / 2) / TOKENS_PER_SECOND
        here = first + np.floor(factor * (np.arange(CLIP_TOKENS) + 0.5)).astype(int)
        inside = (here >= 0) & (here < tokens)
        where = first_token(item) + np.clip(here, 0, tokens - 1)
        weight = inside.astype(np.float32)
        return {
            "audio": audio,
            "frames": frame_phones(item, times_s),
            "pitch": self.labels.pitch[where] * weight,
            "voiced": self.labels.voiced[where] * weight,
            "shape": self.labels.shape[where],
            "weight": weight,
            "voice": np.array(self.voices.index(voice)),
        }

    def _audio(self, item: Item, first: int, factor: float) -> Array:
        """Samples at 32 kHz from a token on, `factor` times a clip's length; half of them with noise, level random."""
        begin = first * SAMPLES_PER_TOKEN
        audio = np.zeros(round(factor * (CLIP_TOKENS * SAMPLES_PER_TOKEN + 2 * _SURPLUS_SAMPLES)), np.float32)
        low = max(0, begin)
        high = max(low, min(item.samples, begin + len(audio)))  # a short utterance may be over before the clip begins
        audio[low - begin : high - begin] = self.corpus.audio[item.start + low : item.start + high] / 32768.0
        if self.rng.random() < 0.5:
            noise = np.random.default_rng(self.rng.getrandbits(32)).standard_normal(len(audio), dtype=np.float32)
            audio += noise * np.float32(10 ** self.rng.uniform(-4.5, -2.0))
        return audio * np.float32(10 ** self.rng.uniform(-0.4, 0.2))


def content_loss(
    listener: Listener, voice_head: nn.Module, batch: dict[str, Tensor], quantized: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """All losses of the content encoder on one batch, and each by name."""
    ssl, projected = listener.features(halved(batch["audio"]))
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
        "frame": functional.cross_entropy(frame_logits.flatten(0, 1), frames.flatten(), ignore_index=UNLABELLED),
        "token": functional.cross_entropy(phone_logits.flatten(0, 1), frames.flatten(), ignore_index=UNLABELLED),
        "pitch": ((heard[..., -2] - batch["pitch"]).square() * batch["voiced"]).sum()
        / batch["voiced"].sum().clamp(min=1),
        "voiced": functional.binary_cross_entropy_with_logits(heard[..., -1], batch["voiced"]),
        "shape": ((heard[..., 2 * num_phones : -2] - batch["shape"]).abs().mean(dim=2) * weight).sum() / weight.sum(),
        "commitment": commitment,
        "voice": _voice_loss(voice_head, projected, batch),
    }
    with torch.no_grad():
        labelled = frames != UNLABELLED
        right = ((phone_logits.argmax(dim=2) == frames) & labelled).sum() / labelled.sum().clamp(min=1)
    return sum(_WEIGHTS[name] * part for name, part in parts.items()), {**parts, "accuracy": right}


def _voice_loss(voice_head: nn.Module, projected: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """How badly the voice is guessed from each token: what the head lowers and, turned round, the encoder raises."""
    guessed = voice_head(Reversed.apply(projected)).float()
    each = functional.cross_entropy(
        guessed.flatten(0, 1), batch["voice"][:, None].expand(guessed.shape[:2]).flatten(), reduction="none"
    )
    return (each * batch["weight"].flatten()).sum() / batch["weight"].sum()


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
    clips = Clips(corpus, labels, recipe.seed)
    voice_head = nn.Sequential(
        nn.Linear(recipe.sovits.ssl_dim, _VOICE_HIDDEN), nn.ReLU(), nn.Linear(_VOICE_HIDDEN, len(clips.voices))
    ).to(device)
    run = Run("content", recipe.content, {"listener": listener, "voice_head": voice_head}, folder)
    quantized = run.progress >= _CODES_FROM

    def lesson(batch: Batch, quantized: bool) -> tuple[Tensor, dict[str, Tensor]]:
        with half_products(device):
            return content_loss(listener, voice_head, batch, quantized)

    def drawing(seed: int) -> Callable[[], Batch]:
        drawn = Clips(corpus, labels, seed)
        return lambda: drawn.draw(recipe.content.batch)

    for batch in ahead(run.steps(), drawing, recipe.seed + run.step, device, recipe.drawers):
        if not quantized and run.progress >= _CODES_FROM:
            listener.start_codes(_projections(listener, clips, recipe, device))
            quantized = True
        run.learn(partial(lesson, quantized=quantized), batch, f"quantized={quantized}")
    if not quantized:
        listener.start_codes(_projections(listener, clips, recipe, device))
        run.save()
    return run


@torch.no_grad()
def _projections(listener: Listener, clips: Clips, recipe: Recipe, device: str) -> Tensor:
    """Projected features [N, ssl_dim] of enough clips to place the codes among."""
    wanted = 8 * recipe.sovits.codebook
    found: list[Tensor] = []
    while sum(map(len, found)) < wanted:
        audio = clips.draw(recipe.content.batch)["audio"].to(device)
        found.append(listener.features(halved(audio))[1].flatten(0, 1).float())
    return torch.cat(found)

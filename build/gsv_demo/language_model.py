"""s1: phones to codes, by the transformer of `gsv_build.modules.t2s`.

A sequence is one utterance, or two of the same voice: the first as the server sends a prompt (its codes made with
0.6 s of zeros appended), the second to be continued. Because flite tells when it spoke each phone, one attention head
of every layer but the first is taught to look at the phone being spoken (guided attention: Tachibana et al. 2018, but
with the true places instead of a diagonal); the others are left free.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gsv_build.modules.t2s import T2S, visible_keys
from gsv_demo.arrays import Array
from gsv_demo.batches import ahead
from gsv_demo.corpus import Corpus, drawn_voices
from gsv_demo.reading import Reading
from gsv_demo.recipe import Recipe
from gsv_demo.run import Run, half_products
from gsv_demo.tokens import Codes
from gsv_runtime.contract import TOKENS_PER_SECOND
from gsv_runtime.text.symbols import phone_table

_IGNORED = -100
_GUIDE_WEIGHT = 1.0
REPETITION_PENALTY = 1.35  # the server's default
_POOL = 8  # batches drawn together and sorted by length, so that little is padding
_ROWS = 170  # positions of a sequence of average length
_MARKS = ("!", "?", ",", ".")


@dataclass(frozen=True)
class Spoken:
    """One training sequence.

    Attributes:
        phones: [P] int64.
        tokens: [T] int64, without EOS.
        spoken: [T + 1] int64, index of the phone spoken by each token; the last is for EOS.
    """

    phones: Array
    tokens: Array
    spoken: Array

    @property
    def rows(self) -> int:
        """Positions in the transformer."""
        return len(self.phones) + len(self.tokens)


def spoken_phones(reading: Reading, num_tokens: int) -> Array:
    """Index [num_tokens] of the phone that is heard in the middle of each token."""
    middle_s = (np.arange(num_tokens) + 0.5) / TOKENS_PER_SECOND
    return np.minimum(np.searchsorted(reading.ends_s, middle_s), len(reading.phones) - 1)


class Sequences:
    """Draws batches of sequences."""

    def __init__(self, corpus: Corpus, readings: Sequence[Reading], codes: Sequence[Codes], seed: int) -> None:
        self.corpus, self.readings, self.codes = corpus, readings, codes
        self.rng = random.Random(seed)
        self.by_voice: dict[str, list[int]] = {}
        for index, item in enumerate(corpus.items):
            if len(readings[index].ends_s):
                self.by_voice.setdefault(item.voice, []).append(index)
        self.prompts = {
            voice: [index for index in indices if len(codes[index].reference)]
            for voice, indices in self.by_voice.items()
        }
        self.counts = {voice: len(indices) for voice, indices in self.by_voice.items()}
        table = phone_table("v2")
        self.marks = np.array([table[mark] for mark in _MARKS])
        self.comma = table[","]
        self._waiting: list[list[Spoken]] = []

    def _spoken(self, index: int, as_reference: bool) -> Spoken:
        reading = self.readings[index]
        tokens = self.codes[index].reference if as_reference else self.codes[index].spoken
        phones = reading.phones
        if not as_reference and phones[-1] in self.marks and self.rng.random() < 0.15:
            phones = np.append(phones[:-1], self.comma)  # the server cuts texts at commas: they end sentences too
        return Spoken(phones, tokens, spoken_phones(reading, len(tokens) + 1))

    def draw_one(self) -> Spoken:
        """An utterance, or two of one voice."""
        (voice,) = drawn_voices(self.rng, self.counts, 1)
        last = self._spoken(self.rng.choice(self.by_voice[voice]), as_reference=False)
        if self.rng.random() < 0.45:
            return last
        first = self._spoken(self.rng.choice(self.prompts[voice]), as_reference=True)
        return Spoken(
            np.concatenate([first.phones, last.phones]),
            np.concatenate([first.tokens, last.tokens]),
            np.concatenate([first.spoken[:-1], last.spoken + len(first.phones)]),
        )

    def batch(self, rows: int) -> list[Spoken]:
        """Sequences of like length with about `rows` positions in all, padding counted."""
        if not self._waiting:
            drawn = sorted((self.draw_one() for _ in range(_POOL * max(1, rows // _ROWS))), key=lambda one: one.rows)
            group: list[Spoken] = []
            for one in drawn:
                if group and one.rows * (len(group) + 1) > rows:
                    self._waiting.append(group)
                    group = []
                group.append(one)
            self._waiting.append(group)
            self.rng.shuffle(self._waiting)
        return self._waiting.pop()


def pack(sequences: Sequence[Spoken], eos: int) -> dict[str, Tensor]:
    """Right-padded tensors: phones and phone_lengths, tokens and token_lengths, targets and spoken [B, T + 1]."""

    def padded(rows: list[Array], fill: int) -> Tensor:
        width = max(map(len, rows))
        return torch.from_numpy(np.stack([np.pad(row, (0, width - len(row)), constant_values=fill) for row in rows]))

    return {
        "phones": padded([one.phones for one in sequences], 0),
        "phone_lengths": torch.tensor([len(one.phones) for one in sequences]),
        "tokens": padded([one.tokens for one in sequences], 0),
        "token_lengths": torch.tensor([len(one.tokens) for one in sequences]),
        "targets": padded([np.append(one.tokens, eos) for one in sequences], _IGNORED),
        "spoken": padded([one.spoken for one in sequences], _IGNORED),
    }


def guided_forward(model: T2S, batch: dict[str, Tensor], dropout: float = 0.0) -> tuple[Tensor, Tensor]:
    """`T2S.forward` without contextual features, and how far the guided heads look from the phone being spoken.

    Args:
        model: with its parameters.
        batch: of `pack`.
        dropout: share of the channels left out after the embedding and after every layer.

    Returns:
        [B, T + 1, V] logits and the guides' cross-entropy.
    """
    phones, phone_lengths, tokens = batch["phones"], batch["phone_lengths"], batch["tokens"]
    lengths = phone_lengths + batch["token_lengths"]
    rows = phones.shape[1] + tokens.shape[1]
    index = torch.arange(rows, device=phones.device)
    token_index = (index[None, :] - phone_lengths[:, None]).clamp(min=0)
    packed_tokens = F.pad(tokens, (0, phones.shape[1])).gather(1, token_index)
    bert = torch.zeros(len(phones), rows, model.sizes.bert_dim, device=phones.device)
    x = model.embed_packed(F.pad(phones, (0, tokens.shape[1])), packed_tokens, bert, phone_lengths)
    x = F.dropout(x, dropout)
    visible = visible_keys(phone_lengths, lengths, rows)
    scored = torch.arange(-1, tokens.shape[1], device=phones.device)[None, :] + phone_lengths[:, None]
    guide = x.new_zeros(())
    for number, layer in enumerate(model.typed_layers):
        query, key, value = layer.project(x)
        if number:
            looking = query[:, 0].gather(1, scored[..., None].expand(-1, -1, query.shape[-1]))
            scores = (looking @ key[:, 0].transpose(1, 2)).float() / math.sqrt(query.shape[-1])
            seen = visible.gather(1, scored[..., None].expand(-1, -1, rows))
            scores = scores.masked_fill(~seen, -1e4)
            guide = guide + F.cross_entropy(scores.flatten(0, 1), batch["spoken"].flatten(), ignore_index=_IGNORED)
        x = layer.finish(x, F.scaled_dot_product_attention(query, key, value, attn_mask=visible[:, None]))
        x = F.dropout(x, dropout)
    logits = model.head(x.gather(1, scored[..., None].expand(-1, -1, x.shape[-1])))
    return logits, guide / (len(model.typed_layers) - 1)


def corrupted(batch: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """The batch with some of the tokens that the model reads replaced by others of the same batch.

    What it draws itself is never quite what it was taught: a model that has seen wrong tokens finds its way back.

    Args:
        batch: of `pack`; targets stay as they are.
        share: of the tokens.
    """
    if not share:
        return batch
    tokens = batch["tokens"]
    others = tokens.flatten()[torch.randperm(tokens.numel(), device=tokens.device)].view_as(tokens)
    return {**batch, "tokens": torch.where(torch.rand(tokens.shape, device=tokens.device) < share, others, tokens)}


def penalised(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logits as the sampler sees them, with its default repetition penalty.

    The server always lowers what was said before; a model that has learnt under the penalty makes up for it.

    Args:
        logits: [B, T + 1, V].
        tokens: [B, T], what row t + 1 has behind it.

    Returns:
        [B, T + 1, V].
    """
    said = F.one_hot(F.pad(tokens, (1, 0)), logits.shape[2])
    said[:, 0] = 0
    said = said.cumsum(dim=1) > 0
    return torch.where(said, torch.where(logits < 0, logits * REPETITION_PENALTY, logits / REPETITION_PENALTY), logits)


def train_language_model(
    corpus: Corpus, readings: Sequence[Reading], codes: Sequence[Codes], recipe: Recipe, folder: Path, device: str
) -> Run:
    """Train s1.

    Args:
        corpus: what is spoken.
        readings: its phones, item by item.
        codes: its codes, item by item.
        recipe: its `language_model` stage; there `batch` counts sequences of average length.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    model = T2S(recipe.t2s).to(device)
    torch.nn.init.zeros_(model.bert_projection.weight)  # English has no contextual features to learn from
    run = Run("language_model", recipe.language_model, {"t2s": model}, folder)
    eos = recipe.t2s.vocabulary - 1
    rows = _ROWS * recipe.language_model.batch

    def drawing(seed: int) -> Callable[[], dict[str, Tensor]]:
        sequences = Sequences(corpus, readings, codes, seed)
        return lambda: pack(sequences.batch(rows), eos)

    for batch in ahead(run.steps(), drawing, recipe.seed + run.step, device, recipe.drawers):
        with half_products(device):
            logits, guide = guided_forward(model, corrupted(batch, recipe.wrong_tokens), recipe.t2s_dropout)
        targets = batch["targets"].flatten()
        logits = penalised(logits.float(), batch["tokens"])
        nll = F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=_IGNORED)
        with torch.no_grad():
            told = targets != _IGNORED
            right = ((logits.flatten(0, 1).argmax(dim=1) == targets) & told).sum() / told.sum().clamp(min=1)
        run.advance(nll + _GUIDE_WEIGHT * guide, {"token": nll, "guide": guide, "accuracy": right})
    return run

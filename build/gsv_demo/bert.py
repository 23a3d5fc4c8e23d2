"""A very small BERT over the characters of our Mandarin patterns, trained to guess masked ones.

It fills the place of Chinese RoBERTa, so that every stage of the server has a network of its own. English needs no
contextual features: they are zero by design of GPT-SoVITS.

Source: Devlin et al. 2019, "BERT", section 3.1 (masked language model; 15 % masked, always by [MASK]).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from gsv_build.modules.bert import Bert
from gsv_build.sizes import BertSizes
from gsv_demo.recipe import Recipe
from gsv_demo.run import Run
from gsv_demo.sentences import mandarin_texts

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_MASKED_SHARE = 0.15
_IGNORED = -100
_NUM_TEXTS = 2000


def vocabulary(recipe: Recipe) -> list[str]:
    """Special tokens, then every character of the Mandarin patterns."""
    return [*SPECIAL, *sorted(set("".join(mandarin_texts(_NUM_TEXTS, recipe.seed))))]


def sizes_of(recipe: Recipe) -> BertSizes:
    """The recipe's sizes with the vocabulary counted."""
    return dataclasses.replace(recipe.bert, vocabulary=len(vocabulary(recipe)))


def train_bert(recipe: Recipe, folder: Path, device: str) -> Run:
    """Train on masked characters.

    Args:
        recipe: its `masked_characters` stage.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    tokens = vocabulary(recipe)
    ids = {token: index for index, token in enumerate(tokens)}
    bert = Bert(sizes_of(recipe)).to(device)
    head = nn.Linear(recipe.bert.hidden, len(tokens)).to(device)
    run = Run("bert", recipe.masked_characters, {"bert": bert, "head": head}, folder)
    rows = [
        [ids["[CLS]"], *map(ids.__getitem__, text), ids["[SEP]"]] for text in mandarin_texts(_NUM_TEXTS, recipe.seed)
    ]
    chosen = torch.Generator().manual_seed(recipe.seed + run.step)
    for _ in run.steps():
        picked = torch.randint(len(rows), (recipe.masked_characters.batch,), generator=chosen).tolist()
        whole, lengths = _padded([rows[index] for index in picked])
        seen, targets = _masked(whole, ids["[MASK]"], chosen)
        logits = head(bert(seen.to(device), lengths.to(device)))
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.to(device).flatten(), ignore_index=_IGNORED)
        run.advance(loss, {})
    return run


def _padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    whole = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    return whole, torch.tensor([[len(row)] for row in rows])


def _masked(whole: Tensor, mask_id: int, chosen: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ids with some characters masked, and those characters; at least one in each batch."""
    hidden = (torch.rand(whole.shape, generator=chosen) < _MASKED_SHARE) & (whole >= len(SPECIAL))
    hidden[0, 1] = True
    return torch.where(hidden, mask_id, whole), torch.where(hidden, whole, _IGNORED)

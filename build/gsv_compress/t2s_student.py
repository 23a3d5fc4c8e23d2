"""A T2S with fewer layers, taught by the user's own; a pruned one (`t2s_pruning`) is healed by the same teaching.

Each student layer stands for a run of the teacher's and begins as the last of them, whose output it learns to give;
then the distributions of tokens are matched, too, as the server draws from them: with the repetition penalty, which
makes it matter how high logits are and not only how far apart.

Source: pocket-tts (Kyutai 2026) went from 24 to 6 layers by matching activations, not tokens; Jiao et al. 2020,
"TinyBERT", for the order: activations first, then logits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gsv_build.modules.t2s import T2S, TransformerLayer, visible_keys
from gsv_compress.lessons import HELD_OUT
from gsv_compress.teacher import Sentence
from gsv_demo.batches import Batch, ahead
from gsv_demo.language_model import penalised
from gsv_demo.recipe import Stage
from gsv_demo.run import Run, half_products
from gsv_runtime.tensors import Array

LOG = logging.getLogger("gsv.compress")
_LOGITS_FROM = 0.2  # share of the training
_LOGITS_WEIGHT = 1.0


def runs_of_layers(teacher_layers: int, student_layers: int) -> list[int]:
    """Index of the last teacher layer that each student layer stands for; runs are as even as can be.

    Raises:
        ValueError: there are no fewer than the teacher has, or none.
    """
    if not 0 < student_layers <= teacher_layers:
        raise ValueError(f"{student_layers} layers asked for, the voice has {teacher_layers}; ask for 1 to that many")
    ends = np.rint(np.linspace(0, teacher_layers, student_layers + 1)[1:]).astype(int)
    return [int(end) - 1 for end in ends]


def shorter(teacher: T2S, layers: int) -> tuple[T2S, list[int]]:
    """A T2S with `layers` layers of the teacher's, and which they are."""
    chosen = runs_of_layers(teacher.sizes.layers, layers)
    student = T2S(replace(teacher.sizes, layers=layers))
    state = {name: tensor for name, tensor in teacher.state_dict().items() if not name.startswith("layers.")}
    for index, source in enumerate(chosen):
        state |= {f"layers.{index}.{name}": each for name, each in teacher.layers[source].state_dict().items()}
    student.load_state_dict(state)
    return student, chosen


def pack(sentences: Sequence[Sentence]) -> Batch:
    """Right-padded sequences, prompt tokens and spoken tokens in one row; arguments of `T2S.forward`."""
    tokens = [np.concatenate([each.prompt_tokens, each.tokens]) for each in sentences]
    phones = [each.phones for each in sentences]

    def padded(rows: list[Array]) -> Tensor:
        width = max(row.shape[-1] for row in rows)
        pads = [[(0, 0)] * (row.ndim - 1) + [(0, width - row.shape[-1])] for row in rows]
        return torch.from_numpy(np.stack([np.pad(row, pad) for row, pad in zip(rows, pads, strict=True)]))

    return {
        "phones": padded(phones),
        "phone_lengths": torch.tensor([row.size for row in phones]),
        "bert_features": padded([each.bert_features for each in sentences]),
        "tokens": padded(tokens),
        "token_lengths": torch.tensor([row.size for row in tokens]),
        "prompt_lengths": torch.tensor([each.prompt_tokens.size for each in sentences]),
    }


def hidden_states(model: T2S, batch: Batch) -> tuple[list[Tensor], Tensor, Tensor]:
    """Run a packed batch, keeping what every layer gives.

    Returns:
        Outputs of the layers, each [B, L, hidden]; the mask of real rows [B, L]; logits [B, T + 1, V].
    """
    phones, phone_lengths, tokens = batch["phones"], batch["phone_lengths"], batch["tokens"]
    lengths, rows = phone_lengths + batch["token_lengths"], phones.shape[1] + tokens.shape[1]
    index = torch.arange(rows, device=phones.device)
    token_index = (index[None, :] - phone_lengths[:, None]).clamp(min=0)
    packed_tokens = F.pad(tokens, (0, phones.shape[1])).gather(1, token_index)
    features = F.pad(batch["bert_features"], (0, tokens.shape[1])).transpose(1, 2)
    x = model.embed_packed(F.pad(phones, (0, tokens.shape[1])), packed_tokens, features, phone_lengths)
    visible = visible_keys(phone_lengths, lengths, rows)[:, None]
    states = []
    for layer in model.typed_layers:
        x = _through(layer, x, visible)
        states.append(x)
    scored = torch.arange(-1, tokens.shape[1], device=phones.device)[None, :] + phone_lengths[:, None]
    logits = model.head(x.gather(1, scored[..., None].expand(-1, -1, x.shape[-1])))
    return states, index[None, :] < lengths[:, None], logits


def _through(layer: TransformerLayer, x: Tensor, visible: Tensor) -> Tensor:
    query, key, value = layer.project(x)
    return layer.finish(x, F.scaled_dot_product_attention(query, key, value, attn_mask=visible))


def spoken_rows(batch: Batch) -> Tensor:
    """Which rows of the logits the server would draw from, EOS's included: [B, T + 1] bool."""
    index = torch.arange(batch["tokens"].shape[1] + 1)[None, :]
    return (index >= batch["prompt_lengths"][:, None]) & (index <= batch["token_lengths"][:, None])


def batches_of(sentences: Sequence[Sentence], count: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Endless batches of `count` sentences of like length."""
    order = sorted(range(len(sentences)), key=lambda index: sentences[index].phones.size + sentences[index].tokens.size)
    groups = [order[start : start + count] for start in range(0, len(order), count)]
    while True:
        for group in rng.permutation(len(groups)):
            yield pack([sentences[index] for index in groups[group]])


def distance(teacher: T2S, student: T2S, batch: Batch, chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
    """How far the student is from the teacher.

    Args:
        teacher: not trained.
        student: trained.
        batch: a packed one.
        chosen: the teacher's layer whose output each student layer is to give.

    Returns:
        Mean squared difference of activations as a share of the teacher's variance, and the divergence of the
        distributions that tokens are drawn from, in nats; scalars.
    """
    with torch.no_grad():
        theirs, real, their_logits = hidden_states(teacher, batch)
    ours, _, our_logits = hidden_states(student, batch)
    parts = [
        (mine[real].float() - theirs[source][real].float()).square().mean() / theirs[source][real].float().var()
        for mine, source in zip(ours, chosen, strict=True)
    ]
    rows = spoken_rows(batch)
    mine, right = (
        penalised(each.float(), batch["tokens"])[rows].log_softmax(-1) for each in (our_logits, their_logits)
    )
    return torch.stack(parts).mean(), F.kl_div(mine, right, log_target=True, reduction="batchmean")


def teach(
    teacher: T2S, student: T2S, chosen: Sequence[int], sentences: Sequence[Sentence], stage: Stage, folder: Path,
    device: str,
) -> T2S:  # fmt: skip
    """Train the student, or go on where it stopped.

    Args:
        teacher: the user's T2S.
        student: as `shorter` or `t2s_pruning` made it.
        chosen: as `shorter` gave them.
        sentences: what the teacher said; the last eight are left out.
        stage: how long and how hard.
        folder: checkpoint and scalars.
        device: "cpu" or "cuda".
    """
    teacher, student = teacher.to(device).eval(), student.to(device).train()
    run = Run("t2s", stage, {"student": student}, folder)

    def drawing(seed: int) -> Callable[[], Batch]:
        drawn = batches_of(sentences[:-HELD_OUT] or sentences, stage.batch, np.random.default_rng(seed))
        return lambda: next(drawn)

    for batch in ahead(run.steps(), drawing, run.step, device):
        with half_products(device):
            activations, divergence = distance(teacher, student, batch, chosen)
        loss = activations
        if run.progress >= _LOGITS_FROM:
            loss = loss + _LOGITS_WEIGHT * divergence
        run.advance(loss, {"activations": activations, "divergence": divergence})
    return student.cpu().eval()


@torch.no_grad()
def agreement(teacher: T2S, student: T2S, sentences: Sequence[Sentence]) -> float:
    """Share of tokens for which both hold the same one likeliest, each told the teacher's tokens before it."""
    same = rows = 0
    for sentence in sentences:
        batch = pack([sentence])
        spoken = spoken_rows(batch)
        ours, theirs = (hidden_states(model, batch)[2][spoken].argmax(-1) for model in (student, teacher))
        same, rows = same + int((ours == theirs).sum()), rows + ours.numel()
    return same / rows

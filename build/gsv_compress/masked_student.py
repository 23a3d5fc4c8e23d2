"""`python -m gsv_compress.masked_student`: a student of T2S that says a whole sentence in a few passes.

A look, not a measure of `make compress`: decision 37 says what came of it. The network and the weights are the
teacher's, but every row sees all others, and EOS stands for a token that is not known yet. How long each phone lasts
says the table that the build has learned, at the prompt's pace; a row reads the phone that it speaks, too.

Source: Chang et al. 2022, "MaskGIT", for the schedule and for keeping what is surest; Borsos et al. 2023,
"SoundStorm", for speech tokens. Different on purpose: durations are given, so that the length need not be guessed.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from gsv_build import checkpoints
from gsv_build.modules.t2s import T2S
from gsv_build.weights import find_weights
from gsv_compress import lessons
from gsv_compress.report import judge
from gsv_compress.saying import NEW, OLD, say_both
from gsv_compress.t2s_student import pack
from gsv_compress.teacher import Sentence, Teacher
from gsv_demo import texts
from gsv_demo.batches import Batch, ahead
from gsv_demo.recipe import Stage
from gsv_demo.run import Run
from gsv_runtime import contract
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.service import read_phone_table
from gsv_runtime.tts.synthesis.alignment import PhoneTable, token_phones

LOG = logging.getLogger("gsv.compress")
_IGNORED = -100


def heard_phones(table: PhoneTable, phones: Array, num_target: int, prompt: Array, tokens: Array) -> Array:
    """The phone's index that each prompt and spoken token says, [R + T]; the target's are found among its own."""
    split = phones.size - num_target
    ways = [token_phones(table.of(phones[:split], prompt))] if prompt.size else []
    ways += [split + token_phones(table.of(phones[split:], tokens))] if tokens.size else []
    return np.concatenate(ways)


def planned_phones(table: PhoneTable, phones: Array, num_target: int, prompt_tokens: int) -> Array:
    """The phone's index that each token of the target is to say, [T], at the pace of the prompt."""
    assert table.durations is not None
    shares = np.exp(table.durations[np.where(phones < len(table.durations), phones, 0)])
    expected = shares @ np.arange(shares.shape[1]) / shares.sum(axis=1)
    split = phones.size - num_target
    pace = prompt_tokens / expected[:split].sum() if prompt_tokens and split else 1.0
    ends = np.rint(np.cumsum(pace * expected[split:])).astype(np.int64)
    ends[-1] = max(ends[-1], 1)
    return split + np.repeat(np.arange(num_target), np.diff(ends, prepend=0))


def scores(model: T2S, batch: Batch, tokens: Tensor) -> Tensor:
    """Score every token from all others.

    Args:
        model: the student.
        batch: of `pack`, with `spoken` [B, T], the phone's index of each token.
        tokens: [B, T] int64, EOS where one is not known.

    Returns:
        [B, T, V] logits.
    """
    phones, starts = batch["phones"], batch["phone_lengths"]
    width, rows = tokens.shape[1], phones.shape[1] + tokens.shape[1]
    index = torch.arange(rows)
    at = (index[None, :] - starts[:, None]).clamp(min=0).clamp(max=width - 1)
    features = F.pad(batch["bert_features"], (0, width)).transpose(1, 2)
    x = model.embed_packed(F.pad(phones, (0, width)), tokens.gather(1, at), features, starts)
    said = model.phone_embedding(phones.gather(1, batch["spoken"])).gather(1, at[..., None].expand(-1, -1, x.shape[-1]))
    x = x + said * (index[None, :] >= starts[:, None])[..., None]
    real = (index[None, :] < (starts + batch["token_lengths"])[:, None])[:, None, None]
    for layer in model.typed_layers:
        query, key, value = layer.project(x)
        x = layer.finish(x, F.scaled_dot_product_attention(query, key, value, attn_mask=real))
    own = (torch.arange(width)[None, :] + starts[:, None])[..., None]
    logits: Tensor = model.head(x.gather(1, own.expand(-1, -1, x.shape[-1])))
    return logits


def hidden(batch: Batch, share: Tensor) -> Tensor:
    """Which tokens of the target are not told, [B, T] bool; `share` [B, 1] of them on average."""
    at = torch.arange(batch["tokens"].shape[1])[None, :]
    is_target = (at >= batch["prompt_lengths"][:, None]) & (at < batch["token_lengths"][:, None])
    return is_target & (torch.rand(is_target.shape) < share)


def teach(student: T2S, table: PhoneTable, said: Sequence[Sentence], stage: Stage, folder: Path) -> T2S:
    """Train the student, or go on where it stopped; the last eight sentences are left out."""
    order = sorted(said[: -lessons.HELD_OUT] or said, key=lambda each: each.phones.size + each.tokens.size)
    spoken = [
        heard_phones(table, each.phones, each.num_target_phones, each.prompt_tokens, each.tokens) for each in order
    ]
    unknown, run = student.sizes.vocabulary - 1, Run("masked", stage, {"student": student.train()}, folder)

    def drawing(seed: int) -> Callable[[], Batch]:
        rng, count = np.random.default_rng(seed), min(stage.batch, len(order))

        def draw() -> Batch:
            first = int(rng.integers(len(order) - count + 1))
            return told(order[first : first + count], spoken[first : first + count])

        return draw

    for batch in ahead(run.steps(), drawing, run.step, "cpu"):
        masked = hidden(batch, torch.cos(0.5 * math.pi * torch.rand(len(batch["tokens"]), 1)).clamp(min=0.05))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = scores(student, batch, batch["tokens"].masked_fill(masked, unknown))
        target = batch["tokens"].masked_fill(~masked, _IGNORED).flatten()
        loss = F.cross_entropy(logits.float().flatten(0, 1), target, ignore_index=_IGNORED)
        right = (logits.argmax(-1) == batch["tokens"])[masked].float().mean()
        run.advance(loss, {"token": loss, "right": right})
    return student.eval()


def told(some: Sequence[Sentence], spoken: Sequence[Array]) -> Batch:
    """A packed batch that says which phone each token speaks."""
    batch = pack(some)
    width = batch["tokens"].shape[1]
    return {**batch, "spoken": torch.from_numpy(np.stack([np.pad(row, (0, width - row.size)) for row in spoken]))}


@torch.no_grad()
def filled(student: T2S, batch: Batch, passes: int, temperature: float, generator: torch.Generator) -> Tensor:
    """Say the target of one sequence, [T]; in each pass the surest are kept, as many as a half cosine says."""
    unknown, tokens = student.sizes.vocabulary - 1, batch["tokens"].clone()
    start = int(batch["prompt_lengths"][0])
    tokens[:, start:] = unknown
    count = tokens.shape[1] - start
    for number in range(passes):
        logits = scores(student, batch, tokens)[0, start:, :unknown] / temperature
        open_rows = tokens[0, start:] == unknown
        noise = -torch.log(-torch.log(torch.rand(logits.shape, generator=generator).clamp(1e-9, 1 - 1e-7)))
        drawn = (logits + noise).argmax(-1)
        sure = logits.log_softmax(-1).gather(1, drawn[:, None])[:, 0]
        later = int(count * math.cos(0.5 * math.pi * (number + 1) / passes))
        kept = sure.masked_fill(~open_rows, -torch.inf).topk(max(int(open_rows.sum()) - later, 0)).indices
        tokens[0, start + kept] = drawn[kept]
    return tokens[0, start:]


class MaskedStages:
    """The teacher's stages, but for T2S: the student says each sentence in one call."""

    def __init__(self, stages: Stages, student: T2S, table: PhoneTable, passes: int, temperature: float) -> None:
        self._stages, self._student, self._table = stages, student, table
        self._passes, self._temperature = passes, temperature

    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        if sequence is None:
            return self._stages.call(model, **inputs)
        if not sequence.start:
            return {}
        phones, num_target = np.asarray(inputs["phones"], dtype=np.int64), int(np.ravel(inputs["num_target_phones"])[0])
        prompt, none = np.asarray(inputs["prompt_tokens"], dtype=np.int64), np.zeros(0, dtype=np.int64)
        planned = planned_phones(self._table, phones, num_target, prompt.size)
        heard = heard_phones(self._table, phones, num_target, prompt, none) if prompt.size else none
        features = np.asarray(inputs["bert_features"], dtype=np.float32)
        silent = np.zeros(0, dtype=np.float32)
        sentence = Sentence(phones, num_target, features, prompt, np.zeros_like(planned), silent, silent, silent)
        generator = torch.Generator().manual_seed(int(np.ravel(inputs["seed"])[0]) % 2**31)
        batch = told([sentence], [np.concatenate([heard, planned])])
        tokens = filled(self._student, batch, self._passes, self._temperature, generator)
        return {"semantic_tokens": tokens.numpy(), "finish_reason": np.array([contract.EOS], dtype=np.object_)}

    def new_sequence_id(self) -> int:
        """As the stages inside."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """As the stages inside."""
        return self._stages.take_times_ms()


class _MaskedVoice:
    """Says as the teacher does, with the student's tokens."""

    def __init__(self, teacher: Teacher, stages: MaskedStages) -> None:
        self.stages, self.say = stages, teacher.say


def main(argv: Sequence[str] | None = None) -> int:
    """Teach, speak held-out texts by turns with the teacher, and let the judges hear both."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    top = argparse.ArgumentParser(prog="python -m gsv_compress.masked_student", description=__doc__)
    top.add_argument("--weights", type=Path, required=True, help="directory of the voice")
    top.add_argument("--work", type=Path, required=True, help="as of `make compress`: its lessons and teacher are used")
    top.add_argument("--references", type=Path, required=True, help="folder of clips with references.json")
    top.add_argument("--lessons", type=int, default=500, help="texts that the teacher says")
    top.add_argument("--minutes", type=float, default=25.0, help="of training, at most")
    top.add_argument("--passes", type=int, default=8)
    top.add_argument("--temperature", type=float, default=1.0)
    top.add_argument("--texts", type=int, default=100, help="held-out texts that both say")
    top.add_argument("--judges", type=Path, default=Path(".venv-judges"), help="environment of `make judges`")
    asked = top.parse_args(argv)
    torch.set_num_threads(1)
    teacher = Teacher(find_weights(asked.weights), asked.weights, asked.work / "teacher", 1)
    speakers = teacher.speakers(asked.references)
    lessons.make(teacher, speakers, "en", asked.lessons, asked.work / "lessons")
    table = read_phone_table(asked.work / "teacher" / "model_repository")
    if table is None or table.durations is None:
        LOG.error("the build has learned no durations of this voice's phones")
        return 1
    student = checkpoints.load_t2s(find_weights(asked.weights).t2s).module.requires_grad_(True)
    stage = Stage(100_000, 12, 5e-4, 200, final_share=0.05, seconds=60 * asked.minutes)
    student = teach(student, table, lessons.load(asked.work / "lessons"), stage, asked.work / "run")
    stages = MaskedStages(teacher.stages, student, table, asked.passes, asked.temperature)
    voices = {OLD: teacher, NEW: cast(Teacher, _MaskedVoice(teacher, stages))}
    said, folder = texts.held_out("en", asked.texts), asked.work / f"masked-{asked.passes}"
    times = say_both(voices, dict.fromkeys(voices, speakers), said, "en", folder, same_tokens=False)
    LOG.info("judged\n%s", judge(folder, asked.judges))
    sys.stdout.write(json.dumps({side: each.medians() for side, each in times.items()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

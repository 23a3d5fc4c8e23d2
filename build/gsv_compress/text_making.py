"""From BERT to its student, step by step: texts read, pieces, training, a folder, and what T2S makes of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gsv_build import checkpoints
from gsv_build.checkpoints import Checkpoint, CheckpointError
from gsv_build.checkpoints.text_students import save_text_student
from gsv_build.modules.bert import Bert
from gsv_build.modules.t2s import T2S
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import BertSizes
from gsv_build.weights import TEXT_STUDENT_DIRECTORY, WeightFiles
from gsv_compress import chinese_texts, t2s_student, text_lessons
from gsv_compress.teacher import Sentence, Speaker, Teacher
from gsv_compress.text_student import cosines, student_sizes, teach, train_pieces
from gsv_demo.recipe import Stage
from gsv_runtime import contract
from gsv_runtime.graphs.text_piece_stage import TextPieces
from gsv_runtime.model_files import PIECE_FILE, VOCABULARY_FILE
from gsv_runtime.stages import SequenceCall, Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.text.frontend import TextFrontend

_SPOKEN = 12  # held-out texts of which T2S makes tokens with the features of both
_SEED = 74_000


@dataclass(frozen=True)
class TextPlan:
    """What is read, and how long it is learnt.

    Attributes:
        own_texts: a file with a text a line; None: ours.
        count: texts to read.
        stage: of the training.
        work: lessons and checkpoints.
        device: "cpu" or "cuda".
    """

    own_texts: Path | None
    count: int
    stage: Stage
    work: Path
    device: str


@dataclass(frozen=True)
class TaughtText:
    """A student, and what it was taught with."""

    student: TextStudent
    pieces: TextPieces
    teacher: Checkpoint[BertSizes, Bert]
    cosines: Any  # [N], of held-out characters


def make_text_student(plan: TextPlan, files: WeightFiles, symbols: str, out: Path) -> TaughtText:
    """Teach a student and write it into the new weights directory.

    Args:
        plan: what is read.
        files: of the voice.
        symbols: its phone table.
        out: the new weights directory.

    Raises:
        CheckpointError: the voice has no BERT, or that cannot be read.
        ValueError: the texts cannot be read.
    """
    if files.bert is None:
        raise CheckpointError("this voice has no BERT to learn from; name the directory where it lies (BASE=dir)")
    held_out, learnt = chinese_texts.held_out_texts(plan.own_texts), _texts(plan)
    bert, vocabulary = checkpoints.load_bert(files.bert), checkpoints.load_vocabulary(files.bert)
    frontend = TextFrontend(symbols, {token: index for index, token in enumerate(vocabulary)})
    folders = plan.work / "text", plan.work / "text-held-out"
    bert.module.to(plan.device)
    for folder, texts in zip(folders, (learnt, held_out), strict=True):
        text_lessons.make(bert.module, frontend, vocabulary, texts, folder)
    bert.module.cpu()
    lessons, kept = (text_lessons.load(folder) for folder in folders)
    pieces = _pieces(plan.work, lessons, vocabulary)
    sizes = student_sizes(bert.sizes, pieces.count)
    torch.manual_seed(0)
    student = teach(TextStudent(sizes), lessons, pieces, plan.stage, plan.work / "run", plan.device)
    found = (plan.work / PIECE_FILE).read_text(encoding="utf-8")
    save_text_student(out / TEXT_STUDENT_DIRECTORY, student, found, vocabulary)
    return TaughtText(student, pieces, bert, cosines(student, kept, pieces))


def _texts(plan: TextPlan) -> list[str]:
    return chinese_texts.training_texts(plan.count, plan.own_texts)


def _pieces(work: Path, lessons: Sequence[text_lessons.TextLesson], vocabulary: Sequence[str]) -> TextPieces:
    """The pieces of the lessons, found once."""
    file = work / PIECE_FILE
    (work / VOCABULARY_FILE).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    if not file.exists():
        characters = [token if len(token) == 1 else "" for token in vocabulary]
        rows = ("".join(characters[index] for index in lesson.token_ids) for lesson in lessons)
        partial = file.with_suffix(".part")
        partial.write_text(train_pieces(rows, student_sizes(BertSizes()).pieces), encoding="utf-8")
        partial.replace(file)
    return TextPieces.open(work)


class StudentStages:
    """Stages whose `bert` is a student; everything else is as before."""

    def __init__(self, stages: Stages, student: TextStudent, pieces: TextPieces) -> None:
        self._stages, self._student, self._pieces = stages, student, pieces

    @torch.no_grad()
    def call(self, model: contract.Model, *, sequence: SequenceCall | None = None, **inputs: Any) -> Arrays:
        """Run one stage."""
        if model is not contract.BERT:
            return self._stages.call(model, sequence=sequence, **inputs)
        taken = self._pieces.inputs(np.asarray(inputs["bert_token_ids"]), np.asarray(inputs["character_lengths"]))
        features = self._student(**{name: torch.from_numpy(array) for name, array in taken.items()})
        return {"character_features": features.numpy()}

    def new_sequence_id(self) -> int:
        """As the stages inside."""
        return self._stages.new_sequence_id()

    def take_times_ms(self) -> dict[str, float]:
        """As the stages inside."""
        return self._stages.take_times_ms()


def spoken_alike(
    taught: TaughtText, voice: Teacher, speaker: Speaker, t2s: T2S, own_texts: Path | None
) -> Mapping[str, Any]:
    """Let T2S speak held-out texts with the features of teacher and student.

    Args:
        taught: the student.
        voice: the user's model.
        speaker: who is imitated.
        t2s: its T2S.
        own_texts: as in the plan.

    Returns:
        Share of tokens that are the likeliest with both, each told the same tokens before it; the same share where
        zeros stand in for the student's features, which tells how much T2S looks at any; sentences whose drawn tokens
        are all the same.
    """
    stages, same, drawn, total = StudentStages(voice.stages, taught.student, taught.pieces), [], 0, 0
    without = []
    held_out = chinese_texts.held_out_texts(own_texts)
    step = max(1, len(held_out) // _SPOKEN)
    for number, text in enumerate(held_out[::step][:_SPOKEN]):
        theirs = voice.say(text, "zh", speaker.voice, _SEED + number)
        ours = voice.say(text, "zh", speaker.voice, _SEED + number, stages)
        for one, other in zip(theirs, ours, strict=True):
            same.append(_likeliest_same(t2s, one, replace(one, bert_features=other.bert_features)))
            nothing = np.zeros_like(one.bert_features)
            without.append(_likeliest_same(t2s, one, replace(one, bert_features=nothing)))
            drawn, total = drawn + np.array_equal(one.tokens, other.tokens), total + 1
    return {
        "likeliest token the same": float(np.concatenate(same).mean()),
        "likeliest token the same without features": float(np.concatenate(without).mean()),
        "sentences whose drawn tokens are all the same": f"{drawn} of {total}",
    }


@torch.no_grad()
def _likeliest_same(t2s: T2S, one: Sentence, other: Sentence) -> Any:
    """For each token, whether it is the likeliest with both features; [T + 1] bool."""
    chosen = []
    for sentence in (one, other):
        batch = t2s_student.pack([sentence])
        chosen.append(t2s_student.hidden_states(t2s, batch)[2][t2s_student.spoken_rows(batch)].argmax(-1).numpy())
    return chosen[0] == chosen[1]

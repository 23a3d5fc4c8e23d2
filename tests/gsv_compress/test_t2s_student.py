"""A T2S with less in it: what is kept, that teaching brings it back to the teacher, and how agreement is counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gsv_build.modules.t2s import T2S
from gsv_compress import t2s_student
from gsv_compress.t2s_student import agreement, distance, hidden_states, pack, shorter, teach
from gsv_compress.teacher import Sentence
from gsv_demo.recipe import Stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # tensorboard's own


@pytest.mark.parametrize(
    ("teacher_layers", "student_layers", "ends"),
    [(24, 12, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23]), (24, 8, [2, 5, 8, 11, 14, 17, 20, 23]), (4, 3, [0, 2, 3])],
)
def test_each_layer_stands_for_a_run_as_even_as_can_be(
    teacher_layers: int, student_layers: int, ends: list[int]
) -> None:
    assert t2s_student.runs_of_layers(teacher_layers, student_layers) == ends


@pytest.mark.parametrize("layers", [0, 5])
def test_a_number_of_layers_that_the_voice_does_not_have_is_refused(teacher: T2S, layers: int) -> None:
    with pytest.raises(ValueError, match=f"{layers} layers asked for, the voice has 4"):
        shorter(teacher, layers)


def test_a_student_with_every_layer_is_the_teacher(teacher: T2S, sentences: list[Sentence]) -> None:
    student, chosen = shorter(teacher, 4)
    assert chosen == [0, 1, 2, 3]
    assert agreement(teacher, student, sentences[:3]) == 1.0
    with torch.no_grad():
        activations, divergence = distance(teacher, student, pack(sentences[:3]), chosen)
    assert float(activations) == 0.0
    assert float(divergence) == pytest.approx(0.0, abs=1e-6)


def test_a_packed_batch_gives_the_logits_of_the_module_itself(teacher: T2S, sentences: list[Sentence]) -> None:
    batch = pack(sentences[:3])
    own = teacher(*(batch[name] for name in ("phones", "phone_lengths", "bert_features", "tokens", "token_lengths")))
    torch.testing.assert_close(hidden_states(teacher, batch)[2], own)


def test_only_what_the_server_draws_is_compared(sentences: list[Sentence]) -> None:
    batch = pack(sentences[:2])
    rows = t2s_student.spoken_rows(batch)
    assert rows.sum(dim=1).tolist() == [each.tokens.size + 1 for each in sentences[:2]]
    assert not rows[:, :5].any()  # the prompt's


def test_how_high_logits_are_counts_since_the_repetition_penalty_divides_them(
    teacher: T2S, sentences: list[Sentence]
) -> None:
    student, chosen = shorter(teacher, 4)

    class Raised(torch.nn.Linear):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return super().forward(rows) + 3.0

    raised = Raised(student.sizes.hidden, student.sizes.vocabulary, bias=False)
    raised.load_state_dict(student.head.state_dict())
    student.head = raised
    with torch.no_grad():
        assert float(distance(teacher, student, pack(sentences[:3]), chosen)[1]) > 0.01


@pytest.mark.slow
def test_teaching_brings_a_shorter_one_nearer_and_goes_on_where_it_stopped(
    teacher: T2S, sentences: list[Sentence], tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    student, chosen = shorter(teacher, 2)
    batch = pack(sentences[:4])
    with torch.no_grad():
        before = [float(each) for each in distance(teacher, student, batch, chosen)]
    stage = Stage(steps=30, batch=4, learning_rate=3e-3, warmup=5)
    taught = teach(teacher, student, chosen, sentences, stage, tmp_path, "cpu")
    with torch.no_grad():
        after = [float(each) for each in distance(teacher, taught, batch, chosen)]
    assert after[0] < 0.7 * before[0]
    assert after[1] < 0.7 * before[1]
    again, _ = shorter(teacher, 2)
    again = teach(teacher, again, chosen, sentences, stage, tmp_path, "cpu")
    for name, tensor in taught.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor)

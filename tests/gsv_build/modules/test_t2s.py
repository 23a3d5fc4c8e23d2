"""The T2S module: its three entry points agree, and padding changes nothing."""

from __future__ import annotations

import pytest
import torch

from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes

TINY = T2SSizes(hidden=32, heads=4, layers=3, feed_forward=48, num_phones=20, vocabulary=33, bert_dim=12)


@pytest.fixture(scope="module")
def model() -> T2S:
    torch.manual_seed(0)
    model = T2S(TINY).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def sequence(num_phones: int, num_tokens: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    phones = torch.randint(0, TINY.num_phones, (1, num_phones), generator=generator)
    tokens = torch.randint(0, TINY.vocabulary - 1, (1, num_tokens), generator=generator)
    return phones, tokens, torch.randn((1, TINY.bert_dim, num_phones), generator=generator)


def teacher_forced(model: T2S, phones: torch.Tensor, tokens: torch.Tensor, bert: torch.Tensor) -> torch.Tensor:
    counts = torch.tensor([phones.shape[1]]), torch.tensor([tokens.shape[1]])
    return model(phones, counts[0], bert, tokens, counts[1])


@torch.no_grad()
def test_a_padded_batch_scores_as_its_sequences_do_alone(model: T2S) -> None:
    sequences = [sequence(7, 5, 1), sequence(3, 9, 2), sequence(5, 0, 3)]
    phones, tokens = torch.full((3, 7), 19), torch.full((3, 9), 31)
    bert = torch.full((3, TINY.bert_dim, 7), 4.0)
    for row, (p, t, b) in enumerate(sequences):
        phones[row, : p.shape[1]], tokens[row, : t.shape[1]], bert[row, :, : p.shape[1]] = p, t, b
    batch = model(phones, torch.tensor([7, 3, 5]), bert, tokens, torch.tensor([5, 9, 0]))
    for row, (p, t, b) in enumerate(sequences):
        alone = teacher_forced(model, p, t, b)[0]
        torch.testing.assert_close(batch[row, : alone.shape[0]], alone, atol=1e-5, rtol=0)


@torch.no_grad()
def test_prefill_and_decode_steps_score_as_the_full_forward(model: T2S) -> None:
    phones, tokens, bert = sequence(6, 12, 4)
    expected = teacher_forced(model, phones, tokens, bert)[0]
    prompt = 4
    packed_phones = torch.nn.functional.pad(phones, (0, prompt))
    packed_tokens = torch.nn.functional.pad(tokens[:, :prompt], (6, 0))
    packed_bert = torch.nn.functional.pad(bert, (0, prompt)).transpose(1, 2)
    logits, keys, values = model.prefill(
        packed_phones, packed_tokens, packed_bert, torch.tensor([6]), torch.tensor([6 + prompt])
    )
    torch.testing.assert_close(logits[0], expected[prompt], atol=1e-5, rtol=0)
    cache = [torch.full((TINY.layers, 1, TINY.heads, 32, 8), 9e9) for _ in range(2)]  # unwritten rows must not be read
    cache[0][:, :, :, : 6 + prompt], cache[1][:, :, :, : 6 + prompt] = keys, values
    for position in range(prompt, 12):
        at = torch.tensor([position])
        logits = model.decode_step(tokens[:, position], at, at + 6, cache[0], cache[1])
        torch.testing.assert_close(logits[0], expected[position + 1], atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_text_row_sees_later_text_and_no_tokens(model: T2S) -> None:
    phones, tokens, bert = sequence(5, 4, 5)
    before = teacher_forced(model, phones, tokens, bert)
    torch.testing.assert_close(teacher_forced(model, phones, (tokens + 1) % 32, bert)[0, 0], before[0, 0])
    changed = phones.clone()
    changed[0, 0] = (changed[0, 0] + 1) % TINY.num_phones
    assert (teacher_forced(model, changed, tokens, bert) - before).abs().amax(-1).min() > 1e-4


def test_a_token_never_sees_later_tokens(model: T2S) -> None:
    phones, tokens, bert = sequence(5, 6, 6)
    later = tokens.clone()
    later[0, 4] = (later[0, 4] + 1) % 32
    change = (
        (teacher_forced(model, phones, later, bert) - teacher_forced(model, phones, tokens, bert)).abs().amax(-1)[0]
    )
    assert change[:5].max() == 0
    assert change[5:].min() > 0


def test_every_parameter_learns(model: T2S) -> None:
    phones, tokens, bert = sequence(5, 6, 7)
    model.zero_grad()
    torch.nn.functional.cross_entropy(teacher_forced(model, phones, tokens, bert)[0, :-1], tokens[0]).backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert still == []

"""The loss that makes what was streamed stay true when the rest of the sentence is known."""

import random

import torch

from gsv_build.modules.acoustic import Acoustic
from gsv_demo.prefix import LOOKAHEAD_TOKENS, drawn_prefix, prefix_distance
from gsv_demo.recipe import SMOKE

_TOKENS, _PHONES = 48, 12


def _inputs() -> tuple[Acoustic, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    acoustic = Acoustic(SMOKE.sovits)
    with torch.no_grad():
        acoustic.prior.weight.mul_(10.0)
    tokens = torch.randint(0, SMOKE.sovits.codebook, (2, _TOKENS))
    phones = torch.randint(0, 40, (2, _PHONES))
    return acoustic, tokens, phones, torch.tensor([[_PHONES], [_PHONES - 3]]), torch.randn(2, SMOKE.sovits.global_dim)


def _distance(known: int = _TOKENS // 2) -> tuple[Acoustic, torch.Tensor]:
    acoustic, tokens, phones, phone_lengths, condition = _inputs()
    whole = acoustic.encode_text_and_tokens(tokens, torch.full((2, 1), _TOKENS), phones, phone_lengths, condition)
    rows = torch.full((2, 1), known)
    return acoustic, prefix_distance(acoustic, tokens, phones, phone_lengths, condition, whole, rows)


def test_an_untrained_encoder_changes_its_mind_when_more_is_known() -> None:
    assert float(_distance()[1].detach()) > 1e-3


def test_rows_too_short_to_be_streamed_cost_nothing() -> None:
    assert drawn_prefix(random.Random(1), LOOKAHEAD_TOKENS) == 0
    assert float(_distance(0)[1].detach()) == 0.0


def test_what_follows_the_known_tokens_changes_nothing_of_the_early_prior() -> None:
    acoustic, tokens, phones, phone_lengths, condition = _inputs()
    known = torch.full((2, 1), 24)
    early = acoustic.encode_text_and_tokens(tokens[:, :24], known, phones, phone_lengths, condition)
    whole = acoustic.encode_text_and_tokens(tokens, torch.full((2, 1), _TOKENS), phones, phone_lengths, condition)
    frames = (24 - LOOKAHEAD_TOKENS) * 2
    expected = sum(
        (a[:, :, :frames] - b[:, :, :frames]).abs().mean() for a, b in zip(early[1:3], whole[1:3], strict=True)
    )
    found = prefix_distance(acoustic, tokens, phones, phone_lengths, condition, whole, known)
    torch.testing.assert_close(found, expected)


def test_the_text_encoder_learns_from_it() -> None:
    acoustic, distance = _distance()
    distance.backward()
    assert acoustic.prior.weight.grad is not None
    assert float(acoustic.prior.weight.grad.abs().max()) > 0.0
    before = float(distance.detach())
    with torch.no_grad():
        for parameter in acoustic.parameters():
            if parameter.grad is not None:
                parameter.sub_(1e-3 * parameter.grad / parameter.grad.norm().clamp(min=1e-6))
    _, tokens, phones, phone_lengths, condition = _inputs()
    whole = acoustic.encode_text_and_tokens(tokens, torch.full((2, 1), _TOKENS), phones, phone_lengths, condition)
    after = prefix_distance(acoustic, tokens, phones, phone_lengths, condition, whole, torch.full((2, 1), _TOKENS // 2))
    assert float(after.detach()) < before

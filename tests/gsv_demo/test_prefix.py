"""The loss that makes what was streamed stay true when the rest of the sentence is known."""

import torch

from gsv_build.modules.acoustic import Acoustic
from gsv_demo.prefix import LOOKAHEAD_TOKENS, prefix_distance
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


def _distance(tokens_of_shortest: int = _TOKENS) -> tuple[Acoustic, torch.Tensor]:
    acoustic, tokens, phones, phone_lengths, condition = _inputs()
    whole = acoustic.encode_text_and_tokens(tokens, torch.full((2, 1), _TOKENS), phones, phone_lengths, condition)
    torch.manual_seed(4)
    return acoustic, prefix_distance(acoustic, tokens, phones, phone_lengths, condition, whole, tokens_of_shortest)


def test_an_untrained_encoder_changes_its_mind_when_more_is_known() -> None:
    assert float(_distance()[1].detach()) > 1e-3


def test_rows_too_short_to_be_streamed_cost_nothing() -> None:
    assert float(_distance(LOOKAHEAD_TOKENS)[1].detach()) == 0.0


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
    torch.manual_seed(4)
    after = prefix_distance(acoustic, tokens, phones, phone_lengths, condition, whole, _TOKENS)
    assert float(after.detach()) < before

"""Choices of weights: the caller's own, kept where gateways share them."""

import asyncio

import pytest

from gsv_client import FineTune
from gsv_gateway.choices import S1, S2, FileChoices
from gsv_gateway.chosen_weights import ChosenWeights

ANN, BOB = FineTune("ann", s1="ann.ckpt", s2="ann.pth"), FineTune("bob", s1="bob.ckpt", s2="ann.pth")
MODELS = (ANN, BOB)


class Chosen:
    """`ChosenWeights` that is asked one thing after another."""

    def __init__(self, path):
        self._chosen = ChosenWeights(FileChoices(path))

    def choose(self, caller, kind, path, models):
        return asyncio.run(self._chosen.choose(caller, kind, path, models))

    def model_of(self, caller, models):
        async def listed():
            return models

        return asyncio.run(self._chosen.model_of(caller, listed))

    def forget(self, caller):
        asyncio.run(self._chosen.forget(caller))


@pytest.fixture
def chosen(tmp_path):
    return Chosen(tmp_path / "weights.json")


def test_nothing_chosen_is_no_model(chosen):
    assert chosen.model_of("key", MODELS) is None


def test_one_file_stands_for_the_first_model_that_has_it(chosen):
    assert chosen.choose("key", S2, "x/ANN.pth", MODELS) == ANN
    assert chosen.model_of("key", MODELS) == "ann"


def test_both_files_stand_for_the_model_that_has_both(chosen):
    chosen.choose("key", S1, "bob.ckpt", MODELS)
    assert chosen.choose("key", S2, "ann.pth", MODELS) == BOB


def test_a_pair_that_no_model_has_is_what_was_set_last(chosen):
    chosen.choose("key", S2, "ann.pth", MODELS[1:])
    eve = FineTune("eve", s1="eve.ckpt", s2="eve.pth")
    assert chosen.choose("key", S1, "eve.ckpt", (*MODELS, eve)) == eve


def test_a_file_that_no_model_has_changes_nothing(chosen):
    chosen.choose("key", S1, "bob.ckpt", MODELS)
    assert chosen.choose("key", S1, "eve.ckpt", MODELS) is None
    assert chosen.model_of("key", MODELS) == "bob"


@pytest.mark.parametrize("path", ["weights/bob/s1.ckpt", "C:\\weights\\Bob\\S1.CKPT", "bob"])
def test_files_of_one_name_are_told_apart_by_their_folder_and_a_model_has_its_own_name(chosen, path):
    models = tuple(FineTune(name, s1="s1.ckpt", s2="s2.pth") for name in ("ann", "bob"))
    assert chosen.choose("key", S1, path, models).model == "bob"
    assert chosen.model_of("key", models) == "bob"
    assert chosen.choose("key", S2, "s2.pth", models).model == "bob", "the s1 says which"
    assert chosen.choose("other", S1, "s1.ckpt", models).model == "ann"


def test_a_choice_that_is_forgotten_is_none_and_others_stay(chosen):
    for caller in ("key", "other"):
        chosen.choose(caller, S1, "bob.ckpt", MODELS)
    chosen.forget("key")
    chosen.forget("stranger")
    assert [chosen.model_of(caller, MODELS) for caller in ("key", "other")] == [None, "bob"]


def test_a_choice_is_no_other_callers_and_another_gateway_sees_it(chosen, tmp_path):
    chosen.choose("key", S1, "bob.ckpt", MODELS)
    other = Chosen(tmp_path / "weights.json")
    assert other.model_of("key", MODELS) == "bob"
    assert other.model_of("another", MODELS) is None


def test_a_model_that_is_gone_is_none(chosen):
    chosen.choose("key", S1, "bob.ckpt", MODELS)
    assert chosen.model_of("key", MODELS[:1]) is None

"""Stage calls that open and drop weights: the smallest call that there is, with the weights in it.

A stage opens the weights that a call names, and answers when they are open. Voices are made by two stages more, which
open what they need when somebody registers one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gsv_runtime import contract
from gsv_runtime.contract import DROP_INPUT, FRAMES_PER_TOKEN, MODELS, WEIGHTS_INPUT, Model
from gsv_runtime.graphs.stage import example_inputs
from gsv_runtime.models.catalogue import FineTune
from gsv_runtime.stages import SequenceCall, Stages

OPENED = (contract.T2S, contract.ACOUSTIC, contract.VOCODER)  # in the order in which a request needs them
_TOKENS = 4
_SIZES = {"B": 1, "T": _TOKENS, "P": 4, "F": FRAMES_PER_TOKEN * _TOKENS}


def open_weights(fine_tune: FineTune, first: FineTune, stages: Stages) -> None:
    """Have every stage open what it lacks of a fine-tune.

    Raises:
        SynthesisError: what a stage answered.
    """
    for model in OPENED:
        weights = fine_tune.checkpoints[model.checkpoint].weights
        if weights != first.checkpoints[model.checkpoint].weights:
            _call(model, WEIGHTS_INPUT, weights, fine_tune, stages)


def stages_answer(first: FineTune, stages: Stages) -> bool:
    """Whether stages can be called; while a server starts they cannot."""
    try:
        _call(contract.VOCODER, WEIGHTS_INPUT, 0, first, stages)
    except Exception:
        return False
    return True


def drop_weights(weights: Mapping[str, int], first: FineTune, stages: Stages) -> None:
    """Have every stage drop these weights, also where one of them fails.

    Args:
        weights: id by checkpoint.
        first: the call itself runs with its weights, which are always there.
        stages: the stages.

    Raises:
        SynthesisError: what a stage answered, the first that failed.
    """
    failures = []
    for model in MODELS:
        if model.checkpoint in weights:
            try:
                _call(model, DROP_INPUT, weights[model.checkpoint], first, stages)
            except Exception as failure:
                failures.append(failure)
    if failures:
        raise failures[0]


def _call(model: Model, name: str, weights: int, fine_tune: FineTune, stages: Stages) -> None:
    about: dict[str, Any] = {name: [[weights]] if model.batchable else [weights]}
    if model.sequence:
        sequence = SequenceCall(stages.new_sequence_id(), start=True, end=True)
        stages.call(model, sequence=sequence, **_shortest_prompt(fine_tune), **about)
    else:
        stages.call(model, **_inputs(model, fine_tune), **about)


def _inputs(model: Model, fine_tune: FineTune) -> dict[str, Any]:
    """Inputs of the sizes that a fine-tune has; a speaker embedding only where its version takes one."""
    declared = {tensor.name: list(tensor.axes) for tensor in model.inputs}
    return dict(example_inputs(model, {**_SIZES, **fine_tune.axes}, declared))


def _shortest_prompt(fine_tune: FineTune) -> dict[str, Any]:
    return {
        "phones": np.zeros(1, dtype=np.int64),
        "bert_features": np.zeros((fine_tune.facts.bert_dim, 1), dtype=np.float32),
        "prompt_tokens": np.zeros(0, dtype=np.int64),
        "max_new_tokens": [1],
        "top_k": [1],
        "seed": [0],
    }

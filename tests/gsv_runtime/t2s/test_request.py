"""Prompts are checked before a slot is taken, and a sentence's limit follows from its text."""

import dataclasses

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.t2s.request import Capacity, TextLimit, parse_prompt

CAPACITY = Capacity(slots=2, cache_rows=1000, num_phones=20, vocabulary=33, bert_dim=4, max_positions=900)


def inputs(num_phones=30, num_tokens=10, **changes):
    return {
        "phones": np.zeros(num_phones, np.int64),
        "bert_features": np.zeros((4, num_phones), np.float32),
        "prompt_tokens": np.zeros(num_tokens, np.int64),
        **changes,
    }


@pytest.mark.parametrize(
    ("num_phones", "num_tokens", "target", "limit"),
    [
        (30, 10, None, 360),  # 12 a phone
        (30, 10, 20, 240),  # of the phones to be spoken only
        (30, 10, 1, 100),  # never less than 4 s
        (400, 0, None, 600),  # what the slot has room for
        (90, 850, 3, "room for 50 tokens"),
        (901, 0, 3, "shorter text"),
    ],
)
def test_the_limit_is_set_by_the_text_within_what_the_slot_holds(num_phones, num_tokens, target, limit):
    given = inputs(num_phones, num_tokens)
    if target is not None:
        given["num_target_phones"] = np.array([target], np.int32)
    if isinstance(limit, str):
        with pytest.raises(InvalidRequest, match=limit):
            parse_prompt(given, CAPACITY, TextLimit())
    else:
        assert parse_prompt(given, CAPACITY, TextLimit()).max_tokens == limit


def test_a_checkpoint_that_allows_fewer_tokens_is_heeded_however_few():
    for allowed in (150, 25):
        capacity = dataclasses.replace(CAPACITY, max_tokens=allowed)
        assert parse_prompt(inputs(), capacity, TextLimit()).max_tokens == allowed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phones": np.full(30, 20)}, "phones holds 20; need 0 to 19"),
        ({"phones": np.full(30, -1)}, "phones holds -1"),
        ({"phones": np.zeros(0, np.int64)}, "phones is empty"),
        ({"prompt_tokens": np.array([32])}, "prompt_tokens holds 32; need 0 to 31"),
        ({"bert_features": np.zeros((4, 29), np.float32)}, r"bert_features is \[4, 29\]; need \[4, 30\]"),
        ({"bert_features": np.full((4, 30), np.nan, np.float32)}, "bert_features .* not finite"),
        ({"num_target_phones": np.array([31])}, "num_target_phones is 31"),
        ({"top_k": np.array([0])}, "top_k"),
        ({"seed": np.array([-1])}, "seed"),
    ],
)
def test_a_prompt_at_fault_is_refused_by_name(changes, message):
    with pytest.raises(InvalidRequest, match=message):
        parse_prompt(inputs(**changes), CAPACITY, TextLimit())


def test_a_first_call_without_a_prompt_is_refused():
    with pytest.raises(InvalidRequest, match="lacks phones, bert_features, prompt_tokens"):
        parse_prompt({}, CAPACITY, TextLimit())


def test_without_prompt_tokens_only_the_text_fills_the_cache():
    prompt = parse_prompt(inputs(num_tokens=0), CAPACITY, TextLimit())
    assert prompt.rows == 30

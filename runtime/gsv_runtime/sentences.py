"""The text front end's flat answer, cut back into sentences, and their contextual features.

Triton tensors are rectangular, sentences are not: the front end answers with all phones in a row and their counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gsv_runtime import contract
from gsv_runtime.errors import InternalError
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array, Arrays

BERT_ROWS = 4  # runs that one call of `bert` may bring; no preset's max_batch_size is smaller


@dataclass(frozen=True)
class ChineseRun:
    """Consecutive Chinese characters of a sentence."""

    phone_start: int  # index into the sentence's phones
    token_ids: Array  # [C] int64 BERT ids, without CLS and SEP
    word_to_phone: Array  # [C] int64 phones of each character


@dataclass(frozen=True)
class Sentence:
    """One sentence, ready to be spoken; SSML may give it a speed and a pause of its own."""

    text: str
    phones: Array  # [P] int64
    runs: tuple[ChineseRun, ...]
    rate: float = 1.0  # beside the request's speed
    pause_after_s: float | None = None  # None: the request's, and none after the last


def unflatten(answer: Arrays) -> list[Sentence]:
    """Cuts the answer of `text_frontend` into sentences.

    Args:
        answer: its outputs by name, as contract.TEXT_FRONTEND.

    Returns:
        The sentences in order.

    Raises:
        InternalError: the counts do not add up.
    """
    phones, counts = answer["phones"], answer["phone_counts"]
    run_characters, run_starts = answer["run_characters"], answer["run_phone_starts"]
    if counts.sum() != phones.size or run_characters.sum() != answer["bert_token_ids"].size:
        raise InternalError("stage text_frontend answered with counts that do not add up")
    phone_ends, character_ends = np.cumsum(counts), np.cumsum(run_characters)
    runs_of: list[list[ChineseRun]] = [[] for _ in counts]
    for start, count, end in zip(run_starts, run_characters, character_ends, strict=True):
        owner = int(np.searchsorted(phone_ends, start, side="right"))
        characters = slice(int(end - count), int(end))
        runs_of[owner].append(
            ChineseRun(
                phone_start=int(start - (phone_ends[owner] - counts[owner])),
                token_ids=answer["bert_token_ids"][characters],
                word_to_phone=answer["word_to_phone"][characters],
            )
        )
    # The shortest decimal of a float32 is the number that was meant: 0.8, not 0.80000001.
    rates = answer.get("rates", np.ones(counts.size))
    pauses = answer.get("pause_after_s", np.full(counts.size, -1.0))
    return [
        Sentence(str(text), phones[end - count : end], tuple(runs), float(str(rate)), _given(pause))
        for text, count, end, runs, rate, pause in zip(
            answer["sentences"], counts, phone_ends, runs_of, rates, pauses, strict=True
        )
    ]


def _given(pause_s: float) -> float | None:
    """A pause off the wire, where a negative number means that the text asks for none."""
    return float(pause_s) if pause_s >= 0 else None


def features_in_order(sentences: Sequence[Sentence], stages: Stages, facts: CheckpointFacts) -> Iterator[Array]:
    """Contextual features of a request's sentences, read as they are asked for.

    The first sentence is read alone, so that speech begins early; those behind it several at once.

    Args:
        sentences: of one request.
        stages: runs `bert`.
        facts: as for `bert_features`.

    Yields:
        [bert_dim, P] float32 of each sentence, in order.
    """
    group: list[Sentence] = []
    for index, sentence in enumerate(sentences):
        if group and (index == 1 or sum(len(each.runs) for each in (*group, sentence)) > BERT_ROWS):
            yield from bert_features(group, stages, facts)
            group = []
        group.append(sentence)
    yield from bert_features(group, stages, facts)


def bert_features(sentences: Sequence[Sentence], stages: Stages, facts: CheckpointFacts) -> list[Array]:
    """Contextual features of phones: BERT's for Chinese characters, zeros for all else.

    Args:
        sentences: each of P phones, with its Chinese runs.
        stages: runs `bert`, all runs in padded batches of at most `BERT_ROWS`.
        facts: feature size and the ids of CLS and SEP; without a BERT everything is zero.

    Returns:
        [bert_dim, P] float32 of each sentence.

    Source: GPT-SoVITS get_phones_and_bert: a character's feature is repeated over its phones.
    """
    features = [np.zeros((facts.bert_dim, sentence.phones.size), dtype=np.float32) for sentence in sentences]
    places = [(whole, run) for whole, sentence in zip(features, sentences, strict=True) for run in sentence.runs]
    if facts.has_bert:
        for first in range(0, len(places), BERT_ROWS):
            part = places[first : first + BERT_ROWS]
            for (whole, run), row in zip(part, _read([run for _, run in part], stages, facts), strict=True):
                characters = np.repeat(row[1 : run.token_ids.size + 1], run.word_to_phone, axis=0)
                whole[:, run.phone_start : run.phone_start + characters.shape[0]] = characters.T
    return features


def _read(runs: Sequence[ChineseRun], stages: Stages, facts: CheckpointFacts) -> Array:
    """Features [R, C, bert_dim] of runs as one padded batch, CLS and SEP included."""
    lengths = np.array([[run.token_ids.size + 2] for run in runs], dtype=np.int64)
    token_ids = np.zeros((len(runs), int(lengths.max())), dtype=np.int64)
    for row, run in zip(token_ids, runs, strict=True):
        row[: run.token_ids.size + 2] = [facts.bert_cls_id, *run.token_ids, facts.bert_sep_id]
    return stages.call(contract.BERT, bert_token_ids=token_ids, character_lengths=lengths)["character_features"]

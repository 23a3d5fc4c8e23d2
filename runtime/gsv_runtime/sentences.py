"""The text front end's flat answer, cut back into sentences, and their contextual features.

Triton tensors are rectangular, sentences are not: the front end answers with all phones in a row and their counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gsv_runtime import contract
from gsv_runtime.errors import InternalError
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array, Arrays


@dataclass(frozen=True)
class ChineseRun:
    """Consecutive Chinese characters of a sentence."""

    phone_start: int  # index into the sentence's phones
    token_ids: Array  # [C] int64 BERT ids, without CLS and SEP
    word_to_phone: Array  # [C] int64 phones of each character


@dataclass(frozen=True)
class Sentence:
    """One sentence, ready to be spoken."""

    text: str
    phones: Array  # [P] int64
    runs: tuple[ChineseRun, ...]


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
    return [
        Sentence(str(text), phones[end - count : end], tuple(runs))
        for text, count, end, runs in zip(answer["sentences"], counts, phone_ends, runs_of, strict=True)
    ]


def bert_features(sentence: Sentence, stages: Stages, facts: CheckpointFacts) -> Array:
    """Contextual features of a sentence's phones: BERT's for Chinese characters, zeros for all else.

    Args:
        sentence: P phones and its Chinese runs.
        stages: runs `bert` once, all runs of the sentence as one padded batch.
        facts: feature size and the ids of CLS and SEP; without a BERT everything is zero.

    Returns:
        [bert_dim, P] float32.

    Source: GPT-SoVITS get_phones_and_bert: a character's feature is repeated over its phones.
    """
    features = np.zeros((facts.bert_dim, sentence.phones.size), dtype=np.float32)
    if not facts.has_bert or not sentence.runs:
        return features
    lengths = np.array([[run.token_ids.size + 2] for run in sentence.runs], dtype=np.int64)
    token_ids = np.zeros((len(sentence.runs), int(lengths.max())), dtype=np.int64)
    for row, run in zip(token_ids, sentence.runs, strict=True):
        row[: run.token_ids.size + 2] = [facts.bert_cls_id, *run.token_ids, facts.bert_sep_id]
    answer = stages.call(contract.BERT, bert_token_ids=token_ids, character_lengths=lengths)
    for row, run in zip(answer["character_features"], sentence.runs, strict=True):
        characters = np.repeat(row[1 : run.token_ids.size + 1], run.word_to_phone, axis=0)
        features[:, run.phone_start : run.phone_start + characters.shape[0]] = characters.T
    return features

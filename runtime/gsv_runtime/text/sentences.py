"""The text front end's flat answer, cut back into sentences, and their contextual features.

Triton tensors are rectangular, sentences are not: the front end answers with all phones in a row and their counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
class WordSpan:
    """A word: characters `start` to before `end` of the request's text, and the phones of its sentence that say it."""

    start: int
    end: int
    first_phone: int
    num_phones: int


@dataclass(frozen=True)
class Sentence:
    """One sentence, ready to be spoken; SSML may give it a speed and a pause of its own."""

    text: str
    phones: Array  # [P] int64
    runs: tuple[ChineseRun, ...]
    rate: float = 1.0  # beside the request's speed
    pause_after_s: float | None = None  # None: the request's, and none after the last
    words: tuple[WordSpan, ...] = ()  # if they were asked for
    dropped: tuple[str, ...] = ()  # of the whole text, with its first sentence: what is not said


def unflatten(answer: Arrays) -> list[Sentence]:
    """Cut the answer of `text_frontend` into sentences.

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
    sentences = [
        Sentence(str(text), phones[end - count : end], tuple(runs), float(str(rate)), _given(pause))
        for text, count, end, runs, rate, pause in zip(
            answer["sentences"], counts, phone_ends, runs_of, rates, pauses, strict=True
        )
    ]
    dropped = tuple(map(str, answer.get("dropped", ())))
    for index, told in enumerate(answer.get("words", ())):
        words = tuple(WordSpan(*span) for span in json.loads(str(told)))
        sentences[index] = replace(sentences[index], words=words)
    return [replace(sentences[0], dropped=dropped), *sentences[1:]] if dropped and sentences else sentences


def _given(pause_s: float) -> float | None:
    """A pause off the wire, where a negative number means that the text asks for none."""
    return float(pause_s) if pause_s >= 0 else None


class FeaturesInGroups:
    """Contextual features of a request's sentences, read when they are asked for.

    The first sentence is read alone, so that speech begins early; those behind it several at once. Which are read
    together depends on the text only, not on which of them are asked for.
    """

    def __init__(self, sentences: Sequence[Sentence], stages: Stages, facts: CheckpointFacts) -> None:
        """Prepare to read the sentences of one request; `stages` runs `bert`, `facts` as for `bert_features`."""
        self._sentences = sentences
        self._stages = stages
        self._facts = facts
        self._group_of = {index: group for group in _groups(sentences) for index in group}
        self._read: dict[int, Array] = {}  # of the group that was read last

    def of(self, index: int) -> Array:
        """Features of one sentence, [bert_dim, P] float32."""
        if index not in self._read:
            group = self._group_of[index]
            found = bert_features([self._sentences[each] for each in group], self._stages, self._facts)
            self._read = dict(zip(group, found, strict=True))
        return self._read[index]


def _groups(sentences: Sequence[Sentence]) -> Iterator[range]:
    """Indices of sentences that are read together: the first alone, then as many as `bert` takes."""
    start, num_runs = 0, 0
    for index, sentence in enumerate(sentences):
        num_runs += len(sentence.runs)
        if index > start and (start == 0 or num_runs > BERT_ROWS):
            yield range(start, index)
            start, num_runs = index, len(sentence.runs)
    yield range(start, len(sentences))


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

"""Learns how well each semantic token fits each phone, from what a voice model's own T2S speaks; nothing is labelled.

T2S says `alignment_texts.tsv`, each text twice. At first a token is given to the phone that T2S looks at when it draws
it, where one of its heads follows the text; else every phone gets an equal share of its sentence's tokens. Then tokens
are counted at the phones that the likeliest way gives them to, and the way is sought again with these counts
(Viterbi training of a hidden Markov model, as in Rabiner 1989). T2S swallows words here too, so in the end only the
takes that fit their phones best are learned from. Rare pairs borrow from like ones: from tokens whose codes are near,
and from phones that differ in tone or stress only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from gsv_build.modules.t2s import T2S
from gsv_build.phone_attention import SpokenPhones, looks_of
from gsv_build.phone_durations import learned_durations
from gsv_build.torch_engine import TorchEngine
from gsv_runtime.contract import EOS
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.model_files import PHONE_DURATIONS_FILE, PHONE_TABLE_FILE
from gsv_runtime.stages import SequenceCall
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.request import HARD_LIMIT_TOKENS, TextLimit
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.text.symbols import PUNCTUATION, phone_table
from gsv_runtime.tts.synthesis.alignment import PhoneTable, token_phones

if TYPE_CHECKING:
    from gsv_runtime.text.frontend import TextFrontend

logger = logging.getLogger("gsv.build")

TEXTS = Path(__file__).parent / "alignment_texts.tsv"
_TAKES = 2
_SLOTS, _ROWS = 8, 512
_MAX_TOKENS = 16_000  # of all takes, eleven minutes of speech
_MAX_S = (
    120.0  # of drawing, each language its share; a large network on few cores draws fewer sentences, a busy machine not
)
_LIMIT = TextLimit(tokens_per_phone=5.0, tokens_at_least=40)
_ROUNDS = 8
_KEPT, _LEAST_KEPT = 0.5, 40  # share of the takes that are learned from in the end, and how many it takes to choose
_WORST_GAIN = -6.0  # of a token, when takes are compared
_OTHER_PAUSES = ("停", "空", "_", "SP", "SP2", "SP3")
_FROM_LIKE_TOKENS, _FROM_LIKE_PHONES, _FROM_ALL = 0.5, 0.5, 3.0  # tokens' worth of what a count borrows
_NEAR = 4  # codes that are near to a code
_LARGEST_GAIN = 8.0


def write_phone_table(t2s: T2S, codebook: Array, symbols: str, folder: Path) -> None:
    """Learn the table of a voice model, and how long its phones last, and write both.

    Args:
        t2s: draws the tokens.
        codebook: [tokens, ssl_dim] float32, of the quantizer.
        symbols: phone table, ``v1`` or ``v2``.
        folder: to write to.
    """
    takes = list(spoken(t2s, symbols))
    gains, ways = learned(takes, looks_of(t2s, takes) if takes else None, codebook, symbols, t2s.sizes.num_phones)
    durations = learned_durations(ways, _groups(symbols, t2s.sizes.num_phones))
    np.save(folder / PHONE_TABLE_FILE, gains.astype(np.float16))
    np.save(folder / PHONE_DURATIONS_FILE, durations.astype(np.float16))


def texts() -> list[tuple[str, str]]:
    """Language and text of each line."""
    rows = TEXTS.read_text(encoding="utf-8").splitlines()
    return [(language, text) for language, _, text in (row.partition("\t") for row in rows)]


def spoken(t2s: T2S, symbols: str) -> Iterator[SpokenPhones]:
    """Let T2S say the texts in the languages that it has phones for, without a prompt.

    A language in which no sentence comes to its end is left: the network was not trained on it, or on nothing at all.
    """
    from gsv_runtime.text.frontend import TextFrontend  # its libraries are not on every machine that builds

    frontend = TextFrontend(symbols, None)
    takes = {language: list(_takes(frontend, language)) for language in dict.fromkeys(name for name, _ in texts())}
    decoder = Decoder(TorchEngine(t2s, _SLOTS, _ROWS), repetition_window=0, repetition_least_distinct=0, limit=_LIMIT)
    total, began_s = sum(map(len, takes.values())), _worked_s()
    with torch.no_grad(), tqdm(total=total, desc="phone table", unit="sentence", disable=None, leave=False) as progress:
        for number, (language, waiting) in enumerate(takes.items()):
            found, share_s = 0, (began_s + _MAX_S - _worked_s()) / (len(takes) - number)
            for take in _drawn(decoder, waiting, t2s.sizes.bert_dim, _worked_s() + share_s):
                progress.update()
                found += take is not None
                if take is not None:
                    yield take
            if decoder.num_tokens >= _MAX_TOKENS:
                return
            if not found and decoder.num_tokens > _SLOTS * _LIMIT.tokens_at_least:
                logger.info("phone table: no sentence of language %s ended; its word times are guessed", language)
                return


def _worked_s() -> float:
    """Processor time of this process on each of its threads: other programs take none of it."""
    return time.process_time() / torch.get_num_threads()


def _takes(frontend: TextFrontend, language: str) -> Iterator[Array]:
    """Phones of each take of a language's texts; none where the symbols have no phones for it."""
    for text in [text for name, text in texts() if name == language]:
        try:
            found = frontend.process(text, language if language == "en" else f"all_{language}", "cut0")
        except InvalidRequest:
            return
        for phones in np.split(found.phones, np.cumsum(found.phone_counts)[:-1]):
            yield from [phones] * _TAKES


def _drawn(decoder: Decoder, waiting: Sequence[Array], bert_dim: int, until_s: float) -> Iterator[SpokenPhones | None]:
    """Tokens of each take, or None where it did not end; given up where none of the first ends, or after that work."""
    for number, phones in enumerate(waiting):
        decoder.take_call(SequenceCall(number, start=True), _opening(phones, number, bert_dim), 0.0)
    found = tried = 0
    while decoder.has_work and (found or tried < _SLOTS) and decoder.num_tokens < _MAX_TOKENS:
        if _worked_s() > until_s:
            break
        tried += len(list(decoder.advance()))  # those that failed
        for answer in decoder.answers(0.0):
            decoder.close(answer.sequence_id)
            tried += 1
            ended = answer.finish_reason == EOS and len(answer.tokens) > 0
            found += ended
            tokens = np.array(answer.tokens, dtype=np.int64)
            yield SpokenPhones(waiting[answer.sequence_id], tokens) if ended else None
    for sequence_id in decoder.sequence_ids:
        decoder.close(sequence_id)


def _opening(phones: Array, seed: int, bert_dim: int) -> Arrays:
    """First and only call of a sequence."""
    return {
        "max_new_tokens": np.array([HARD_LIMIT_TOKENS], dtype=np.int32),
        "phones": phones,
        "bert_features": np.zeros((bert_dim, phones.size), dtype=np.float32),
        "prompt_tokens": np.zeros(0, dtype=np.int64),
        "seed": np.array([seed], dtype=np.int64),
    }


def learned(
    takes: Sequence[SpokenPhones], looks: Sequence[Array] | None, codebook: Array, symbols: str, num_phones: int
) -> tuple[Array, list[tuple[Array, Array]]]:
    """Learn the gains of a `PhoneTable` from takes.

    Args:
        takes: phones and tokens of sentences; without any, nothing gains.
        looks: of each [T, P], as `looks_of` gives them; None: nothing is known.
        codebook: [tokens, ssl_dim].
        symbols: phone table, ``v1`` or ``v2``.
        num_phones: rows of the table.

    Returns:
        [num_phones, tokens] float32; and of each take that was learned from its phones [P] and the phone of each of its
        tokens [T].
    """
    lessons = _Lessons(codebook, symbols, num_phones)
    gains = np.zeros((num_phones, codebook.shape[0]), dtype=np.float32)
    if not takes:
        return gains, []
    if looks is None:
        gains, paths = lessons.taught(takes, None, [_evenly(take) for take in takes])
        return gains, [(take.phones, path) for take, path in zip(takes, paths, strict=True)]
    gains, paths = lessons.taught(takes, looks, [token_phones(look) for look in looks])
    best = _best_fitting(takes, PhoneTable(gains), paths)
    kept = [takes[index] for index in best]
    gains, paths = lessons.taught(kept, [looks[index] for index in best], [paths[index] for index in best])
    return gains, [(take.phones, path) for take, path in zip(kept, paths, strict=True)]


def _best_fitting(takes: Sequence[SpokenPhones], table: PhoneTable, paths: Sequence[Array]) -> list[int]:
    """Which takes fit their phones best, in their order; all where there are few."""
    fits = []
    for take, path in zip(takes, paths, strict=True):
        gains = np.maximum(table.of(take.phones, take.tokens), _WORST_GAIN)
        fits.append(float(gains[np.arange(path.size), path].mean()))
    count = len(takes) if len(takes) < _LEAST_KEPT else round(_KEPT * len(takes))
    return sorted(np.argsort(fits, kind="stable")[::-1][:count].tolist())


class _Lessons:
    """What is the same for all rounds."""

    def __init__(self, codebook: Array, symbols: str, num_phones: int) -> None:
        self._near, self._groups = _near_codes(codebook), _groups(symbols, num_phones)

    def taught(
        self, takes: Sequence[SpokenPhones], looks: Sequence[Array] | None, paths: Sequence[Array]
    ) -> tuple[Array, list[Array]]:
        """Count along the paths and seek them again, round by round; the last gains and paths."""
        known = looks if looks is not None else [np.float32(0.0)] * len(takes)
        for _ in range(_ROUNDS):
            gains = _estimated(takes, paths, self._near, self._groups)
            table = PhoneTable(gains)
            paths = [
                token_phones(table.of(take.phones, take.tokens) + look) for take, look in zip(takes, known, strict=True)
            ]
        return gains, list(paths)


def _evenly(take: SpokenPhones) -> Array:
    return np.arange(take.tokens.size) * take.phones.size // take.tokens.size


def _near_codes(codebook: Array) -> Array:
    """How much of a token's count its neighbours get: [tokens, tokens], rows of 1."""
    squares = np.square(codebook).sum(axis=1)
    distances = np.maximum(squares[:, np.newaxis] + squares - 2 * codebook @ codebook.T, 0.0)
    usual = max(float(np.median(np.sort(distances, axis=1)[:, min(_NEAR, len(codebook) - 1)])), 1e-9)
    shares = np.exp(-distances / usual)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _groups(symbols: str, num_phones: int) -> Array:
    """Number of the phones that each phone is like: [num_phones] int64."""
    names = {number: name for name, number in phone_table(symbols).items()}
    keys = [_plain(names.get(number, str(number))) for number in range(num_phones)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys])


def _plain(name: str) -> str:
    """A phone without tone or stress; all marks are one pause."""
    return "." if name in PUNCTUATION or name in _OTHER_PAUSES else name.rstrip("0123456789") or name


def _estimated(takes: Sequence[SpokenPhones], paths: Sequence[Array], near: Array, groups: Array) -> Array:
    """Gains by the counts of tokens along the paths."""
    counts = np.zeros((groups.size, near.shape[0]))
    for take, path in zip(takes, paths, strict=True):
        np.add.at(counts, (take.phones[path], take.tokens), 1)
    anywhere = counts.sum(axis=0) @ near + 1e-3
    anywhere /= anywhere.sum()
    counts = (1 - _FROM_LIKE_TOKENS) * counts + _FROM_LIKE_TOKENS * counts @ near
    of_group = np.zeros((int(groups.max()) + 1, near.shape[0]))
    np.add.at(of_group, groups, counts)
    like = of_group[groups]
    like = (like + _FROM_ALL * anywhere) / (like.sum(axis=1, keepdims=True) + _FROM_ALL)
    weight = _FROM_ALL / _FROM_LIKE_PHONES
    shares = (counts + weight * like) / (counts.sum(axis=1, keepdims=True) + weight)
    return np.clip(np.log(shares / anywhere), -_LARGEST_GAIN, _LARGEST_GAIN).astype(np.float32)

"""Words of known timing: how far told times are from true ones, and how many words at fault are found.

`python -m gsv_bench --only teacher-words --json`. No server. A teacher tells when it says each phone: flite, or one
whose speech `python -m gsv_demo data` has made (`--teacher-corpus`). Its speech is coded to tokens, as recordings are.
The table of phones is learned from T2S's own speech, as `make build` does it. Texts and voices are others than those
that the limits of the watch were chosen on (`word_limits`).

- starts: when the words of those tokens are told to begin, against the teacher's times.
- faults: of each text one word is cut out of the tokens, or doubled, at the teacher's times. What counts is whether
  the watch finds a fault and names the word, and how often it finds one in the tokens as they are.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from tqdm import tqdm

from gsv_build import checkpoints
from gsv_build.deployment import PRESETS
from gsv_build.phone_table import write_phone_table
from gsv_build.stage_builds import Weights
from gsv_build.weights import find_weights
from gsv_demo import recordings
from gsv_demo.alignment import align
from gsv_demo.everyday import held_out_everyday
from gsv_demo.symbols import phones_of
from gsv_demo.teachers.flite import Flite
from gsv_demo.teachers.speech import trimmed
from gsv_demo.tokens import tokenize
from gsv_runtime.contract import REPEATED, SAMPLE_RATE_HZ, SWALLOWED, TOKENS_PER_SECOND, TTS
from gsv_runtime.model_files import PHONE_DURATIONS_FILE, PHONE_TABLE_FILE
from gsv_runtime.tensors import Array
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.sentences import Sentence, unflatten
from gsv_runtime.text.symbols import phone_table
from gsv_runtime.tts.synthesis.alignment import Alignment, PhoneTable
from gsv_runtime.tts.synthesis.chunking import chunk_schedule
from gsv_runtime.tts.synthesis.word_faults import WordWatch
from gsv_runtime.tts.synthesis.word_times import phone_starts

VOICES = ("rms", "awb")  # flite's, but those of `word_limits`
TEXTS_SEED = 79
_SURPLUS_SAMPLES = 160  # without them the last token is lost
_LONG_PHONES = 4
_WITHIN_S = (0.06, 0.12)


@dataclass(frozen=True)
class TaughtSentence:
    """A sentence as the teacher said it; `spans_s` are start and end of each word, None where it said another."""

    sentence: Sentence
    tokens: Array  # [T] int64
    spans_s: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True)
class Starts:
    """Starts of words, told against true."""

    words: int
    within_60_ms: float
    within_120_ms: float
    median_ms: float


@dataclass(frozen=True)
class Found:
    """Faults of one kind: share found, with the right word named, and found by length of the word in phones."""

    takes: int
    found: float
    found_within: tuple[float, float]
    named: float
    long: float
    long_takes: int
    short: float


@dataclass(frozen=True)
class Lesson:
    """What a teacher said; `phones` and where each ends as the teacher tells, `audio` [N] float32 at 32 kHz."""

    text: str
    audio: Array
    phones: tuple[str, ...]
    ends_s: tuple[float, ...]


def flites_lessons(count: int, seed: int = TEXTS_SEED, voices: Sequence[str] = VOICES) -> Iterator[Lesson]:
    """Let flite say texts that no training saw, each by the next of its voices."""
    teacher = Flite()
    for text, voice in zip(held_out_everyday(count, seed), cycle(voices), strict=False):
        speech = trimmed(teacher.speak(text, "en", voice))
        yield Lesson(text, _at_32_khz(speech.audio, speech.rate_hz), tuple(speech.symbols), tuple(speech.ends_s))


def kept_lessons(corpus: Path, voice: str, count: int) -> Iterator[Lesson]:
    """Read English utterances of a corpus whose voices begin with `voice`, but those that its judge misheard."""
    for name in recordings.names(corpus):
        shard = recordings.read_shard(corpus, name)
        ends = np.cumsum([entry.samples for entry in shard.entries])
        for entry, agreed, end in zip(shard.entries, shard.agreed, ends, strict=True):
            if not count:
                return
            if agreed and entry.language == "en" and entry.voice.startswith(voice) and entry.symbols:
                audio = shard.audio[end - entry.samples : end].astype(np.float32) / 32768.0
                yield Lesson(entry.text, _at_32_khz(audio, shard.rate_hz), *phones_of(entry.symbols, entry.ends_s))
                count -= 1


def _at_32_khz(audio: Array, rate_hz: int) -> Array:
    return soxr.resample(audio, rate_hz, SAMPLE_RATE_HZ).astype(np.float32)


def taught(weights: Weights, lessons: Iterable[Lesson]) -> Iterator[TaughtSentence]:
    """Code a teacher's speech to tokens; what our front end takes for several sentences is left out."""
    hubert = checkpoints.load_hubert(weights.files.hubert).module
    quantizer, frontend = weights.sovits.module.quantizer, TextFrontend("v2", None)
    names = {number: name for name, number in phone_table("v2").items()}
    for lesson in tqdm(lessons, desc="taught", unit="text"):
        sentences = unflatten(vars(frontend.process(lesson.text, "en", "cut0", spans=True)))
        if len(sentences) != 1:
            continue
        (sentence,) = sentences
        ends_s = align([names[int(phone)] for phone in sentence.phones], lesson.phones, lesson.ends_s)
        spans_s = word_spans_s(sentence, ends_s, lesson.ends_s)
        tokens = tokenize(hubert, quantizer, [np.pad(lesson.audio, (0, _SURPLUS_SAMPLES))])[0]
        yield TaughtSentence(sentence, tokens, spans_s)


def word_spans_s(
    sentence: Sentence, ends_s: Array, teachers_ends_s: Sequence[float]
) -> tuple[tuple[float, float] | None, ...]:
    """When the teacher said each word.

    Args:
        sentence: with its words.
        ends_s: [P] when each of its phones ends; that of a phone that the teacher leaves out is the one before.
        teachers_ends_s: when each of the teacher's own phones ends.

    Returns:
        Start and end, or None where no phone of the word was said.
    """
    bounds_s = np.array([0.0, *teachers_ends_s])
    spans: list[tuple[float, float] | None] = []
    for word in sentence.words:
        own_s = ends_s[word.first_phone : word.first_phone + word.num_phones]
        before_s = float(ends_s[word.first_phone - 1]) if word.first_phone else 0.0
        said_s = own_s[own_s > before_s]
        # A phone begins where the teacher's own begins: there may be a pause before it that the text does not have.
        begun = int(np.searchsorted(bounds_s, said_s[0] - 1e-4)) - 1 if said_s.size else 0
        spans.append((float(bounds_s[begun]), float(own_s[-1])) if said_s.size else None)
    return tuple(spans)


def learned_table(weights: Weights) -> PhoneTable:
    """The table and durations that `make build` would write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        codebook = weights.sovits.module.acoustic.codebook.numpy()
        write_phone_table(weights.t2s.module, codebook, "v2", folder)
        gains, durations = (
            np.load(folder / file).astype(np.float32) for file in (PHONE_TABLE_FILE, PHONE_DURATIONS_FILE)
        )
    return PhoneTable(gains, durations)


def starts(table: PhoneTable, sentences: Sequence[TaughtSentence]) -> Starts:
    """Compare when words are told to begin, as `tts` tells it, with when they do."""
    schedule = chunk_schedule(PRESETS["cpu"].model(TTS).settings)
    errors_s: list[float] = []
    for said in sentences:
        path = Alignment(table, said.sentence.phones, schedule).advance(said.tokens, finished=True)
        told_s = phone_starts(path, said.sentence.phones.size) / TOKENS_PER_SECOND
        pairs = zip(said.sentence.words, said.spans_s, strict=True)
        errors_s += [abs(float(told_s[word.first_phone]) - span[0]) for word, span in pairs if span]
    errors = np.array(errors_s)
    within_60, within_120 = (round(float((errors <= limit_s).mean()), 4) for limit_s in _WITHIN_S)
    return Starts(errors.size, within_60, within_120, round(1e3 * float(np.median(errors)), 1))


def faults(table: PhoneTable, sentences: Sequence[TaughtSentence]) -> dict[str, Any]:
    """Cut out or double a word of each sentence, and look for it."""
    draw = np.random.default_rng(TEXTS_SEED)
    false_alarms = 0
    seen: dict[str, list[tuple[bool, bool, int]]] = {SWALLOWED: [], REPEATED: []}
    for said in sentences:
        watch = WordWatch(table, said.sentence.phones, said.sentence.words)
        false_alarms += bool(watch.faults(said.tokens))
        number = int(draw.choice([index for index, span in enumerate(said.spans_s) if span]))
        for kind, tokens in damaged(said, number).items():
            named = [(fault.word, fault.kind) for fault in watch.faults(tokens)]
            seen[kind].append((bool(named), (number, kind) in named, said.sentence.words[number].num_phones))
    return {
        "good_takes": len(sentences),
        "false_alarms": round(false_alarms / len(sentences), 4),
        "false_alarms_within": interval(false_alarms, len(sentences)),
        **{kind: asdict(_found(rows)) for kind, rows in seen.items()},
    }


def damaged(said: TaughtSentence, number: int) -> dict[str, Array]:
    """The tokens without a word, and with it twice."""
    span_s = said.spans_s[number]
    assert span_s is not None
    first = round(span_s[0] * TOKENS_PER_SECOND)
    end = min(max(round(span_s[1] * TOKENS_PER_SECOND), first + 1), said.tokens.size)
    without = np.delete(said.tokens, np.arange(first, end))
    return {SWALLOWED: without, REPEATED: np.insert(said.tokens, end, said.tokens[first:end])}


def _found(rows: Sequence[tuple[bool, bool, int]]) -> Found:
    found, named, phones = (np.array(column) for column in zip(*rows, strict=True))
    is_long = phones >= _LONG_PHONES
    shares = [_share(values) for values in (found, named, found[is_long], found[~is_long])]
    within = interval(int(found.sum()), len(rows))
    return Found(len(rows), shares[0], within, shares[1], shares[2], int(is_long.sum()), shares[3])


def interval(count: int, of: int) -> tuple[float, float]:
    """Where a share lies with 95 % confidence. Source: Wilson, "Probable inference", 1927."""
    share, width = count / of, 1.96**2 / of
    middle, half = share + width / 2, (width * (share * (1 - share) + width / 4)) ** 0.5
    return round((middle - half) / (1 + width), 4), round((middle + half) / (1 + width), 4)


def _share(values: Array) -> float:
    return round(float(values.sum()) / max(1, values.size), 4)


def _written(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.1%} to {bounds[1]:.1%}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--teacher-weights", type=Path, default=Path("build/gsv_demo/weights"))
    parser.add_argument("--teacher-texts", type=int, default=500, help="at most")
    parser.add_argument("--teacher-corpus", type=Path, help="of `python -m gsv_demo data`; default: flite speaks")
    parser.add_argument("--teacher-voice", default="kokoro", help="how the names of the corpus's voices begin")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure; return Markdown for people and values for machines."""
    weights = Weights(find_weights(arguments.teacher_weights))
    count, corpus = arguments.teacher_texts, arguments.teacher_corpus
    lessons = kept_lessons(corpus, arguments.teacher_voice, count) if corpus else flites_lessons(count)
    sentences = list(taught(weights, lessons))
    if not sentences:
        raise SystemExit(f"{corpus} has no English speech of voices {arguments.teacher_voice}… with phones")
    table = learned_table(weights)
    of_starts, of_faults = starts(table, sentences), faults(table, sentences)
    lines = [
        f"Starts of {of_starts.words} words: {of_starts.within_60_ms:.1%} within 60 ms, "
        f"{of_starts.within_120_ms:.1%} within 120 ms, median {of_starts.median_ms:.0f} ms.",
        f"False alarms in {of_faults['good_takes']} good takes: {of_faults['false_alarms']:.1%} "
        f"({_written(of_faults['false_alarms_within'])}).",
        "",
        f"| | takes | found | named | of {_LONG_PHONES} phones or more | of fewer |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for kind in (SWALLOWED, REPEATED):
        row = of_faults[kind]
        shares = " | ".join(f"{row[name]:.1%}" for name in ("named", "long", "short"))
        lines.append(f"| {kind} | {row['takes']} | {row['found']:.1%} ({_written(row['found_within'])}) | {shares} |")
    return "\n".join(lines), {"teacher_words": {"starts": asdict(of_starts), "faults": of_faults}}

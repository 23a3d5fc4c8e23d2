"""Lessons: what the teacher said is read again as it was said, and not said twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gsv_compress import lessons
from gsv_compress.teacher import Sentence
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.errors import InternalError
from gsv_runtime.voices.store import Voice

Say = Callable[[int], Sentence]


class Talker:
    """A teacher that says something else each time."""

    def __init__(self, say: Say) -> None:
        self._sentence = say
        self.said: list[tuple[str, float]] = []

    def say(self, text: str, _language: str, voice: Voice, seed: int) -> list[Sentence]:
        self.said.append((text, float(voice.global_condition[0, 0])))
        if len(self.said) == 3:
            raise InternalError("stage t2s ended a sentence without a token")
        return [self._sentence(seed), self._sentence(seed + 1)]


def speaker(value: float) -> Any:
    nothing, condition = np.zeros(0), np.full((1, 4), value, dtype=np.float32)
    return SimpleNamespace(voice=Voice("", "", "", "en", 3.0, nothing, nothing, nothing, condition))


def test_what_was_said_is_read_again_and_a_second_run_says_only_what_is_missing(say: Say, tmp_path: Path) -> None:
    talker, speakers = Talker(say), [speaker(0.0), speaker(1.0)]
    lessons.make(talker, speakers, "en", 6, tmp_path)  # type: ignore[arg-type]
    assert len(talker.said) == 6
    assert len({text for text, _ in talker.said}) == 6
    found = lessons.load(tmp_path)
    assert len(found) == 2 * 5  # one text failed
    expected = say(lessons._SEED)
    for name, value in vars(expected).items():
        np.testing.assert_allclose(getattr(found[0], name), value, atol=1e-3, err_msg=name)
    lessons.make(talker, speakers, "en", 6, tmp_path)  # type: ignore[arg-type]
    assert len(talker.said) == 7


def test_some_texts_are_said_with_a_timbre_between_two(say: Say, tmp_path: Path) -> None:
    talker = Talker(say)
    lessons.make(talker, [speaker(0.0), speaker(1.0)], "en", 12, tmp_path)  # type: ignore[arg-type]
    timbres = [timbre for _, timbre in talker.said]
    assert set(timbres[1::4] + timbres[3::4]) == {1.0}
    assert any(0.0 < timbre < 1.0 for timbre in timbres[::4])


@pytest.fixture
def marked(sentences: list[Sentence]) -> list[Sentence]:
    """Sentences whose latents and samples tell the number of their frame."""
    frames = np.arange(80, dtype=np.float32)
    return [
        replace(each, latents=np.tile(frames, (12, 1)), waveform=np.repeat(frames, SAMPLES_PER_FRAME))
        for each in sentences
    ]


def test_what_is_compared_is_heard_where_it_was_drawn(marked: list[Sentence]) -> None:
    latents, conditions, first, waveforms = lessons.Segments(marked, frames=10, context=4, seed=0).batch(40)
    assert latents.shape == (40, 12, 18)
    assert conditions.shape == (40, 16)
    as_said = latents[:, 0].repeat_interleave(SAMPLES_PER_FRAME, dim=1)
    np.testing.assert_array_equal(lessons.compared(as_said, first, 10), waveforms)


def test_how_sentences_begin_and_end_is_drawn_as_it_is_spoken(marked: list[Sentence]) -> None:
    latents, _, first, waveforms = lessons.Segments(marked, frames=10, context=4, seed=0).batch(400)
    heard, given = waveforms[:, ::SAMPLES_PER_FRAME], latents[:, 0]
    assert set(heard.flatten().tolist()) == set(range(80))
    for frames, row, index in zip(heard, given, first, strict=True):
        assert frames[0] - row[0] == index
        assert index >= 4 or row[0] == 0  # fewer frames before, where the sentence begins
        assert row[-1] - frames[-1] >= 4 or row[-1] == 79  # and behind, where it ends


def test_a_folder_without_a_sentence_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no sentence"):
        lessons.load(tmp_path)

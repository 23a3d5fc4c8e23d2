"""Lessons: what the teacher said is read again as it was said, and not said twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gsv_compress import lessons
from gsv_compress.teacher import Sentence
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


def test_a_segment_is_heard_where_its_middle_is(sentences: list[Sentence]) -> None:
    marked = [
        Sentence(**{**vars(each), "latents": np.tile(np.arange(80, dtype=np.float32), (12, 1)),
                    "waveform": np.repeat(np.arange(80, dtype=np.float32), 640)})
        for each in sentences
    ]  # fmt: skip
    latents, conditions, waveforms = lessons.Segments(marked, frames=10, context=4, seed=0).batch(5)
    assert latents.shape == (5, 12, 18)
    assert conditions.shape == (5, 16)
    np.testing.assert_array_equal(waveforms[:, ::640], latents[:, 0, 4:-4])


def test_a_folder_without_a_sentence_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no sentence"):
        lessons.load(tmp_path)

"""What the engine does around the server's services: words counted, places given back, failures told."""

import numpy as np
import pytest

from gsv_local import engine as module
from gsv_local.engine import LocalEngine
from gsv_runtime.errors import Cancelled, InternalError, InvalidRequest
from gsv_runtime.jobs import Reply


class Job:
    """Replies as it is told; keeps how it was left."""

    def __init__(self, outcome):
        self._outcome, self.left, self.asked = outcome, [], {}

    def replies(self, open_stages, is_cancelled):
        for index in range(3):
            if isinstance(self._outcome, Exception) and index == 1:
                raise self._outcome
            texts = np.array([f"{index}"], object)
            yield Reply({"voices": texts, "voices_json": texts, "warnings": []}, last=index == 2)

    def leave(self, failure):
        self.left.append(failure)


@pytest.fixture
def make(monkeypatch):
    """An engine whose models are not opened, and whose jobs end as said."""

    def made(outcome=None, max_words=2):
        engine = LocalEngine.__new__(LocalEngine)
        engine.max_words, engine._loaded = max_words, None  # type: ignore[assignment]
        engine._default_voice = "demo"
        job = Job(outcome)

        def admit(read):
            job.asked = read()
            return job

        engine._admits = {"tts": admit, "voices": admit}
        return engine, job

    monkeypatch.setattr(module, "InProcessStages", lambda loaded: None)
    return made


LISTED = {"action": np.array([b"list"], object)}


def test_a_stream_that_is_heard_to_its_end_gives_its_place_back_once(make):
    engine, job = make()
    assert len(list(engine.stream("voices", LISTED))) == 3
    assert job.left == [None]


def test_a_stream_that_is_left_gives_its_place_back(make):
    engine, job = make()
    stream = engine.stream("voices", LISTED)
    next(stream)
    stream.close()
    assert [type(failure) for failure in job.left] == [Cancelled]


@pytest.mark.parametrize(
    ("failure", "kind"), [(InvalidRequest("no"), InvalidRequest), (RuntimeError("secret"), InternalError)]
)
def test_a_failure_is_told_as_a_server_would_tell_it(make, failure, kind):
    engine, job = make(failure)
    with pytest.raises(kind) as raised:
        list(engine.stream("voices", LISTED))
    assert "secret" not in str(raised.value)
    assert job.left == [failure]


def test_words_are_counted_before_anything_is_done(make):
    engine, job = make()
    with pytest.raises(InvalidRequest, match="text has 3 words; need at most 2"):
        list(engine.stream("tts", {"text": np.array([b"one two three"], object)}))
    assert job.left == []


@pytest.mark.parametrize(
    ("named", "voice"), [({}, "demo"), ({"voice": "ann"}, "ann"), ({"reference_audio": "RIFF"}, None)]
)
def test_who_names_nobody_is_spoken_to_by_the_bundles_own_voice(make, named, voice):
    engine, job = make()
    asked = {name: np.array([text.encode()], object) for name, text in {"text": "one two", **named}.items()}
    with pytest.raises(InternalError):  # this job answers as `voices` does
        next(engine.stream("tts", asked))
    assert [str(name) for name in job.asked.get("voice", ())] == ([voice] if voice else [])


def test_a_stage_by_itself_is_not_open_but_for_the_text_front_end(make):
    engine, _ = make()
    with pytest.raises(InternalError, match="stage vocoder is not open"):
        engine.infer("vocoder", {})

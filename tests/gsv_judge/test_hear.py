import json

import numpy as np
import pytest
import soundfile

from gsv_judge.hear import hear_folder, unheard

RATE_HZ = 24_000


class Ear:
    """Understands everything but the second utterance; counts what it was given."""

    def __init__(self):
        self.seconds = []

    def transcribe_many(self, utterances, language):
        for index, (samples, text) in enumerate(utterances):
            self.seconds.append(round(len(samples) / 16_000, 2))
            yield index, "other words" if index == 1 else text.lower().rstrip(".")


@pytest.fixture
def shards(tmp_path):
    for name in ("a-0000", "a-0001"):
        entries = [
            {"text": text, "language": "en", "samples": samples}
            for text, samples in (("One.", RATE_HZ), ("Good morning.", 2 * RATE_HZ), ("Yes.", RATE_HZ // 2))
        ]
        soundfile.write(tmp_path / f"{name}.flac", np.zeros(sum(e["samples"] for e in entries)), RATE_HZ)
        (tmp_path / f"{name}.json").write_text(json.dumps(entries))
    return tmp_path


def test_each_utterance_of_a_shard_is_heard_by_itself_and_its_errors_kept(shards):
    ear = Ear()
    assert hear_folder(shards, ["a-0000"], lambda: ear) == 1
    found = json.loads((shards / "a-0000.heard.json").read_text())
    assert [entry["errors"] for entry in found] == [0, 2, 0]
    assert [entry["said"] for entry in found] == [1, 2, 1]
    assert ear.seconds == [1.0, 2.0, 0.5]


def test_a_shard_is_heard_once(shards):
    assert hear_folder(shards, [], Ear) == 2
    assert unheard(shards) == []
    assert hear_folder(shards, [], lambda: pytest.fail("no judge is needed")) == 0


def test_a_shard_without_its_samples_waits(shards):
    (shards / "a-0001.flac").unlink()
    assert [path.stem for path in unheard(shards)] == ["a-0000"]

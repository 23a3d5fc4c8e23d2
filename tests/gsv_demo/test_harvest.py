"""The corpus is made shard by shard, judged, and loaded without what nobody should train on."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gsv_demo import corpus, harvest, packing, recordings, references, teachers
from gsv_demo.harvest import Part
from gsv_demo.teachers.speech import Speech
from gsv_runtime.contract import SAMPLES_PER_TOKEN

pytestmark = pytest.mark.slow

RATE_HZ = 24_000


class Teacher:
    """Hums each text as long as it is; cannot say one word."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def speak(self, text: str, language: str, voice: str) -> Speech:
        if "oliver" in text.lower():
            raise ValueError("no")
        self.said.append(text)
        seconds = 3.2 + 0.001 * len(text)
        hertz = 150 + 10 * (sum(map(ord, voice)) % 7)
        audio = (0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)
        return Speech(audio, RATE_HZ, ("_", "m", "i", "_"), (0.1, 1.0, seconds - 0.1, seconds))


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> Teacher:
    one = Teacher()
    monkeypatch.setattr(teachers, "load", lambda name: one)
    return one


PARTS = [Part("hibari", "en", ("hibari-1.00", "hibari-1.08"), 70, 5), Part("held-out", "en", ("kokoro-03",), 3, 0)]


def test_what_was_spoken_is_not_spoken_again(tmp_path: Path, teacher: Teacher) -> None:
    harvest.make(tmp_path, PARTS, judged=False)
    first = len(teacher.said)
    assert recordings.names(tmp_path / "corpus") == ["held-out-0000", "hibari-0000", "hibari-0001"]
    harvest.make(tmp_path, PARTS, judged=False)
    assert len(teacher.said) == first
    (tmp_path / "corpus" / "hibari-0001.json").unlink()
    harvest.make(tmp_path, PARTS, judged=False)
    assert 0 < len(teacher.said) - first <= 10


def test_what_is_set_apart_is_written_down_first(tmp_path: Path, teacher: Teacher) -> None:
    harvest.make(tmp_path, PARTS[:1], judged=False)
    apart = json.loads((tmp_path / "held-out.json").read_text())
    assert len(apart["voices"]) == 6
    assert len(apart["texts"]["en"]) == 100


def test_training_hears_nothing_that_is_set_apart_or_misunderstood(tmp_path: Path, teacher: Teacher) -> None:
    harvest.make(tmp_path, PARTS, judged=False)
    folder = tmp_path / "corpus"
    entries = recordings.read_entries(folder, "hibari-0000")
    heard = [{"heard": "", "said": 10, "errors": 2 if index == 4 else 1} for index in range(len(entries))]
    (folder / "hibari-0000.heard.json").write_text(json.dumps(heard))
    found = corpus.load(folder)
    assert {item.voice for item in found.items} == {"hibari-1.00", "hibari-1.08"}
    assert entries[4].text not in {item.text for item in found.items}
    assert len(found.items) == len(teacher.said) - 3 - 1
    assert all(item.start % SAMPLES_PER_TOKEN == 0 for item in found.items)
    item = found.items[0]
    assert item.phones == ("pau", "m", "iy", "pau")
    assert item.seconds == pytest.approx(entries[0].samples / RATE_HZ, abs=0.001)
    assert np.abs(found.waveform(item)).max() == pytest.approx(0.2, abs=0.01)
    assert len(found.waveform_16k(item)) == pytest.approx(item.samples / 2, abs=2)


def test_the_corpus_is_joined_anew_when_a_shard_comes(tmp_path: Path, teacher: Teacher) -> None:
    harvest.make(tmp_path, [Part("hibari", "en", ("hibari-1.00",), 5, 5)], judged=False)
    few = len(corpus.load(tmp_path / "corpus").items)
    harvest.make(tmp_path, [Part("joe", "en", ("joe-1.00",), 5, 6)], judged=False)
    assert len(corpus.load(tmp_path / "corpus").items) > few


def test_an_empty_folder_says_what_makes_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make them first: python -m gsv_demo data"):
        corpus.load(tmp_path)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, and what it is packed into as one part."""
    folder = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(teachers, "load", lambda name: Teacher())
        harvest.make(folder, PARTS, judged=False)
    (folder / "phones.json").write_text("{}")
    assert len(packing.pack(folder, folder / "packed", part_mib=36)) == 1
    return folder


def test_a_packed_corpus_is_small_in_parts_and_says_the_same(tmp_path: Path, packed: Path) -> None:
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    whole = sum(path.stat().st_size for path in (tmp_path / "corpus").iterdir())
    parts = packing.pack(tmp_path, tmp_path / "packed", part_mib=0.05)
    assert len(parts) == 2
    assert sum(path.stat().st_size for path in parts) < whole
    there = tmp_path / "there"
    assert packing.unpack(tmp_path / "packed", there) == len(parts)
    assert (there / "phones.json").exists()
    here, found = corpus.load(tmp_path / "corpus"), corpus.load(there / "corpus")
    assert [item.text for item in found.items] == [item.text for item in here.items]
    for one, two in zip(here.items, found.items, strict=True):
        assert (one.start, one.samples) == (two.start, two.samples)
    a, b = here.waveform(here.items[1]), found.waveform(found.items[1])
    assert np.corrcoef(a[3000:-3000], b[3000:-3000])[0, 1] > 0.95


def test_a_part_that_has_arrived_alone_can_be_trained_on(tmp_path: Path, packed: Path) -> None:
    shutil.copytree(packed, tmp_path, dirs_exist_ok=True)
    parts = packing.pack(tmp_path, tmp_path / "packed", part_mib=0.05)
    parts[1].unlink()
    packing.unpack(tmp_path / "packed", tmp_path / "there")
    assert corpus.load(tmp_path / "there" / "corpus").items


def test_each_judged_voice_gets_a_reference_that_the_judge_understood(tmp_path: Path, teacher: Teacher) -> None:
    harvest.make(tmp_path, [Part("references", "en", ("kokoro-03", "joe-1.00"), 8, 9)], judged=False)
    folder = tmp_path / "corpus"
    entries = recordings.read_entries(folder, "references-0000")
    heard = [{"heard": "", "said": 5, "errors": 5 * (index == 0)} for index in range(len(entries))]
    (folder / "references-0000.heard.json").write_text(json.dumps(heard))
    references.write_natural_references(folder, tmp_path / "references")
    rows = json.loads((tmp_path / "references" / "references.json").read_text())
    assert [row["voice"] for row in rows] == ["kokoro-03", "joe-1.00"]
    assert entries[0].text not in {row["prompt_text"] for row in rows}


def test_held_out_texts_by_their_teachers_are_a_folder_to_judge(tmp_path: Path, teacher: Teacher) -> None:
    judged_by = ("kokoro-03", "joe-1.00")
    parts = [Part("references", "en", judged_by, 4, 9), Part("held-out", "en", judged_by, 5, 0)]
    harvest.make(tmp_path, parts, judged=False)
    assert references.write_originals(tmp_path / "corpus", tmp_path / "originals") == 5
    rows = json.loads((tmp_path / "originals" / "manifest.json").read_text())
    assert [row["speaker"] for row in rows] == ["kokoro-03", "joe-1.00", "kokoro-03", "joe-1.00", "kokoro-03"]
    assert all((tmp_path / "originals" / row[name]).exists() for row in rows for name in ("audio", "reference"))
    assert (tmp_path / "originals" / "texts.txt").read_text().splitlines() == [row["text"] for row in rows]


def test_a_voice_without_a_reference_is_left_out_and_told(
    tmp_path: Path, teacher: Teacher, caplog: pytest.LogCaptureFixture
) -> None:
    harvest.make(tmp_path, [Part("references", "en", ("kokoro-03", "joe-1.00"), 2, 9)], judged=False)
    folder = tmp_path / "corpus"
    heard = [{"heard": "", "said": 5, "errors": 5 * index} for index in range(2)]
    (folder / "references-0000.heard.json").write_text(json.dumps(heard))
    references.write_natural_references(folder, tmp_path / "references")
    assert [row["voice"] for row in json.loads((tmp_path / "references" / "references.json").read_text())] == [
        "kokoro-03"
    ]
    assert "voices=joe-1.00" in caplog.text

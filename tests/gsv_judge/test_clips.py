import json

import pytest
import soundfile

from gsv_judge.clips import Clip, read_audio, read_folder, write_manifest

from .conftest import RATE_HZ, hum


def test_a_manifest_gives_back_what_was_written(folder):
    clips = read_folder(folder)
    assert [clip.name for clip in clips] == ["0-ann", "1-ann", "0-bob", "1-bob"]
    assert clips[2].reference == folder / "reference-bob.wav"
    assert clips[2].speaker == "bob"
    write_manifest(folder, clips)
    assert read_folder(folder) == clips


def test_a_manifest_moves_with_its_folder(folder, tmp_path_factory):
    moved = tmp_path_factory.mktemp("moved") / "run"
    folder.rename(moved)
    assert all(clip.audio.exists() for clip in read_folder(moved))


def test_without_a_manifest_texts_lie_beside_the_audio(tmp_path):
    soundfile.write(tmp_path / "a.wav", hum(200), RATE_HZ)
    soundfile.write(tmp_path / "b.flac", hum(200), RATE_HZ)
    (tmp_path / "a.txt").write_text("Good evening.\n")
    assert read_folder(tmp_path) == [Clip(tmp_path / "a.wav", "Good evening."), Clip(tmp_path / "b.flac")]


def test_an_empty_folder_and_a_missing_file_are_refused_with_what_is_needed(folder, tmp_path_factory):
    with pytest.raises(ValueError, match="need at least one file"):
        read_folder(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match="is no folder"):
        read_folder(folder / "nowhere")
    (folder / "0-ann.wav").unlink()
    with pytest.raises(ValueError, match=r"names .*0-ann.wav \(1 in all\), which is not there"):
        read_folder(folder)


def test_a_field_that_a_newer_version_added_does_no_harm(folder):
    rows = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps([{**row, "mood": "glad"} for row in rows]))
    assert len(read_folder(folder)) == 4


def test_two_channels_become_one(tmp_path):
    soundfile.write(tmp_path / "two.wav", [[0.5, -0.5]] * 100, RATE_HZ)
    samples, rate_hz = read_audio(tmp_path / "two.wav")
    assert samples.shape == (100,)
    assert rate_hz == RATE_HZ
    assert abs(samples).max() < 1e-4

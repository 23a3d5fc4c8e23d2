import base64
import concurrent.futures
import dataclasses
import errno
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from gsv_runtime.errors import InternalError, InvalidRequest, StorageFailed, VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import VoiceStore, voice_digest


@pytest.fixture
def make_request(make_recording):
    def make(prompt_text="hello", seconds=4.0):
        return ReferenceRequest(make_recording(seconds), prompt_text, "en", trim=False)

    return make


@pytest.fixture
def derive(facts, make_stages):
    """Derives a voice from a recording, with the weights of this server or others."""

    def derive(request, weights="w"):
        return derive_voice(request, make_stages(), dataclasses.replace(facts, weights_digest=weights))

    return derive


@pytest.fixture
def make_voice(make_request, derive):
    """A voice and the recording that it was derived from, as `add` takes them."""

    def make(prompt_text="hello", seconds=4.0, weights="w"):
        request = make_request(prompt_text, seconds)
        return derive(request, weights), request

    return make


@pytest.fixture
def store(tmp_path):
    return VoiceStore(tmp_path, max_voices=3)


def test_a_voice_survives_a_restart(tmp_path, make_voice):
    voice, request = make_voice()
    VoiceStore(tmp_path).add("anna", voice, request)
    again = VoiceStore(tmp_path).get("anna", "w")
    for field in dataclasses.fields(voice):
        if field.name == "report":  # told when it was registered, and by `list`
            continue
        assert np.array_equal(getattr(again, field.name), getattr(voice, field.name))


def test_a_voice_without_transcript_has_timbre_only(make_voice):
    voice, _ = make_voice(prompt_text="")
    assert (voice.prompt_tokens.size, voice.prompt_phones.size, voice.prompt_features.shape) == (0, 0, (2, 0))
    assert voice.global_condition.shape == (1, 4)


def test_only_pro_versions_ask_for_a_speaker_embedding(facts, make_stages, make_recording):
    request = ReferenceRequest(make_recording(), "", "en", trim=False)
    for version, asked in (("v2", 0), ("v2Pro", 1), ("v2ProPlus", 1)):
        stages = make_stages()
        derive_voice(request, stages, dataclasses.replace(facts, version=version))
        assert len(stages.inputs_of("speaker_encoder")) == asked
        assert ("speaker_embedding" in stages.inputs_of("reference_encoder")[0]) == bool(asked)


def test_same_text_with_other_audio_is_another_voice(make_recording):
    def digest(**changes):
        request = ReferenceRequest(make_recording(), "hello", "en", trim=False)
        return voice_digest(dataclasses.replace(request, **changes), "w")

    changed: list[dict[str, Any]] = [{"audio": b"x"}, {"prompt_text": "hi"}, {"prompt_language": "zh"}, {"trim": True}]
    assert len({digest(), *(digest(**change) for change in changed)}) == 5


def test_voices_are_listed_by_name_and_deleted(store, make_voice):
    for name in ("b", "a"):
        store.add(name, *make_voice())
    assert [entry.voice for entry in store.entries()] == ["a", "b"]
    store.delete("a")
    assert [entry.voice for entry in store.entries()] == ["b"]
    assert store.get("b", "w").seconds == 4.0
    with pytest.raises(VoiceNotFound, match="'a' is not registered"):
        store.get("a", "w")
    with pytest.raises(VoiceNotFound, match="nothing to delete"):
        store.delete("a")


def test_content_is_kept_while_a_name_needs_it_and_not_longer(store, tmp_path, make_voice):
    for name in ("a", "b"):
        store.add(name, *make_voice())
    store.delete("a")
    assert len(list((tmp_path / "content").iterdir())) == 1
    store.add("b", *make_voice(prompt_text="other"))
    assert len(list((tmp_path / "content").iterdir())) == 1
    store.delete("b")
    assert not list((tmp_path / "content").iterdir())
    assert not list((tmp_path / "clips").iterdir())


def test_after_a_build_with_other_weights_a_voice_is_derived_anew_from_its_recording_and_only_once(
    store, make_voice, derive
):
    store.add("a", *make_voice())
    asked = []

    def anew(request):
        asked.append(request)
        return derive(request, "other")

    expected, request = make_voice(weights="other")
    for _ in range(2):
        assert store.get("a", "other", anew).content == expected.content
    assert asked == [request]
    assert [entry.voice for entry in store.entries()] == ["a"]


def test_going_back_to_the_weights_before_derives_nothing(store, make_voice, derive):
    store.add("a", *make_voice())
    store.get("a", "new", lambda request: derive(request, "new"))
    assert store.get("a", "w").weights_digest == "w"


@pytest.mark.slow
def test_features_of_weights_long_gone_are_removed_and_the_recording_stays(store, tmp_path, make_voice, derive):
    store.add("a", *make_voice())
    for build in range(9):
        store.get("a", f"build {build}", lambda request, build=build: derive(request, f"build {build}"))
    assert len(list((tmp_path / "content").iterdir())) == 4
    assert len(list((tmp_path / "clips").iterdir())) == 1
    assert store.get("a", "build 8").seconds == 4.0


def test_features_that_were_lost_are_derived_anew(store, tmp_path, make_voice, derive):
    store.add("a", *make_voice())
    for path in (tmp_path / "content").iterdir():
        path.unlink()
    assert store.get("a", "w", derive).seconds == 4.0
    assert store.get("a", "w").seconds == 4.0


def test_a_voice_that_is_replaced_while_it_is_derived_anew_keeps_its_new_recording(store, make_voice, derive):
    store.add("a", *make_voice())

    def replaced_meanwhile(request):
        store.add("a", *make_voice(seconds=5.0, weights="other"))
        return derive(request, "other")

    store.get("a", "other", replaced_meanwhile)
    assert store.get("a", "other").seconds == 5.0


def test_a_recording_is_kept_as_a_file_that_a_player_takes_however_it_was_spelled(store, tmp_path, make_voice):
    voice, request = make_voice()
    spelled = dataclasses.replace(request, audio=base64.b64encode(request.audio))
    store.add("a", voice, spelled)
    (clip,) = (tmp_path / "clips").iterdir()
    assert clip.read_bytes() == request.audio
    assert store.reference("a") == request


@pytest.mark.slow
def test_every_recording_of_a_voice_of_several_is_kept_and_read_anew(store, tmp_path, make_request, derive):
    request = dataclasses.replace(make_request(), aux_audio=(make_request(seconds=5.0).audio,))
    store.add("a", derive(request), request)
    assert len(list((tmp_path / "clips").iterdir())) == 2
    anew = []
    store.get("a", "other", lambda reference: anew.append(reference) or derive(reference, "other"))
    assert anew == [request]
    store.delete("a")
    assert not list((tmp_path / "clips").iterdir())


def test_a_voice_of_an_older_version_speaks_with_its_weights_and_says_why_not_with_others(store, tmp_path, make_voice):
    store.add("a", *make_voice())
    path = tmp_path / "names" / "a.json"
    record = json.loads(path.read_text())
    for name in ("derived", "clips", "trim"):  # which that version did not write
        del record[name]
    path.write_text(json.dumps(record))
    assert store.get("a", "w").seconds == 4.0
    with pytest.raises(InvalidRequest, match="other weights, by a version that kept no recordings; register it again"):
        store.get("a", "other", lambda _: pytest.fail("there is nothing to derive it from"))


def test_what_an_older_version_reads_is_written_still(store, tmp_path, make_voice, derive):
    store.add("a", *make_voice())
    store.get("a", "new", lambda request: derive(request, "new"))
    record = json.loads((tmp_path / "names" / "a.json").read_text())
    assert record["weights_digest"] == "new"
    assert (tmp_path / "content" / f"{record['digest']}.npz").is_file()


def test_a_folder_that_cannot_be_written_is_told_without_its_path_and_reading_goes_on(store, tmp_path, make_voice):
    store.add("a", *make_voice())
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").mkdir()  # which nobody can open for writing, root included
    for action in (lambda: store.add("b", *make_voice()), lambda: store.delete("a")):
        with pytest.raises(InternalError, match=r"cannot keep voices") as told:
            action()
        assert str(tmp_path) not in str(told.value)
    assert store.get("a", "w").seconds == 4.0


def test_a_voice_is_derived_anew_at_each_request_where_it_cannot_be_kept(store, tmp_path, make_voice, derive):
    store.add("a", *make_voice())
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").mkdir()
    for _ in range(2):
        assert store.get("a", "other", lambda request: derive(request, "other")).weights_digest == "other"


@pytest.mark.slow
def test_a_full_store_says_so_but_still_replaces(store, make_voice):
    for name in "abc":
        store.add(name, *make_voice())
    with pytest.raises(InvalidRequest, match="3 voices are registered"):
        store.add("d", *make_voice())
    store.add("c", *make_voice())


def test_a_writer_that_dies_leaves_no_half_written_voice(store, tmp_path, make_voice, monkeypatch):
    store.add("a", *make_voice())

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(KeyboardInterrupt):
        store.add("a", *make_voice(prompt_text="other"))
    assert store.get("a", "w").prompt_text == "hello"
    assert sorted(path.name for path in tmp_path.rglob(".*")) == []


CHURN = """
import sys
from pathlib import Path
import numpy as np
from gsv_runtime.errors import VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.store import Voice, VoiceStore
store, mine = VoiceStore(Path(sys.argv[1])), sys.argv[2]
clip = ReferenceRequest(b"clip", "", "en", False)
voice = Voice("same", "w", "", "en", 3.0, np.zeros(0), np.zeros(0), np.zeros((2, 0)), np.ones((1, 4)))
for _ in range(40):
    store.add(mine, voice, clip)
    assert store.get(mine, "w").global_condition.sum() == 4
    store.delete(mine)
"""


@pytest.mark.slow
def test_processes_that_register_and_delete_the_same_content_do_not_lose_it(tmp_path):
    def churn(name):
        return subprocess.run([sys.executable, "-c", CHURN, str(tmp_path), name], capture_output=True, text=True)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for result in pool.map(churn, ["a", "b"]):
            assert result.returncode == 0, result.stderr
    assert not list((tmp_path / "content").iterdir())


def test_a_full_disk_is_told_and_leaves_the_voice_that_was_there_whole(store, tmp_path, make_voice, monkeypatch):
    store.add("a", *make_voice())
    before = sorted(path.name for path in tmp_path.rglob("*"))

    def full(source, target):
        if str(target).endswith(".json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    replace = os.replace
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StorageFailed, match=r"cannot keep voices .*No space left on device"):
        store.add("a", *make_voice(prompt_text="other"))
    assert store.get("a", "w").prompt_text == "hello"
    assert sorted(path.name for path in tmp_path.rglob("*")) == before

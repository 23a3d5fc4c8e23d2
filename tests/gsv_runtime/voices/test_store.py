import concurrent.futures
import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest, VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import VoiceStore, voice_digest


@pytest.fixture
def make_voice(facts, make_stages, make_recording):
    def make(prompt_text="hello", seconds=4.0, **changes):
        request = ReferenceRequest(make_recording(seconds), prompt_text, "en", trim=False)
        return derive_voice(request, make_stages(), dataclasses.replace(facts, **changes))

    return make


@pytest.fixture
def store(tmp_path):
    return VoiceStore(tmp_path, max_voices=3)


def test_a_voice_survives_a_restart(tmp_path, make_voice):
    voice = make_voice()
    VoiceStore(tmp_path).add("anna", voice)
    again = VoiceStore(tmp_path).get("anna", "w")
    for field in dataclasses.fields(voice):
        if field.name == "report":  # told when it was registered, and by `list`
            continue
        assert np.array_equal(getattr(again, field.name), getattr(voice, field.name))


def test_a_voice_without_transcript_has_timbre_only(make_voice):
    voice = make_voice(prompt_text="")
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
        store.add(name, make_voice())
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
        store.add(name, make_voice())
    store.delete("a")
    assert len(list((tmp_path / "content").iterdir())) == 1
    store.add("b", make_voice(prompt_text="other"))
    assert len(list((tmp_path / "content").iterdir())) == 1
    store.delete("b")
    assert not list((tmp_path / "content").iterdir())


def test_a_voice_made_with_other_weights_is_refused(store, make_voice):
    store.add("a", make_voice())
    with pytest.raises(InvalidRequest, match="other weights; register it again"):
        store.get("a", "other")


def test_a_full_store_says_so_but_still_replaces(store, make_voice):
    voice = make_voice()
    for name in "abc":
        store.add(name, voice)
    with pytest.raises(InvalidRequest, match="3 voices are registered"):
        store.add("d", voice)
    store.add("c", voice)


def test_a_writer_that_dies_leaves_no_half_written_voice(store, tmp_path, make_voice, monkeypatch):
    store.add("a", make_voice())

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(KeyboardInterrupt):
        store.add("a", make_voice(prompt_text="other"))
    assert store.get("a", "w").prompt_text == "hello"
    assert len(list(tmp_path.rglob("*"))) == 5


CHURN = """
import sys
from pathlib import Path
import numpy as np
from gsv_runtime.errors import VoiceNotFound
from gsv_runtime.voices.store import Voice, VoiceStore
store, mine = VoiceStore(Path(sys.argv[1])), sys.argv[2]
voice = Voice("same", "w", "", "en", 3.0, np.zeros(0), np.zeros(0), np.zeros((2, 0)), np.ones((1, 4)))
for _ in range(40):
    store.add(mine, voice)
    assert store.get(mine, "w").global_condition.sum() == 4
    store.delete(mine)
"""


def test_processes_that_register_and_delete_the_same_content_do_not_lose_it(tmp_path):
    def churn(name):
        return subprocess.run([sys.executable, "-c", CHURN, str(tmp_path), name], capture_output=True, text=True)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for result in pool.map(churn, ["a", "b"]):
            assert result.returncode == 0, result.stderr
    assert not list((tmp_path / "content").iterdir())

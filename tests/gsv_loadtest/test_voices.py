import json
from types import SimpleNamespace

import pytest

from gsv_loadtest.voices import NoVoices, voices_of


class FakeClient:
    def __init__(self, *registered):
        self.registered, self.added = list(registered), []

    def list_voices(self):
        return [SimpleNamespace(voice=voice) for voice in self.registered]

    def register_voice(self, voice, audio, prompt_text, prompt_language):
        assert audio.read_bytes() == b"clip"
        self.added.append((voice, prompt_text, prompt_language))


@pytest.fixture
def references(tmp_path):
    clips = [
        {"voice": voice, "audio": f"{voice}.flac", "prompt_text": f"I am {voice}.", "prompt_language": "en"}
        for voice in ("ann", "bob")
    ]
    (tmp_path / "references.json").write_text(json.dumps(clips))
    for clip in clips:
        (tmp_path / clip["audio"]).write_bytes(b"clip")
    return tmp_path


def test_clips_that_are_missing_are_registered_and_no_other_voice_is_asked_for(references):
    client = FakeClient("ann", "somebody")
    assert voices_of(client, references) == ["ann", "bob"]
    assert client.added == [("bob", "I am bob.", "en")]


def test_without_clips_the_servers_own_voices_are_asked_for():
    assert voices_of(FakeClient("ann"), None) == ["ann"]
    with pytest.raises(NoVoices, match="gsv voices register"):
        voices_of(FakeClient(), None)

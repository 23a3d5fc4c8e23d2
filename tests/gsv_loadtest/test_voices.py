import json
from types import SimpleNamespace

import pytest

from gsv_client.errors import InvalidRequest, ServerBusy
from gsv_loadtest.voices import NoVoices, registered_voices, voices_for


class FakeClient:
    def __init__(self, *registered):
        self.registered, self.added, self.deleted = list(registered), [], []
        self.fails_at = None

    def list_voices(self):
        return [SimpleNamespace(voice=voice) for voice in self.registered]

    def register_voice(self, voice, audio, prompt_text, prompt_language):
        assert audio.read_bytes() == b"clip"
        if voice == self.fails_at:
            raise InvalidRequest("no")
        self.added.append((voice, prompt_text, prompt_language))

    def delete_voice(self, voice):
        if voice == self.fails_at:
            raise ServerBusy("busy")
        self.deleted.append(voice)


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


def test_clips_that_are_missing_are_registered_no_other_voice_is_asked_for_and_they_are_deleted(references):
    client = FakeClient("ann", "somebody")
    with voices_for(client, references) as voices:
        assert voices == ["ann", "bob"]
        assert client.deleted == []
    assert client.added == [("bob", "I am bob.", "en")]
    assert client.deleted == ["bob"]


@pytest.mark.parametrize("fails_at", ["bob", None])
def test_what_was_registered_goes_also_when_something_fails(references, fails_at):
    client = FakeClient()
    client.fails_at = fails_at
    with pytest.raises(InvalidRequest), voices_for(client, references):
        raise InvalidRequest("in the load")
    assert client.deleted == [voice for voice, *_ in client.added]


def test_a_voice_that_cannot_be_deleted_is_told(references, caplog):
    client = FakeClient()
    with voices_for(client, references):
        client.fails_at = "ann"
    assert client.deleted == ["bob"]
    assert "gsv voices delete ann" in caplog.text


def test_without_clips_the_servers_own_voices_are_asked_for_and_stay():
    client = FakeClient("ann")
    with voices_for(client, None) as voices:
        assert voices == ["ann"]
    assert client.deleted == []
    with pytest.raises(NoVoices, match="gsv voices register"):
        registered_voices(FakeClient())

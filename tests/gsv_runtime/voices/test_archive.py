"""Voices go to a file and come back whole, to servers with the same or other weights."""

import dataclasses
import io
import tarfile

import pytest

from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.archive import NoArchive, export, import_archive
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import VoiceStore


@pytest.fixture
def here(tmp_path, facts, make_stages, make_recording):
    """A store with two voices."""
    store = VoiceStore(tmp_path / "here")
    for name, seconds in (("ann", 4.0), ("bob", 5.0)):
        request = ReferenceRequest(make_recording(seconds), "hello", "en", trim=False)
        store.add(name, derive_voice(request, make_stages(), facts), request)
    return store


@pytest.fixture
def there(tmp_path):
    return VoiceStore(tmp_path / "there")


def exported(store, *names):
    file = io.BytesIO()
    export(store, names, file)
    return file.getvalue()


def altered(archive, change):
    """The tar with each member's data as `change` (name, data) has it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=file, mode="w") as new:
        for member in old:
            name, data = change(member.name, old.extractfile(member).read())
            changed = tarfile.TarInfo(name)
            changed.size = len(data)
            new.addfile(changed, io.BytesIO(data))
    return file.getvalue()


def test_voices_come_back_with_their_dates_features_and_recordings(here, there):
    done = import_archive(there, io.BytesIO(exported(here, "ann", "bob")))
    assert (done.added, done.present, done.refused) == (["ann", "bob"], [], [])
    assert there.entries() == here.entries()
    assert there.get("ann", "w").content == here.get("ann", "w").content
    assert there.reference("bob") == here.reference("bob")


def test_a_server_with_other_weights_derives_them_anew(here, there, facts, make_stages):
    import_archive(there, io.BytesIO(exported(here, "ann")))
    other = dataclasses.replace(facts, weights_digest="other")
    voice = there.get("ann", "other", lambda request: derive_voice(request, make_stages(), other))
    assert voice.weights_digest == "other"


def test_a_voice_that_is_there_stays_unless_it_is_to_be_replaced(here, there):
    import_archive(there, io.BytesIO(exported(here, "bob")))
    renamed = altered(exported(here, "ann"), lambda name, data: (name.replace("ann", "bob"), data))
    archive = altered(renamed, lambda name, data: (name, data.replace(b'"voice": "ann"', b'"voice": "bob"')))
    assert import_archive(there, io.BytesIO(archive)).present == ["bob"]
    assert there.get("bob", "w").seconds == 5.0
    assert import_archive(there, io.BytesIO(archive), replace=True).added == ["bob"]
    assert there.get("bob", "w").seconds == 4.0


@pytest.mark.parametrize(
    "change",
    [
        lambda name, data: (name, data[:-1] + b"!" if name.endswith("clip-0") else data),
        lambda name, data: (name, data[:100] if name.endswith(".npz") else data),
        lambda name, data: (name, b"{}" if name.endswith("voice.json") else data),
        lambda name, data: (name.replace("ann/clip-0", "ann/clip"), data),
        lambda name, data: (name.replace("ann/", "eve/"), data),
    ],
    ids=["recording", "features", "record", "no recording", "another name"],
)
def test_a_damaged_voice_is_refused_and_the_others_come(here, there, change):
    archive = altered(exported(here, "ann", "bob"), change)
    done = import_archive(there, io.BytesIO(archive))
    assert len(done.refused) >= 1
    assert "ann" not in [entry.voice for entry in there.entries()]


def test_nothing_of_an_archive_is_unpacked_by_its_path(here, there, tmp_path):
    archive = altered(exported(here, "ann"), lambda name, data: (name.replace("ann/", "../../ann/"), data))
    with pytest.raises(NoArchive, match="no voice is in there"):
        import_archive(there, io.BytesIO(archive))
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("data", [b"", b"no tar", b"\x00" * 2048])
def test_what_is_no_archive_says_what_is_needed(there, data):
    with pytest.raises(NoArchive, match="`gsv voices export` wrote"):
        import_archive(there, io.BytesIO(data))

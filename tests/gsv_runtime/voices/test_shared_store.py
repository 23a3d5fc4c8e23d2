"""Voices that several servers share: in a Redis, in a bucket by S3, and in whatever else keeps bytes by path."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest, ServerBusy, VoiceNotFound
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.opening import open_voices
from gsv_runtime.voices.shared_store import CloudObjects, RedisObjects, SharedVoiceStore
from gsv_runtime.voices.store import Voice, VoiceStore

VOICE = Voice(
    digest="d1",
    weights_digest="w",
    prompt_text="what is said",
    prompt_language="en",
    seconds=4.5,
    prompt_tokens=np.arange(5),
    prompt_phones=np.arange(3),
    prompt_features=np.ones((2, 3), np.float32),
    global_condition=np.full((1, 4), 0.5, np.float32),
)
CLIP = ReferenceRequest(b"RIFF the recording", "what is said", "en", False, (b"RIFF more of it",))
OTHER_CLIP = replace(CLIP, audio=b"RIFF another")
OTHER = replace(VOICE, digest="d2", prompt_tokens=np.arange(9))


@pytest.fixture(scope="module")
def s3_url():
    """A bucket of moto, which speaks S3."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("obstore", reason="obstore is not installed")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT": f"http://{host}:{port}",
            "AWS_ALLOW_HTTP": "true",
        }.items():
            patch.setenv(name, value)
        import urllib.request

        make = urllib.request.Request(f"http://{host}:{port}/voices", method="PUT")
        urllib.request.urlopen(make, timeout=20).close()
        yield "s3://voices/gsv"
    server.stop()


@pytest.fixture(params=["redis", "s3"])
def make_objects(request):
    """Makes the view that one server has of the shared place."""
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.start()
        return lambda: RedisObjects(server.url)
    url = request.getfixturevalue("s3_url")

    def make():
        objects = CloudObjects(url)
        return objects

    objects = make()
    for folder in ("names", "content", "clips"):
        for path in objects.paths(folder):
            objects.remove(path)
    return make


@pytest.fixture
def servers(make_objects):
    """Two servers that share it."""
    return [SharedVoiceStore(make_objects(), max_voices=3) for _ in range(2)]


@pytest.mark.slow
def test_a_voice_that_one_registered_is_there_for_the_other_with_all_that_it_has(servers):
    entry = servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    found = servers[1].get("eve", "w")
    for array in Voice.ARRAYS:
        assert np.array_equal(getattr(found, array), getattr(VOICE, array))
    assert (found.prompt_text, found.seconds, found.digest, found.loudness) == ("what is said", 4.5, "d1", -16.0)
    assert servers[1].model_of("eve") == "ann"
    assert servers[1].entries() == [entry]


@pytest.mark.slow
def test_a_voice_that_one_replaced_or_deleted_is_so_for_the_other(servers):
    servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    assert servers[1].get("eve", "w").prompt_tokens.size == 5
    servers[0].add("eve", OTHER, OTHER_CLIP)
    assert servers[1].get("eve", "w").prompt_tokens.size == 9
    servers[1].delete("eve")
    with pytest.raises(VoiceNotFound):
        servers[0].get("eve", "w")
    with pytest.raises(VoiceNotFound):
        servers[0].delete("eve")
    assert servers[0].entries() == []


@pytest.mark.slow
def test_nothing_is_left_of_voices_that_were_replaced_and_deleted(servers, make_objects):
    servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    servers[1].add("eve", OTHER, OTHER_CLIP)
    assert make_objects().paths("content") == ["content/eve/d2.npz"]
    assert len(make_objects().paths("clips")) == 2
    servers[0].delete("eve")
    assert make_objects().paths("content") == make_objects().paths("clips") == []


def test_features_for_other_weights_are_derived_from_the_recording_once_for_all_servers(servers):
    asked = []

    def derive(reference):
        asked.append(reference)
        return replace(OTHER, weights_digest="new")

    servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    assert servers[0].get("eve", "new", derive).digest == "d2"
    assert servers[1].get("eve", "new").digest == "d2"
    assert servers[1].get("eve", "w").digest == "d1"
    assert asked == [CLIP]


def test_two_voices_of_one_recording_do_not_share_what_a_deletion_removes(servers):
    servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    servers[0].add("dan", VOICE, CLIP)
    servers[1].delete("eve")
    assert servers[0].get("dan", "w").prompt_tokens.size == 5


@pytest.mark.slow
def test_a_voice_of_other_weights_and_one_too_many_are_refused(servers):
    servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    with pytest.raises(InvalidRequest, match="other weights"):
        servers[1].get("eve", "x")
    for name in ("dan", "bob"):
        servers[0].add(name, VOICE, CLIP)
    with pytest.raises(InvalidRequest, match="3 voices are registered, the most allowed"):
        servers[1].add("tim", VOICE, CLIP)
    servers[1].add("eve", OTHER, OTHER_CLIP)


@pytest.mark.slow
def test_readers_of_a_voice_that_is_replaced_again_and_again_always_get_one_whole(servers):
    servers[0].add("eve", VOICE, CLIP, -16.0, "ann")
    stop, found = threading.Event(), []

    def read():
        while not stop.is_set():
            found.append(servers[1].get("eve", "w"))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(20):
        servers[0].add("eve", *((OTHER, OTHER_CLIP) if number % 2 else (VOICE, CLIP)))
    stop.set()
    thread.join()
    assert {(each.digest, each.prompt_tokens.size) for each in found} <= {("d1", 5), ("d2", 9)}


@pytest.mark.redis
def test_a_store_that_does_not_answer_is_told_as_busy_and_hides_its_address(redis_server, caplog):
    store = SharedVoiceStore(RedisObjects(redis_server.url))
    with pytest.raises(ServerBusy, match="store of voices does not answer; retry after") as told:
        store.get("eve", "w")
    assert str(redis_server.port) not in str(told.value)


def test_a_place_is_a_folder_a_redis_or_a_bucket_and_the_variable_comes_first(tmp_path, monkeypatch):
    assert isinstance(open_voices("voices", tmp_path), VoiceStore)
    assert isinstance(open_voices("redis://h:1/0", tmp_path), SharedVoiceStore)
    monkeypatch.setenv("GSV_VOICES", str(tmp_path / "elsewhere"))
    assert isinstance(open_voices("redis://h:1/0", tmp_path), VoiceStore)


@pytest.mark.slow
def test_an_address_that_nothing_opens_is_refused(tmp_path):
    pytest.importorskip("obstore", reason="obstore is not installed")
    with pytest.raises(ValueError, match="voices_directory is 'ftp://x/y', which cannot be opened"):
        open_voices("ftp://x/y", tmp_path)

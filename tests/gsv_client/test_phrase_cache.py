"""What is kept, what goes, and what is said without a server."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_client import ConnectionFailed, InvalidRequest
from gsv_client.audio import Audio
from gsv_client.phrase_cache import KEPT, PhraseCache, key_of

VECTORS = json.loads((Path(__file__).parents[2] / "web" / "test" / "keys.json").read_text(encoding="utf-8"))


@pytest.fixture
def cache(tmp_path):
    return PhraseCache(tmp_path / "phrases.db", limit_bytes=100)


class Server:
    """A client that counts what it is asked."""

    def __init__(self, samples=4, failure=None):
        self.asked, self._samples, self._failure = [], samples, failure

    def synthesize(self, text, **options):
        self.asked.append(text)
        if self._failure:
            raise self._failure
        return Audio(np.full(self._samples, 0.5, np.float32), 32_000)


@pytest.mark.parametrize("vector", VECTORS)
def test_keys_are_those_of_the_web_client(vector):
    options = dict(vector["options"])
    version = options.pop("voiceVersion", "")
    assert key_of(vector["text"], voice_version=version, **options) == vector["key"]


def test_a_key_depends_on_what_changes_audio_and_on_nothing_else():
    assert key_of("Hello.", voice="ann", priority="batch") == key_of("Hello.", voice="ann", speed=None)
    assert len({key_of("Hello."), key_of("Hello", voice="a"), key_of("Hello.", seed=0), key_of("Hello.", seed=1)}) == 4


def test_what_is_put_is_got_until_it_is_deleted(cache):
    assert cache.put("one", b"abcd")
    assert cache.get("one") == b"abcd"
    cache.delete("one")
    assert cache.get("one") is None
    assert cache.size() == (0, 0)


def test_equal_audio_takes_its_room_once_and_stays_while_anybody_has_it(cache):
    for key in ("one", "two"):
        cache.put(key, b"x" * 60)
    assert cache.size() == (60, 2)
    cache.delete("one")
    assert cache.get("two") == b"x" * 60


def test_what_was_not_wanted_longest_goes_first(cache):
    for key in "abc":
        cache.put(key, key.encode() * 30)
    cache.get("a")
    cache.put("d", b"d" * 30)
    assert [key for key in "abcd" if cache.has(key)] == ["a", "c", "d"]


def test_what_is_larger_than_the_limit_is_not_kept_and_drives_nothing_out(cache):
    cache.put("one", b"x" * 60)
    assert not cache.put("two", b"y" * 101)
    assert cache.size() == (60, 1)


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 120)), max_size=12))
def test_the_limit_holds_whatever_is_put(tmp_path_factory, puts):
    cache = PhraseCache(tmp_path_factory.mktemp("cache") / "phrases.db", limit_bytes=100)
    for key, length in puts:
        cache.put(key, key.encode() * length)
        assert cache.size()[0] <= 100
        assert cache.get(key) == key.encode() * length or length > 100


def test_damaged_audio_is_not_said(cache, tmp_path):
    cache.put("one", b"abcd")
    with sqlite3.connect(tmp_path / "phrases.db") as database:
        database.execute("update audio set bytes = ?", (b"abce",))
    database.close()
    assert cache.get("one") is None
    assert cache.size() == (0, 0)


def test_a_phrase_is_asked_for_once_and_then_said_without_a_server(cache):
    server = Server()
    first, second = (cache.speak(server, "Hello.", voice="ann") for _ in range(2))
    assert server.asked == ["Hello."]
    assert np.abs(first.samples - second.samples).max() < 1 / 32_767
    assert second.chunks[0].source == KEPT
    offline = Server(failure=ConnectionFailed("nobody answers"))
    assert cache.speak(offline, "Hello.", voice="ann").duration_s == first.duration_s
    with pytest.raises(ConnectionFailed, match="nobody answers; the phrase is not kept here either"):
        cache.speak(offline, "Other.", voice="ann")


def test_phrases_are_fetched_ahead_and_what_fails_is_told(cache):
    server = Server()
    cache.speak(server, "One.", voice="ann")
    assert list(cache.prefetch(server, ["One.", "Two."], voice="ann")) == [("One.", None), ("Two.", None)]
    assert server.asked == ["One.", "Two."]
    failing = Server(failure=InvalidRequest("no"))
    ((text, error),) = cache.prefetch(failing, ["Three."], voice="ann")
    assert (text, str(error)) == ("Three.", "no")


def test_a_recording_has_no_key():
    with pytest.raises(InvalidRequest, match="register the voice and name it"):
        key_of("Hello.", reference_audio=b"RIFF")

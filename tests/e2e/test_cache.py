"""The cache on real servers: what comes out of it is what was computed, and nothing is computed twice."""

import json
import shutil
import socket
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from click.testing import CliRunner

from gsv_client import Client
from gsv_client.cli import main

from .conftest import recording
from .test_streams import metrics, settled, snr_db, wait_until

PATIENCE_S = 60.0
TEXT = "Hello world, this is a test. It has three sentences. This is the last."
KEPT = {"memory", "redis", "disk"}


@pytest.fixture(scope="module")
def serve(repository, start_server, tmp_path_factory):
    """Starts a server on a repository of its own, with settings of its own; its voices and its cache are new."""
    running = []

    def start(**settings):
        from gsv_build.configs import write_configs
        from gsv_build.deployment import PRESETS, with_settings
        from gsv_runtime import contract

        folder = tmp_path_factory.mktemp("cache")
        target = folder / "model_repository"
        shutil.copytree(repository, target)
        write_configs(target, with_settings(PRESETS["cpu"], contract.TTS, **settings))
        server = start_server(target, folder / "state")
        server.start()
        running.append(server)
        register(server, "low", 110)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def kept(serve):
    """A server as it is delivered: memory and disk."""
    return serve()


def register(server, voice, pitch_hz, text="The same words are said again here, slowly and clearly."):
    with Client(f"127.0.0.1:{server.ports.grpc}", PATIENCE_S) as client:
        client.register_voice(voice, recording(pitch_hz=pitch_hz), text, "en")


def speak(server, text=TEXT, **options):
    """Samples by chunk, and where each came from."""
    options = {"voice": "low", "language": "en", "seed": 5, **options}
    with Client(f"127.0.0.1:{server.ports.grpc}", PATIENCE_S, busy_wait_s=PATIENCE_S) as client:
        chunks = client.stream(text, **options).collect().chunks
    return [chunk.samples.tobytes() for chunk in chunks], [chunk.source for chunk in chunks]


def differ_db(samples, expected):
    """Signal to difference: what is computed beside other requests may share a batch with them, and is rounded then."""
    found, wanted = (np.frombuffer(b"".join(each), np.float32) for each in (samples, expected))
    return snr_db(wanted, found) if found.size == wanted.size else -np.inf


def sequences(server):
    """Sentences that t2s was asked for, once all is told."""
    return settled(server)['gsv_queue_wait_seconds_count{stage="t2s"}']


def computed(server, text=TEXT, **options):
    return speak(server, text, cache="off", **options)[0]


@pytest.mark.parametrize("streaming", ["chunk", "sentence", "off"])
def test_a_repeated_request_gets_the_computed_chunks_bit_by_bit_without_computing(kept, streaming):
    fresh = computed(kept, streaming=streaming)
    first, _ = speak(kept, streaming=streaming)
    before = sequences(kept)
    again, sources = speak(kept, streaming=streaming)
    assert fresh == first == again
    assert set(sources) == {"memory"}
    assert sequences(kept) == before


def test_a_cached_voice_stays_itself_and_a_voice_registered_again_under_its_name_is_the_new_one(kept):
    register(kept, "changing", 150)
    first, _ = speak(kept, voice="changing")
    assert set(speak(kept, voice="changing")[1]) == {"memory"}
    for pitch_hz, text in (
        (250, "The same words are said again here, slowly and clearly."),
        (150, "Other words are said here instead, slowly and clearly."),
    ):
        register(kept, "changing", pitch_hz, text)
        other, sources = speak(kept, voice="changing")
        assert set(sources) == {"computed"}
        assert other != first
        assert other == computed(kept, voice="changing")
    register(kept, "changing", 150)
    again, sources = speak(kept, voice="changing")
    assert again == first
    assert set(sources) == {"memory"}


def test_of_a_text_only_the_missing_sentences_are_computed(kept):
    speak(kept, "One is here. Two is here. Three is here.", streaming="sentence")
    before = sequences(kept)
    mixed, sources = speak(kept, "One is here. Four is new. Three is here.", streaming="sentence")
    assert sources == ["memory", "computed", "memory"]
    assert mixed == computed(kept, "One is here. Four is new. Three is here.", streaming="sentence")
    assert sequences(kept) - before == 1 + 3  # the last three for the comparison


def test_a_hundred_identical_requests_at_once_are_computed_once(kept):
    """There are 64 places; who finds none comes back, as the client does that is told to wait.

    Eight sentences, so that they are not all made before the burst is over, until when most of it waits (decision 15).
    """
    text = " ".join(
        f"Everybody wants to hear sentence {name} now." for name in "one two three four five six seven eight".split()
    )
    before = sequences(kept)
    together = threading.Barrier(100)

    def ask(_):
        together.wait(PATIENCE_S)
        return speak(kept, text, retries=0)

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    assert len({tuple(samples) for samples, _ in answers}) == 1
    assert answers[0][0] == computed(kept, text, retries=0)
    assert Counter(source for _, sources in answers for source in sources)["joined"] > 0
    assert sequences(kept) - before == 8 + 8


def test_a_leader_that_leaves_takes_nobody_with_it(kept):
    text = "The one who asked first will leave. " * 6
    with Client(f"127.0.0.1:{kept.ports.grpc}", PATIENCE_S) as client:
        leader = client.stream(text, voice="low", language="en", seed=9)
        first = next(leader)
        with ThreadPoolExecutor(8) as pool:
            followers = [pool.submit(speak, kept, text, seed=9) for _ in range(8)]
            wait_until(lambda: metrics(kept)["gsv_streams"] >= 9)
            leader.close()
            answers = [follower.result(PATIENCE_S) for follower in followers]
    assert len({tuple(samples) for samples, _ in answers}) == 1
    assert answers[0][0][0] == first.samples.tobytes()
    assert answers[0][0] == computed(kept, text, seed=9)
    settled(kept)


def test_phrases_are_there_after_a_restart_once_they_were_pregenerated(kept, tmp_path):
    phrases = tmp_path / "phrases.csv"
    phrases.write_text("text,voice,seed\nYour order has shipped.,low,1\nWelcome.,low,2\n", encoding="utf-8")

    def pregenerate():
        url = f"127.0.0.1:{kept.ports.grpc}"
        result = CliRunner().invoke(main, ["--url", url, "pregenerate", str(phrases), "-l", "en", "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    found = pregenerate()
    assert (found["computed"], found["already_there"], found["failed"]) == (2, 0, 0)
    expected = computed(kept, "Welcome.", seed=2)
    kept.stop()
    kept.start()
    samples, sources = speak(kept, "Welcome.", seed=2)
    assert set(sources) == {"disk"}
    assert samples == expected
    assert pregenerate()["already_there"] == 2
    assert sequences(kept) == 0


class Redis:
    """A redis-server of our own."""

    def __init__(self, folder):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process = None

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        self._process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def _answers(self):
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.mark.redis
def test_servers_share_what_either_computed_through_redis_and_lose_nothing_when_it_is_killed(serve, redis):
    settings = {"cache_memory_bytes": 0, "cache_directory": "", "cache_redis_url": redis.url}
    one, other = serve(**settings), serve(**settings)
    texts = [f"Phrase number {number}." for number in ("one", "two", "three")]
    expected = {text: computed(one, text) for text in texts}
    for text in texts:
        assert speak(one, text) == (expected[text], ["computed"] * len(expected[text]))
    for text in texts:
        wait_until(lambda text=text: set(speak(other, text)[1]) == {"redis"})
        assert speak(other, text)[0] == expected[text]
    answered = []

    def ask(number):
        text = texts[number % 3]
        samples, sources = speak((one, other)[number % 2], text)
        assert differ_db(samples, expected[text]) > 100
        assert set(sources) <= {"redis", "computed", "joined"}
        answered.append(number)

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, number) for number in range(80)]
        for cycle in range(2):  # in the middle of whatever is asked for; what it held is gone
            wait_until(lambda cycle=cycle: len(answered) >= 40 * cycle + 10)
            redis.kill()
            wait_until(lambda cycle=cycle: len(answered) >= 40 * cycle + 30)
            redis.start()
        for each in asked:
            each.result(PATIENCE_S)
    for server in (one, other):  # it is used again
        wait_until(lambda server=server: set(speak(server, texts[0])[1]) == {"redis"})
        assert differ_db(speak(server, texts[0])[0], expected[texts[0]]) > 100

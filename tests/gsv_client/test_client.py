from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import soundfile
import tenacity

from gsv_client import (
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    ServerStopping,
    SynthesisError,
    VoiceNotFound,
)

STOPPING = "Request for unknown model: 'tts' has no available versions"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat at once."""
    monkeypatch.setattr(tenacity.wait_random_exponential, "__call__", lambda *_: 0.0)


@pytest.fixture
def silent_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_synthesize_joins_all_chunks_in_order(url: str) -> None:
    with Client(url) as client:
        audio = client.synthesize("Hello.", voice="ann")
    assert audio.sample_rate == 32_000
    np.testing.assert_allclose(audio.samples, np.repeat([0.1, 0.2, 0.3], 1600), atol=1 / 32767)
    assert [chunk.index for chunk in audio.chunks] == [0, 1, 2]
    assert audio.duration_s == pytest.approx(0.15)
    assert audio.timing_ms == {"t2s": 30.0, "vocoder": 7.5}
    assert 0 < audio.ttfa_s <= audio.elapsed_s


def test_only_options_that_were_given_are_sent(url: str, speaker: Any) -> None:
    with Client(url) as client:
        client.stream("Hi.", voice="ann", seed=7, speed=1.5, top_k=None).collect()
    asked = speaker.asked[0]
    assert asked.pop("encoding") == ("float32" if url.startswith("grpc") else "pcm16_base64")
    assert asked == {"text": "Hi.", "voice": "ann", "seed": 7, "speed": 1.5}


def test_who_waits_for_everything_asks_for_whole_sentences_unless_told_otherwise(url: str, speaker: Any) -> None:
    with Client(url) as client:
        client.synthesize("Hi.")
        client.synthesize("Hi.", streaming="off")
        client.stream("Hi.").collect()
    assert [asked.get("streaming") for asked in speaker.asked] == ["sentence", "off", None]


def test_an_unknown_option_is_a_type_error_that_lists_the_known_ones(url: str) -> None:
    with Client(url) as client, pytest.raises(TypeError, match=r"unknown option colour; known are .*voice"):
        client.synthesize("Hi.", colour="red")  # type: ignore[call-arg]


def test_leaving_the_with_block_early_cancels_the_request(url: str, speaker: Any, chunk_answer: Any, wait: Any) -> None:
    speaker.answers = [chunk_answer(0), wait]
    with Client(url) as client, client.stream("Long.") as chunks:
        assert next(chunks).index == 0
    assert speaker.cancelled.wait(10)


def test_breaking_out_of_the_loop_cancels_the_request(url: str, speaker: Any, chunk_answer: Any, wait: Any) -> None:
    speaker.answers = [chunk_answer(0), wait]
    with Client(url) as client:
        for _ in client.stream("Long."):
            break
        assert speaker.cancelled.wait(10)


@pytest.mark.slow
def test_silence_beyond_the_timeout_raises_and_cancels(url: str, speaker: Any, chunk_answer: Any, wait: Any) -> None:
    speaker.answers = [chunk_answer(0), wait]
    with Client(url, timeout_s=0.3) as client, pytest.raises(DeadlineExceeded, match=r"no answer for 0\.3 s"):
        client.synthesize("Long.")
    assert speaker.cancelled.wait(10)


def test_a_stream_that_was_heard_to_its_end_is_not_cancelled(grpc_url: str, speaker: Any) -> None:
    with Client(grpc_url) as client:
        for _ in range(5):
            client.synthesize("Hi.")
    assert speaker.parted == [True] * 5


@pytest.mark.parametrize("way", ["heard", "left", "silent", "refused", "failed"])
def test_a_stream_leaves_no_thread_behind_however_it_ends(
    url: str, speaker: Any, chunk_answer: Any, wait: Any, way: str
) -> None:
    if way in ("left", "silent"):
        speaker.answers = [chunk_answer(0), wait]
    if way == "failed":
        speaker.answers = [chunk_answer(0), "InternalError: vocoder failed; see the server's log"]
    with Client(url, timeout_s=0.2 if way == "silent" else 10.0) as client:
        for number in range(4):
            if way == "refused":
                speaker.refusals = ["InvalidRequest: text is empty"]
            with suppress(SynthesisError), client.stream("Hi.") as chunks:
                for _ in chunks:
                    if way == "left":
                        break
            if number == 0:
                before = _own_threads()
    deadline = time.monotonic() + 10
    while len(_own_threads()) > len(before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(_own_threads()) <= len(before)


def _own_threads() -> list[threading.Thread]:
    """Threads of this process but those of the fake server, of which it starts as many as it likes."""
    return [thread for thread in threading.enumerate() if not thread.name.startswith("ThreadPoolExecutor")]


def test_a_refused_request_raises_its_leaf(url: str, speaker: Any) -> None:
    speaker.refusals = ["InvalidRequest: text is empty; need at least one character; send some text"]
    with Client(url) as client, pytest.raises(InvalidRequest, match=r"^text is empty; need"):
        client.synthesize("")
    assert len(speaker.asked) == 1


def test_an_error_after_the_first_chunk_is_raised_and_not_repeated(url: str, speaker: Any, chunk_answer: Any) -> None:
    speaker.answers = [chunk_answer(0), "InternalError: vocoder failed; see the server's log"]
    with Client(url) as client, pytest.raises(InternalError, match="vocoder failed"):
        client.synthesize("Hi.")
    assert len(speaker.asked) == 1


def test_an_end_without_audio_is_an_error_and_never_silence(url: str, speaker: Any) -> None:
    speaker.answers = []
    with Client(url) as client, pytest.raises(InternalError, match="without audio"):
        client.synthesize("Hi.")


def test_a_stopping_server_is_asked_again(url: str, speaker: Any) -> None:
    speaker.refusals = [STOPPING, STOPPING]
    with Client(url) as client:
        assert client.synthesize("Hi.").duration_s > 0
    assert len(speaker.asked) == 3


def test_a_server_that_stays_stopping_is_reported_after_the_last_retry(url: str, speaker: Any) -> None:
    speaker.refusals = [STOPPING] * 5
    with Client(url, retries=1) as client, pytest.raises(ServerStopping, match="try again"):
        client.synthesize("Hi.")
    assert len(speaker.asked) == 2


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_nobody_listening_is_a_connection_failure_with_advice(scheme: str, silent_port: int) -> None:
    with Client(f"{scheme}://127.0.0.1:{silent_port}") as client:
        assert not client.is_ready()
        with pytest.raises(ConnectionFailed, match="start the server"):
            client.synthesize("Hi.")
        with pytest.raises(ConnectionFailed, match="start the server"):
            client.list_voices()


@pytest.fixture
def vanished_port() -> Iterator[int]:
    """A port that takes no connection and refuses none, as that of a machine that is gone."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # which fill its queue
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.slow
def test_a_machine_that_is_gone_is_a_connection_failure_long_before_the_timeout(vanished_port: int) -> None:
    client = Client(f"grpc://127.0.0.1:{vanished_port}", timeout_s=15, retries=0)
    with client, pytest.raises(ConnectionFailed, match="start the server"):
        client.list_voices()


def test_voices_are_added_listed_and_removed(url: str, speaker: Any, tmp_path: Any) -> None:
    soundfile.write(tmp_path / "ann.wav", np.zeros(16_000, dtype=np.float32), 16_000)
    with Client(url) as client:
        ann = client.register_voice("ann", tmp_path / "ann.wav", "What I say.", "en")
        assert (ann.voice, ann.prompt_text, ann.seconds) == ("ann", "What I say.", 4.5)
        assert speaker.asked[0]["reference_audio"] == (tmp_path / "ann.wav").read_bytes()
        assert [voice.voice for voice in client.list_voices()] == ["ann"]
        client.delete_voice("ann")
        assert client.list_voices() == []
        with pytest.raises(VoiceNotFound, match="'ann' is not registered"):
            client.delete_voice("ann")


def test_reference_samples_travel_as_a_lossless_file(url: str, speaker: Any) -> None:
    samples = np.sin(np.arange(16_000, dtype=np.float32)) / 2
    with Client(url) as client:
        client.register_voice("ann", (samples, 16_000), "What I say.")
    received, rate = soundfile.read(io.BytesIO(speaker.asked[0]["reference_audio"]), dtype="float32")
    assert rate == 16_000
    np.testing.assert_array_equal(received, samples)


def test_server_info_names_version_and_model_states(url: str, speaker: Any) -> None:
    speaker.states = {"tts": "READY", "voices": "UNAVAILABLE"}
    with Client(url) as client:
        info = client.server_info()
    assert (info.version, info.ready, info.models) == ("2.51.0", True, speaker.states)


def test_a_server_that_keeps_its_list_of_models_is_asked_for_each(url: str, speaker: Any) -> None:
    speaker.index_is_open = False
    speaker.states = {"tts": "READY", "voices": "READY", "t2s": "READY"}
    with Client(url) as client:
        models = client.server_info().models
    assert {model for model, state in models.items() if state == "READY"} == {"tts", "voices", "t2s"}
    assert models["speaker_encoder"] == "NOT READY"


def test_many_threads_share_one_client(url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Client(url) as client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: client.synthesize("Hi.").duration_s, range(16)))
    assert results == [pytest.approx(0.15)] * 16


@pytest.mark.parametrize("bad", ["ftp://a:1", "localhost", "grpc://", "http://host", "host:port", "http://h:1/v2"])
def test_a_malformed_url_is_refused_with_the_accepted_forms(bad: str) -> None:
    with pytest.raises(SynthesisError, match="server address"):
        Client(bad)

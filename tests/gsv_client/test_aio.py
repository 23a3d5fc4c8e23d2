from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
import tenacity

from gsv_client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    VoiceNotFound,
)

STOPPING = "Request for unknown model: 'tts' has no available versions"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat at once."""
    monkeypatch.setattr(tenacity.wait_random_exponential, "__call__", lambda *_: 0.0)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def test_synthesize_joins_all_chunks_in_order(url: str) -> None:
    async def body() -> None:
        async with AsyncClient(url) as client:
            audio = await client.synthesize("Hello.", voice="ann", seed=3)
        np.testing.assert_allclose(audio.samples, np.repeat([0.1, 0.2, 0.3], 1600), atol=1 / 32767)
        assert 0 < audio.ttfa_s <= audio.elapsed_s

    run(body())


def test_requests_run_side_by_side_in_one_loop(url: str) -> None:
    async def body() -> None:
        async with AsyncClient(url) as client:
            audios = await asyncio.gather(*(client.synthesize("Hi.") for _ in range(16)))
        assert [len(audio.samples) for audio in audios] == [4800] * 16

    run(body())


def test_leaving_the_block_early_cancels_the_request(url: str, speaker: Any, chunk_answer: Any, wait: Any) -> None:
    speaker.answers = [chunk_answer(0), wait]

    async def body() -> None:
        async with AsyncClient(url) as client:
            async with client.stream("Long.") as chunks:
                assert (await anext(chunks)).index == 0
            assert await asyncio.to_thread(speaker.cancelled.wait, 10)

    run(body())


def test_cancelling_the_task_cancels_the_request(url: str, speaker: Any, chunk_answer: Any, wait: Any) -> None:
    speaker.answers = [chunk_answer(0), wait]

    async def body() -> None:
        async with AsyncClient(url) as client:
            heard = asyncio.Event()

            async def listen() -> None:
                async with client.stream("Long.") as chunks:
                    async for _ in chunks:
                        heard.set()

            task = asyncio.create_task(listen())
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(speaker.cancelled.wait, 10)

    run(body())


@pytest.mark.slow
def test_silence_beyond_the_timeout_raises_and_cancels(url: str, speaker: Any, chunk_answer: Any, wait: Any) -> None:
    speaker.answers = [chunk_answer(0), wait]

    async def body() -> None:
        async with AsyncClient(url, timeout_s=0.3) as client:
            with pytest.raises(DeadlineExceeded, match=r"no answer for 0\.3 s"):
                await client.synthesize("Long.")
            assert await asyncio.to_thread(speaker.cancelled.wait, 10)

    run(body())


def test_errors_before_and_after_the_first_chunk_keep_their_leaf(url: str, speaker: Any, chunk_answer: Any) -> None:
    async def body() -> None:
        async with AsyncClient(url) as client:
            speaker.refusals = ["InvalidRequest: text is empty; need some; send some"]
            with pytest.raises(InvalidRequest, match=r"^text is empty"):
                await client.synthesize("")
            speaker.answers = [chunk_answer(0), "InternalError: vocoder failed; see the log"]
            with pytest.raises(InternalError, match=r"^vocoder failed"):
                await client.synthesize("Hi.")
            speaker.answers = []
            with pytest.raises(InternalError, match="without audio"):
                await client.synthesize("Hi.")

    run(body())


def test_a_stopping_server_is_asked_again(url: str, speaker: Any) -> None:
    speaker.refusals = [STOPPING, STOPPING]

    async def body() -> None:
        async with AsyncClient(url) as client:
            assert (await client.synthesize("Hi.")).duration_s > 0

    run(body())
    assert len(speaker.asked) == 3


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_nobody_listening_is_a_connection_failure_with_advice(scheme: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def body() -> None:
        async with AsyncClient(f"{scheme}://127.0.0.1:{port}") as client:
            assert not await client.is_ready()
            with pytest.raises(ConnectionFailed, match="start the server"):
                await client.synthesize("Hi.")

    run(body())


def test_voices_are_added_listed_and_removed(url: str) -> None:
    async def body() -> None:
        async with AsyncClient(url) as client:
            assert (await client.register_voice("ann", b"RIFF", "What I say.")).voice == "ann"
            assert [voice.voice for voice in await client.list_voices()] == ["ann"]
            await client.delete_voice("ann")
            with pytest.raises(VoiceNotFound):
                await client.delete_voice("ann")
            assert (await client.server_info()).models == {"tts": "READY", "voices": "READY"}
            assert await client.is_ready()

    run(body())


def test_a_server_that_keeps_its_list_of_models_is_asked_for_each(url: str, speaker: Any) -> None:
    speaker.index_is_open = False

    async def body() -> None:
        async with AsyncClient(url) as client:
            models = (await client.server_info()).models
        assert {model for model, state in models.items() if state == "READY"} == {"tts", "voices"}
        assert models["t2s"] == "NOT READY"

    run(body())


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(AsyncClient) == public(Client)

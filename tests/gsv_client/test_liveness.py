"""A stream whose model has died ends with an error, over every transport."""

import asyncio

import pytest

from gsv_client import AsyncClient, Client
from gsv_client.errors import DeadlineExceeded, InternalError
from gsv_client.transport import liveness


@pytest.fixture(autouse=True)
def _ask_often(monkeypatch):
    monkeypatch.setattr(liveness, "ASK_EVERY_S", 0.05)


@pytest.fixture
def silent_after_one(speaker, chunk_answer, wait):
    speaker.answers = [chunk_answer(0), wait]
    return speaker


def take_all(url, taken, timeout_s):
    with Client(url, timeout_s) as client, client.stream("Hello.", voice="ann") as chunks:
        for chunk in chunks:
            taken(chunk)


async def take_all_async(url, taken, timeout_s):
    async with AsyncClient(url, timeout_s) as client, client.stream("Hello.", voice="ann") as chunks:
        async for chunk in chunks:
            taken(chunk)


def speak(how, url, taken, timeout_s):
    if how == "threads":
        take_all(url, taken, timeout_s)
    else:
        asyncio.run(take_all_async(url, taken, timeout_s))


@pytest.mark.parametrize("how", ["threads", "asyncio"])
def test_a_stream_ends_with_an_error_when_the_server_no_longer_has_the_model(url, silent_after_one, how):
    def model_dies(chunk):
        assert chunk.index == 0
        silent_after_one.states["tts"] = "UNAVAILABLE"

    with pytest.raises(InternalError, match="tts went away with this request"):
        speak(how, url, model_dies, timeout_s=30)
    assert silent_after_one.cancelled.wait(10)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["threads", "asyncio"])
def test_a_slow_model_that_is_still_there_is_waited_for_until_the_time_out(url, silent_after_one, how):
    with pytest.raises(DeadlineExceeded, match=r"no answer for 0\.4 s"):
        speak(how, url, lambda chunk: None, timeout_s=0.4)


@pytest.mark.parametrize("how", ["threads", "asyncio"])
def test_silence_before_the_first_chunk_is_no_different(url, speaker, wait, how):
    speaker.answers, speaker.states["tts"] = [wait], "UNAVAILABLE"
    with pytest.raises(InternalError, match="went away"):
        speak(how, url, lambda chunk: None, timeout_s=30)

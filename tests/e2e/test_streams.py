"""Many streams on a real server: chunks, turns, refusals, deadlines, clients that leave, and what is counted."""

import base64
import concurrent.futures
import json
import random
import re
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from gsv_build.deployment import PRESETS
from gsv_runtime import contract
from gsv_runtime.server.preload import library

from .conftest import Input
from .test_bad_input import sse

PATIENCE_S = 60.0
SLOTS = PRESETS["cpu"].model(contract.T2S).settings.slots
UNCHANGED_S = 0.6  # metrics are told 0.1 s late (gsv_runtime.triton.metrics_queue)
TEXTS = (
    "Hello world, this is a test. It has three sentences.",
    "One short line.",
    "我的 computer 今天 crash 了两次。",
    "It costs $12.50 in 2024. Why? Nobody knows.",
    "你好，世界。今天天气很好。",
)
LONG = {"text": "This sentence goes on and on. " * 100, "voice": "low", "language": "en", "seed": 3}


def ask(text, voice, seed, **more):
    return {"text": text, "voice": voice, "language": "auto", "seed": seed, "cache": "off", **more}


def joined(chunks):
    return np.concatenate([chunk.waveform for chunk in chunks])


def spoken(client, inputs):
    chunks, error = client.say(inputs)
    assert error is None
    return chunks


def snr_db(reference, other):
    return 10 * np.log10(np.sum(reference**2) / max(np.sum((reference - other) ** 2), 1e-20))


def metrics(server):
    """Every sample of ours by name and labels, as Prometheus would scrape it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.ports.metrics}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line.startswith("gsv_"))}


def wait_until(is_true):
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline_s, "it does not come true"
        time.sleep(0.05)


def settled(server):
    """Its metrics when nobody speaks and all was told, which takes a moment longer: nothing has changed for a while."""
    found, since_s = metrics(server), time.monotonic()
    deadline_s = since_s + PATIENCE_S
    while time.monotonic() - since_s < UNCHANGED_S or found["gsv_streams"] or found["gsv_t2s_slots_in_use"]:
        assert time.monotonic() < deadline_s, "somebody speaks on and on"
        time.sleep(0.05)
        if (now := metrics(server)) != found:
            found, since_s = now, time.monotonic()
    return found


def cancelled(server, before):
    """Waits until one stream more than `before` is known to have been cancelled, and everything is at rest."""
    wait_until(lambda: metrics(server)["gsv_cancels_total"] > before)
    return settled(server)["gsv_cancels_total"] - before


@pytest.fixture
def idle(server, registered):
    """A server on which nobody speaks, before and after."""
    settled(server)
    yield server
    settled(server)


@pytest.mark.parametrize("streaming", ["chunk", "sentence", "off"])
def test_chunks_are_numbered_sentences_stay_in_order_and_the_last_is_final(client, registered, streaming):
    outputs = [chunk.outputs for chunk in spoken(client, ask(TEXTS[0], "low", 5, streaming=streaming))]
    assert [int(each["chunk_index"][0]) for each in outputs] == list(range(len(outputs)))
    sentences = [int(each["sentence_index"][0]) for each in outputs]
    assert sentences == sorted(sentences)
    assert [bool(each["final"][0]) for each in outputs] == [False] * (len(outputs) - 1) + [True]
    assert outputs[-1]["finish_reason"]
    if streaming == "sentence":
        assert sentences == list(range(3))
    if streaming == "off":
        assert len(outputs) == 1


def test_streaming_off_is_the_sentences_joined_and_is_what_plain_http_can_ask_for(client, server, registered):
    sentences = joined(spoken(client, ask(TEXTS[0], "low", 5, streaming="sentence")))
    assert np.array_equal(joined(spoken(client, ask(TEXTS[0], "low", 5, streaming="off"))), sentences)
    body = json.dumps(ask(TEXTS[0], "low", 5, streaming="off", encoding="pcm16_base64", retries=0)).encode()
    url = f"http://127.0.0.1:{server.ports.http}/v2/models/tts/generate"
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as reply:
        pcm = np.frombuffer(base64.b64decode(json.load(reply)["audio_base64"]), "<i2")
    assert np.abs(pcm / 32767 - sentences).max() <= 0.51 / 32767 + 1e-6


def test_streams_of_mixed_voices_and_texts_at_once_give_what_each_gives_alone(client, registered):
    jobs = [ask(TEXTS[number % 5], registered[number % 2], number) for number in range(10)]
    alone = [joined(spoken(client, job)) for job in jobs]
    order = random.Random(1).sample(range(10), 10) + random.Random(2).sample(range(10), 10)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        together = list(pool.map(lambda number: joined(spoken(client, jobs[number])), order))
    for number, audio in zip(order, together, strict=True):
        assert audio.size == alone[number].size
        assert snr_db(alone[number], audio) > 50


def test_a_client_that_cancels_its_stream_frees_its_slot(client, idle):
    before = metrics(idle)["gsv_cancels_total"]
    call = client.stream(LONG)
    next(call)
    call.cancel()
    assert cancelled(idle, before) == 1


def test_clients_that_leave_while_their_first_tokens_are_drawn_free_their_slots(client, idle):
    before = metrics(idle)["gsv_cancels_total"]
    calls = [client.stream({**LONG, "seed": number}) for number in range(12)]
    wait_until(lambda: metrics(idle)["gsv_t2s_slots_in_use"] > 0)
    for call in calls:
        call.cancel()
    assert cancelled(idle, before) == 12


DROP = """
import os, sys
from gsv_client import Client
with Client(sys.argv[1]) as client, client.stream("This sentence goes on and on. " * 100, voice="low") as chunks:
    next(chunks)
    os._exit(7)  # no goodbye: the kernel closes the socket
"""


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_client_that_dies_frees_its_slot(idle, protocol):
    before = metrics(idle)["gsv_cancels_total"]
    url = f"{protocol}://127.0.0.1:{getattr(idle.ports, protocol)}"
    assert subprocess.run([sys.executable, "-c", DROP, url], timeout=60, check=False).returncode == 7
    assert cancelled(idle, before) == 1


def test_an_http_client_that_closes_its_stream_frees_its_slot(idle):
    before = metrics(idle)["gsv_cancels_total"]
    body = json.dumps({**LONG, "encoding": "pcm16_base64"}).encode()
    url = f"http://127.0.0.1:{idle.ports.http}/v2/models/tts/generate_stream"
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=60) as reply:
        assert reply.readline().startswith(b"data: ")
    assert cancelled(idle, before) == 1


def test_a_deadline_that_passes_ends_the_stream_with_an_error_that_says_so(client, idle):
    inputs = [Input.of(name, value) for name, value in LONG.items()] + [Input.of("deadline_s", 1.0, "FP32")]
    _, error = client.say(inputs)
    assert error.startswith("DeadlineExceeded: the request's deadline_s has passed")
    wait_until(lambda: metrics(idle)['gsv_failures_total{error="DeadlineExceeded"}'] >= 1)  # told a moment later


def test_too_many_streams_at_once_are_refused_with_a_hint_and_the_server_serves_on(client, idle):
    """None of them is read; more come until some are refused, since the first may end before the last begins."""
    refused = lambda: sum(value for name, value in metrics(idle).items() if name.startswith("gsv_refusals_total"))  # noqa: E731
    before, calls = refused(), [client.stream({**LONG, "seed": number}) for number in range(65)]

    def crowded():
        calls.append(client.stream({**LONG, "seed": len(calls)}))
        return refused() > before

    wait_until(crowded)
    _, error = client.say(ask("One more.", "low", 1))
    assert error is None or re.search(r"^ServerBusy: .*; retry after \d+\.\d s$", error)
    over_http = json.dumps({**ask("Over HTTP.", "low", 1), "encoding": "pcm16_base64"}).encode()
    replies = iter(lambda: sse(idle, over_http), None)
    status, reply = next(answer for answer in replies if answer[0] != 200)  # a place may just have become free
    assert status == (503 if library() else 400)  # without our repairs Triton answers 400 to any error
    assert "ServerBusy: " in reply
    for call in calls:
        call.cancel()
    settled(idle)
    assert spoken(client, ask("And on.", "low", 1))


def test_a_short_interactive_request_is_done_before_long_batch_jobs_that_hold_every_slot(client, idle):
    jobs = [client.stream({**LONG, "priority": "batch", "seed": number}) for number in range(SLOTS + 4)]
    for job in jobs[:SLOTS]:
        next(job)
    assert spoken(client, ask("Me first, please.", "high", 1))
    wait_until(lambda: metrics(idle)["gsv_streams"] == len(jobs))  # told a moment later
    for job in jobs:
        job.cancel()


def test_prometheus_finds_what_was_served(client, idle):
    before = settled(idle)
    chunks = spoken(client, ask(TEXTS[0], "low", 5))
    after = settled(idle)
    grown = {name: after[name] - before[name] for name in after if name in before}
    assert grown["gsv_chunks_total"] == len(chunks)
    assert grown["gsv_audio_seconds_total"] == pytest.approx(joined(chunks).size / 32_000, abs=1e-3)
    assert grown['gsv_requests_total{priority="interactive"}'] == 1
    assert grown['gsv_ttfa_seconds_bucket{le="+Inf"}'] == grown["gsv_ttfa_seconds_count"] == 1
    assert grown["gsv_rtf_count"] == 1
    assert grown['gsv_stage_seconds_count{stage="vocoder"}'] == len(chunks)
    assert grown['gsv_queue_wait_seconds_count{stage="t2s"}'] == 3
    assert grown["gsv_t2s_tokens_total"] >= grown["gsv_audio_seconds_total"] // 0.04 - 2 * 8
    assert after["gsv_t2s_slots"] == SLOTS
    assert sum(value for name, value in grown.items() if name.startswith("gsv_sentences_total")) == 3

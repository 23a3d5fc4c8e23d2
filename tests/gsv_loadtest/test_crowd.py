import asyncio
import socket
from types import SimpleNamespace

import pytest

from gsv_client import InternalError, ServerBusy
from gsv_loadtest import crowd
from gsv_loadtest.crowd import CrowdPlan, hear, hear_all

TEXTS, VOICES = ("One.", "Two."), ("ann", "bob", "cat")


class FakeClient:
    """Answers two chunks of a second, or fails where the script of its class says so."""

    def __init__(self, failures=(), chunks=2):
        self.asked, self.failures, self.chunks = [], list(failures), chunks

    async def is_ready(self):
        return True

    async def close(self):
        pass

    async def stream(self, text, voice, language, seed, cache, retries):
        self.asked.append((text, voice, seed))
        for _ in range(self.chunks):
            yield SimpleNamespace(duration_s=1.0)
        if self.failures:
            raise self.failures.pop()


def heard_of(client, seed=4):
    return asyncio.run(hear(client, CrowdPlan("x", TEXTS, VOICES), seed, 0.0, crowd.time.monotonic()))


def test_texts_and_voices_take_turns_by_the_seed():
    client = FakeClient()
    found = heard_of(client)
    assert client.asked == [("One.", "bob", 4)]
    assert (found.audio_s, found.error, found.refused) == (2.0, "", False)
    assert 0 <= found.first_s <= found.whole_s


@pytest.mark.parametrize(
    ("failure", "chunks", "refused"),
    [(ServerBusy("full"), 0, True), (ServerBusy("full"), 1, False), (InternalError("no"), 0, False)],
)
def test_only_who_heard_nothing_for_lack_of_room_was_refused(failure, chunks, refused):
    found = heard_of(FakeClient([failure], chunks))
    assert (found.refused, bool(found.error)) == (refused, True)
    assert (found.first_s > 0) == bool(chunks)


def test_users_of_a_closed_loop_ask_again_with_new_seeds_each_on_a_connection_of_its_own(monkeypatch):
    clients = []

    def connect(url, timeout_s):
        clients.append(FakeClient())
        return clients[-1]

    monkeypatch.setattr(crowd, "AsyncClient", connect)
    monkeypatch.setattr(crowd.sys, "stdin", SimpleNamespace(readline=lambda: "go\n"))
    plan = CrowdPlan("x", TEXTS, VOICES, users=2, duration_s=0.05, connections=1)
    heard = asyncio.run(crowd.listen(plan))
    assert len(clients) == 2
    seeds = [seed for client in clients for _, _, seed in client.asked]
    assert len(heard) == len(seeds) == len(set(seeds)) >= 2
    assert {seed % 2 for _, _, seed in clients[0].asked} == {0}


@pytest.mark.slow
def test_a_process_of_listeners_says_what_each_of_them_met():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"127.0.0.1:{unused.getsockname()[1]}"
        heard = hear_all([CrowdPlan(url, TEXTS, VOICES, (0.0, 0.01), first_seed=7)])
    assert [one.due_s for one in heard] == [0.0, 0.01]
    assert [one.error.partition("(")[0] for one in heard] == ["ConnectionFailed"] * 2

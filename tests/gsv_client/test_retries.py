from __future__ import annotations

from collections.abc import Callable

import pytest

from gsv_client.errors import ConnectionLost, ServerBusy, ServerStopping
from gsv_client.retries import retrying

BUSY = ServerBusy("full; retry after 2.0 s")


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def attempt(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Repeats a call that fails with the errors given and then succeeds; the clock moves by its waits only."""
    now_s = [0.0]
    monkeypatch.setattr("tenacity.time.monotonic", lambda: now_s[0])

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now_s[0] += seconds

    def run(*failures: Exception, retries: int = 2, busy_wait_s: float = 0.0) -> str:
        left = list(failures)

        def call() -> str:
            if left:
                raise left.pop(0)
            return "done"

        return retrying(retries, busy_wait_s).copy(sleep=sleep)(call)

    return run


def test_a_busy_server_is_asked_again_when_it_says_within_the_patience(
    attempt: Callable[..., str], waits: list[float]
) -> None:
    assert attempt(BUSY, BUSY, BUSY, busy_wait_s=10.0) == "done"
    assert all(2.0 <= wait <= 3.0 for wait in waits)


def test_patience_ends(attempt: Callable[..., str], waits: list[float]) -> None:
    with pytest.raises(ServerBusy):
        attempt(*[BUSY] * 20, busy_wait_s=10.0)
    assert sum(waits) <= 10.0


def test_without_patience_a_busy_server_is_not_asked_again(attempt: Callable[..., str], waits: list[float]) -> None:
    with pytest.raises(ServerBusy):
        attempt(BUSY)
    assert waits == []


def test_what_gave_no_advice_is_not_waited_for(attempt: Callable[..., str]) -> None:
    with pytest.raises(ServerBusy):
        attempt(ServerBusy("full"), busy_wait_s=10.0)


def test_a_stopping_server_is_tried_as_often_as_told(attempt: Callable[..., str], waits: list[float]) -> None:
    assert attempt(ServerStopping("stopping"), ServerStopping("stopping")) == "done"
    assert len(waits) == 2
    with pytest.raises(ServerStopping):
        attempt(*[ServerStopping("stopping")] * 3)


def test_what_may_have_run_is_never_repeated(attempt: Callable[..., str]) -> None:
    with pytest.raises(ConnectionLost):
        attempt(ConnectionLost("gone"), busy_wait_s=10.0)

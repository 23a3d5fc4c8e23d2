"""Which failures are tried again, and when.

Those that cannot have had an effect: the server was not reached, or it was stopping and ran nothing. And, where the
caller has patience, a server that was busy and said when to come back.
"""

from __future__ import annotations

import random

import tenacity

from gsv_client.errors import ConnectionFailed, ConnectionLost, ServerBusy, ServerStopping

_LONGEST_WAIT_S = 2.0
_SPREAD = 0.5  # of a wait advised to many at once, added at random so that they do not come back together


def is_safe_to_repeat(error: BaseException) -> bool:
    """Whether nothing of the request can have been run."""
    return isinstance(error, ServerStopping | ConnectionFailed) and not isinstance(error, ConnectionLost)


def retrying(retries: int, busy_wait_s: float = 0.0) -> tenacity.Retrying:
    """A caller that repeats.

    Args:
        retries: how often at most where nothing can have run, after a random wait that grows.
        busy_wait_s: how long in all to wait for a busy server, coming back when it says.
    """
    policy = _Policy(retries, busy_wait_s)
    return tenacity.Retrying(stop=policy.stop, wait=policy.wait, retry=policy.retry, reraise=True)


def async_retrying(retries: int, busy_wait_s: float = 0.0) -> tenacity.AsyncRetrying:
    """The same for asyncio."""
    policy = _Policy(retries, busy_wait_s)
    return tenacity.AsyncRetrying(stop=policy.stop, wait=policy.wait, retry=policy.retry, reraise=True)


class _Policy:
    """What tenacity asks."""

    def __init__(self, retries: int, busy_wait_s: float) -> None:
        self._busy_wait_s = busy_wait_s
        self._stop_retries = tenacity.stop_after_attempt(retries + 1)
        self._wait_growing = tenacity.wait_random_exponential(multiplier=0.1, max=_LONGEST_WAIT_S)

    def retry(self, state: tenacity.RetryCallState) -> bool:
        """Whether this failure is one to repeat."""
        error = _failure(state)
        return error is not None and (is_safe_to_repeat(error) or _advised_s(error) is not None)

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt."""
        advised_s = _advised_s(_failure(state))
        if advised_s is None:
            return self._wait_growing(state)
        return advised_s * (1 + _SPREAD * random.random())

    def stop(self, state: tenacity.RetryCallState) -> bool:
        """Whether this attempt was the last."""
        if _advised_s(_failure(state)) is None:
            return self._stop_retries(state)
        return (state.seconds_since_start or 0.0) + state.upcoming_sleep > self._busy_wait_s


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _advised_s(error: BaseException | None) -> float | None:
    """When a busy server said to come back."""
    return error.retry_after_s if isinstance(error, ServerBusy) else None

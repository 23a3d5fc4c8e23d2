"""Which failures are tried again, and when.

Only those that cannot have had an effect: the server was not reached, or it was stopping and ran nothing.
A full queue is not one of them: asking again at once would make it fuller, so the caller decides.
"""

from __future__ import annotations

import tenacity

from gsv_client.errors import ConnectionFailed, ConnectionLost, ServerStopping

_LONGEST_WAIT_S = 2.0


def is_safe_to_repeat(error: BaseException) -> bool:
    """Whether nothing of the request can have been run."""
    return isinstance(error, ServerStopping | ConnectionFailed) and not isinstance(error, ConnectionLost)


def retrying(retries: int) -> tenacity.Retrying:
    """A caller that repeats up to `retries` times, after a random wait that grows."""
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(retries + 1),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=_LONGEST_WAIT_S),
        retry=tenacity.retry_if_exception(is_safe_to_repeat),
        reraise=True,
    )


def async_retrying(retries: int) -> tenacity.AsyncRetrying:
    """The same for asyncio."""
    return tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(retries + 1),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=_LONGEST_WAIT_S),
        retry=tenacity.retry_if_exception(is_safe_to_repeat),
        reraise=True,
    )

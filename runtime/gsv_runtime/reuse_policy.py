"""What a request may be answered with instead of being computed."""

from __future__ import annotations

from gsv_runtime.contract import AUDIO, FEATURES, OFF, REUSE_LEVELS, TOKENS

__all__ = ["AUDIO", "FEATURES", "OFF", "REUSE_LEVELS", "TOKENS", "allows", "level"]

DEFAULT = ""


def level(asked: str, seeded: bool) -> str:
    """The level of a request.

    Args:
        asked: one of REUSE_LEVELS, or DEFAULT.
        seeded: whether it names a seed. Who does wants one certain take, which may as well be found as computed; who
            does not expects a fresh one.
    """
    if asked == DEFAULT:
        return AUDIO if seeded else FEATURES
    return asked


def allows(asked: str, what: str) -> bool:
    """Whether a request of level `asked` may reuse `what`, one of REUSE_LEVELS."""
    return REUSE_LEVELS.index(asked) >= REUSE_LEVELS.index(what)

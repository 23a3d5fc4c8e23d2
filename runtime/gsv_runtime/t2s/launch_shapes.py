"""What a GPU is prepared for at start: numbers of slots, lengths of prompts, steps of a launch. Pure.

Every launch and every prefill of the server is one of these, so that nothing is captured while somebody waits.
"""

from __future__ import annotations

from dataclasses import dataclass

from gsv_runtime.settings import T2SSettings


@dataclass(frozen=True)
class LaunchShapes:
    """Ascending sizes, each captured once."""

    spans: tuple[int, ...]  # slots that a launch runs; the last: all
    prefill_rows: tuple[int, ...]  # phones and tokens that a prompt is padded to; the last: a whole slot
    most_steps: int

    @classmethod
    def parse(cls, settings: T2SSettings) -> LaunchShapes:
        """Read them from the settings.

        Raises:
            ValueError: they cannot be read, or do not reach what the settings allow a client to ask for.
        """
        if settings.steps_per_launch < 1:
            raise ValueError(f"t2s: steps_per_launch is {settings.steps_per_launch}; need 1 or more")
        return cls(
            _ascending("spans", settings.spans, settings.slots),
            _ascending("prefill_rows", settings.prefill_rows, settings.cache_rows),
            settings.steps_per_launch,
        )

    def rows_for(self, rows: int) -> int:
        """The least length that holds a prompt of `rows`."""
        return next(length for length in self.prefill_rows if length >= rows)


def _ascending(name: str, text: str, last: int) -> tuple[int, ...]:
    try:
        sizes = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"t2s: {name} is {text!r}; need numbers with commas between, the last {last}") from None
    if list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != last:
        raise ValueError(f"t2s: {name} is {text!r}; need ascending numbers above 0, the last {last}")
    return sizes

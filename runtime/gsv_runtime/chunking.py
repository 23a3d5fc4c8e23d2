"""Where a sentence's semantic tokens are cut so that speech can start before they are all there. Pure.

A cut depends on the schedule and on token positions only, never on when tokens arrive: the same seed gives the same
audio whatever runs beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChunkSchedule:
    """How a sentence is cut into chunks; a token is 40 ms."""

    first_tokens: int  # of the first chunk: small, so that audio starts early
    max_tokens: int  # of a chunk; each has twice the tokens of the one before, up to this
    lookahead_tokens: int  # that must be known beyond a chunk before it is decoded

    def tokens_for_chunk(self, index: int) -> int:
        """Semantic tokens that chunk `index` covers, if the sentence is long enough."""
        return min(self.first_tokens << min(index, 32), self.max_tokens)


# One chunk for any sentence: offline. Triton's t2s stops at 1,500 tokens.
WHOLE_SENTENCE = ChunkSchedule(first_tokens=1 << 20, max_tokens=1 << 20, lookahead_tokens=0)

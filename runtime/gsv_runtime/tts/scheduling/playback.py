"""What a listener has heard of a stream, as the server can tell. Pure: times are given to it."""

from __future__ import annotations

from gsv_runtime.contract import BATCH, OPENING_TOKENS, TOKENS_PER_SECOND
from gsv_runtime.tts.scheduling.turns import BATCH_SLACK_S

# Whoever has heard nothing comes before a stream that is late by less. It changes nothing while none is late, and a
# server with more streams than it can bear still begins to speak to a newcomer at once.
_UNHEARD_LEAD_S = 5.0
_LONGEST_OPENING_S = OPENING_TOKENS / TOKENS_PER_SECOND  # of speech, for which tokens go before those of others


class Playback:
    """An account of one stream; all times are seconds of one clock.

    Attributes:
        arrived_s: when the request came.
        is_batch: whether nobody in particular is listening.
        started_s: when its first audio was sent; None before.
        sent_audio_s: seconds of audio sent.
        tokens_audio_s: seconds of speech that there are tokens for.
        reused: whether its first audio was there already, so that it says nothing of how fast speech is made.
    """

    def __init__(self, arrived_s: float, priority: str) -> None:
        self.arrived_s = arrived_s
        self.is_batch = priority == BATCH
        self.started_s: float | None = None
        self.sent_audio_s = 0.0
        self.tokens_audio_s = 0.0
        self.reused = False
        self._heard_until_s = arrived_s  # when all that was sent will have been played
        self._slack_s = BATCH_SLACK_S if self.is_batch else 0.0

    def audio_due_s(self) -> float:
        """When the next audio is due: when all that was sent has been heard; some seconds ago if none was."""
        return self._heard_until_s + self._slack_s - self._lead_s

    def tokens_due_s(self) -> float:
        """When the next tokens are due: when all speech that there are tokens for has been heard."""
        return self._heard_until_s + max(self.tokens_audio_s - self.sent_audio_s, 0.0) + self._slack_s - self._lead_s

    @property
    def is_unheard(self) -> bool:
        """Whether somebody listens who has heard nothing yet."""
        return self.started_s is None and not self.is_batch

    @property
    def awaits_first_tokens(self) -> bool:
        """Whether somebody listens who has heard nothing yet, and few tokens are there.

        Who gets whole sentences, or all at once, has heard nothing for long. Streams do not wait for all of that.
        """
        return self.is_unheard and self.tokens_audio_s < _LONGEST_OPENING_S

    @property
    def _lead_s(self) -> float:
        return _UNHEARD_LEAD_S if self.is_unheard else 0.0

    def ahead_s(self, now_s: float) -> float:
        """Seconds of audio that were sent and cannot have been heard yet."""
        return max(self._heard_until_s - now_s, 0.0)

    def sent(self, audio_s: float, now_s: float) -> float:
        """Take note of a chunk that is sent now; return for how long its listener heard nothing before it."""
        underrun_s = 0.0
        if self.started_s is None:
            self.started_s = now_s
        else:
            underrun_s = max(0.0, now_s - self._heard_until_s)
        self._heard_until_s = max(self._heard_until_s, now_s) + audio_s
        self.sent_audio_s += audio_s
        return underrun_s

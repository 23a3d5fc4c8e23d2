"""What the model `voices` does with a request: register, list or delete. No Triton inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gsv_runtime.jobs import Replies, Reply
from gsv_runtime.settings import CheckpointFacts, VoicesSettings
from gsv_runtime.speech_request import parse_voice_request
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import VoiceStore


class VoiceService:
    """Answers `voices` requests."""

    def __init__(self, settings: VoicesSettings, facts: CheckpointFacts, state: Path) -> None:
        """Keep voices in the folder of the server's state."""
        self._facts = facts
        self._voices = VoiceStore(state / settings.voices_directory, settings.max_voices)

    def answer(self, inputs: Arrays, stages: Stages, is_cancelled: Callable[[], bool]) -> Replies:
        """Register, lists or delete; one reply with the voices that the action was about.

        Args:
            inputs: decoded tensors of contract.VOICES.
            stages: the stages, for this request.
            is_cancelled: not asked; a registration is short.

        Raises:
            SynthesisError: the request is at fault.
        """
        request = parse_voice_request(inputs)
        entries = []
        if request.action == "list":
            entries = self._voices.entries()
        elif request.action == "delete":
            self._voices.delete(str(request.voice))
        elif request.reference is not None:
            voice = derive_voice(request.reference, stages, self._facts)
            entries = [self._voices.add(str(request.voice), voice, request.reference, request.loudness)]
        texts = np.empty(len(entries), dtype=np.object_)
        texts[:] = [entry.to_json() for entry in entries]
        listed = f"[{', '.join(texts)}]"
        yield Reply({"voices": texts, "voices_json": np.array([listed], dtype=np.object_)}, last=True)

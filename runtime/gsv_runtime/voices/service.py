"""What the model `voices` does with a request: register, list or delete. No Triton inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gsv_runtime.contract import LIST, VOICES_PER_LIST
from gsv_runtime.errors import Cancelled
from gsv_runtime.jobs import Replies, Reply
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.models.leased_stages import ModelLease, ModelStages
from gsv_runtime.settings import VoicesSettings
from gsv_runtime.speech_request import ReferenceRequest, VoiceRequest, parse_voice_request
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Arrays
from gsv_runtime.voices import storage
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.opening import open_voices
from gsv_runtime.voices.records import VoiceEntry


class VoiceService:
    """Answers `voices` requests."""

    def __init__(self, settings: VoicesSettings, catalogue: Catalogue, state: Path) -> None:
        """Keep voices in the folder of the server's state, or where GSV_VOICES says."""
        self._catalogue = catalogue
        self._state = state
        self._voices = open_voices(settings.voices_directory, state, settings.max_voices)

    def answer(self, inputs: Arrays, stages: Stages, is_cancelled: Callable[[], bool]) -> Replies:
        """Register, lists or delete; one reply with the voices that the action was about.

        Args:
            inputs: decoded tensors of contract.VOICES.
            stages: the stages, for this request.
            is_cancelled: whether the client has left; asked while a fine-tune is waited for.

        Raises:
            SynthesisError: the request is at fault.
        """
        request = parse_voice_request(inputs)
        entries = []
        if request.action == LIST:
            entries = [each for each in self._voices.entries() if each.voice > request.after][:VOICES_PER_LIST]
        elif request.action == "delete":
            self._voices.delete(str(request.voice))
        elif request.reference is not None:
            entries = [self._registered(request, request.reference, stages, is_cancelled)]
        texts = np.empty(len(entries), dtype=np.object_)
        texts[:] = [entry.to_json() for entry in entries]
        listed = np.array([f"[{', '.join(texts)}]"], dtype=np.object_)
        warnings = np.array(list(storage.warnings(self._state)), dtype=np.object_)
        yield Reply({"voices": texts, "voices_json": listed, "warnings": warnings}, last=True)

    def _registered(
        self, request: VoiceRequest, reference: ReferenceRequest, stages: Stages, is_cancelled: Callable[[], bool]
    ) -> VoiceEntry:
        """Register a voice as one fine-tune hears it."""

        def check() -> None:
            if is_cancelled():
                raise Cancelled()

        fine_tune = self._catalogue.get(request.model)
        lease = ModelLease(fine_tune, self._catalogue.first, lambda: stages, check)
        try:
            voice = derive_voice(reference, ModelStages(stages, lease), fine_tune.facts)
        finally:
            lease.release()
        model = "" if fine_tune.first else fine_tune.name
        return self._voices.add(str(request.voice), voice, reference, request.loudness, model)

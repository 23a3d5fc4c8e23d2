"""From a recording back to a waveform through its codes: what the decoder can do when the codes are right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gsv_runtime import contract
from gsv_runtime.contract import FRAMES_PER_TOKEN
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.stages import Stages
from gsv_runtime.text.sentences import unflatten
from gsv_runtime.tts.synthesis.decoding import decode_tokens, standard_noise
from gsv_runtime.voices.cloning import derive_voice

_SURPLUS_SAMPLES = 80  # HuBERT reads 400 samples for the last frame's 320; as the codes that were trained on
_NOISE_SCALE = 0.5
_SEED = 1


class Resynthesis:
    """Hands recordings through a server's stages: HuBERT, tokenizer, acoustic model and vocoder."""

    def __init__(self, stages: Stages, facts: CheckpointFacts, references: Mapping[str, Path]) -> None:
        """Encode the timbre of each reference clip once."""
        self._stages, self._facts = stages, facts
        self._conditions = {voice: self._condition(path) for voice, path in references.items()}

    def speak(self, audio_16k: NDArray[np.float32], text: str, voice: str) -> NDArray[np.float32]:
        """Speak what a recording says.

        Args:
            audio_16k: [N] samples of the recording.
            text: what it says, English.
            voice: whose timbre to speak with.

        Returns:
            Samples at 32 kHz.
        """
        audio = np.pad(audio_16k, (0, _SURPLUS_SAMPLES))[np.newaxis]
        features = self._stages.call(contract.HUBERT, audio_16k=audio)["ssl_features"]
        tokens = self._stages.call(contract.SPEECH_TOKENIZER, ssl_features=features)["prompt_tokens"][0]
        answer = self._stages.call(contract.TEXT_FRONTEND, text=text, language="en", split_method="none")
        phones = np.concatenate([sentence.phones for sentence in unflatten(answer)])
        noise = _NOISE_SCALE * standard_noise(_SEED, self._facts.latent_dim, FRAMES_PER_TOKEN * tokens.size)
        return np.asarray(decode_tokens(tokens, phones, noise, self._conditions[voice], self._stages))

    def _condition(self, path: Path) -> NDArray[np.float32]:
        request = ReferenceRequest(path.read_bytes(), prompt_text="", prompt_language="en", trim=False)
        return derive_voice(request, self._stages, self._facts).global_condition

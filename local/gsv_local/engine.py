"""The public models `tts` and `voices` in this process: the server's own services over stages that are injected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from gsv_local.bundle import Bundle
from gsv_local.word_limit import check_words
from gsv_runtime import contract, tensors
from gsv_runtime.errors import Cancelled, InternalError, SynthesisError
from gsv_runtime.inprocess.models import LoadedModels, read_settings
from gsv_runtime.inprocess.stages import InProcessStages
from gsv_runtime.jobs import Admit, StreamLimit
from gsv_runtime.models.catalogue import FIRST_NAME, Catalogue, FineTune
from gsv_runtime.tensors import Array, Arrays
from gsv_runtime.tts.service import SpeechService
from gsv_runtime.voices.service import VoiceService

_MODELS = {model.name: model for model in contract.MODELS}


class LocalEngine:
    """A bundle that speaks; safe to share between threads.

    Args:
        bundle: What to run.
        max_words: Words that one request may have; None: as the bundle says; 0: any number.
        threads: Of one operator; 0: as the bundle says.
        engine: Of the graphs: onnxruntime, openvino or openvino-bf16; empty: as the bundle says.
        device: Of the graphs: cpu, or cuda with ONNX Runtime's CUDA provider; empty: as the bundle says.

    Raises:
        ValueError: There is no such engine or device.
        RuntimeError: What is asked for cannot run here.
    """

    def __init__(
        self, bundle: Bundle, max_words: int | None = None, threads: int = 0, engine: str = "", device: str = ""
    ) -> None:
        settings, facts = read_settings(bundle.parameters, threads, engine, device), bundle.facts
        self.max_words = bundle.max_words if max_words is None else max_words
        self._default_voice = bundle.default_voice
        only = Catalogue(bundle.folder, FineTune(FIRST_NAME, facts, first=True))
        self._loaded = LoadedModels(bundle.folder, settings, facts)
        self._speech = SpeechService(settings[contract.TTS.name], only, bundle.folder, bundle.folder)
        self._voices = VoiceService(settings[contract.VOICES.name], only, bundle.folder)
        self._places = StreamLimit(settings[contract.VOICES.name].max_streams, self._voices.answer)
        self._admits: Mapping[str, Admit] = {contract.TTS.name: self._speech.admit, contract.VOICES.name: self._places}

    def close(self) -> None:
        """End every thread."""
        self._speech.close()
        self._loaded.close()

    @property
    def opened(self) -> tuple[str, ...]:
        """Names of the models in memory."""
        return (*self._admits, *self._loaded.opened)

    def stream(
        self, model_name: str, inputs: Mapping[str, Array], is_cancelled: Callable[[], bool] = lambda: False
    ) -> Generator[Arrays, None, None]:
        """Answer a request to `tts` or `voices`; closing the generator ends the work.

        Args:
            model_name: Which.
            inputs: Tensors as on the wire.
            is_cancelled: Whether nobody wants the rest.

        Yields:
            Outputs of each response, as on the wire.

        Raises:
            SynthesisError: What the server would have answered.
        """
        model = _MODELS[model_name]
        job = self._admits[model_name](lambda: self._read(model, inputs))
        left = threading.Event()
        failed: Exception | None = None
        try:
            replies = job.replies(lambda: InProcessStages(self._loaded), lambda: left.is_set() or is_cancelled())
            with closing(replies):
                for reply in replies:
                    yield tensors.to_wire(model, model.outputs, reply.outputs)
        except GeneratorExit:
            failed = Cancelled()
            raise
        except SynthesisError as failure:
            failed = failure
            raise
        except Exception as failure:
            failed = failure
            raise InternalError(f"{model_name} failed: {type(failure).__name__}; the log has the cause") from failure
        finally:
            left.set()
            job.leave(failed)

    def infer(self, model_name: str, inputs: Mapping[str, Array]) -> Arrays:
        """Answer a request that has one answer: `voices`, or a stage by itself.

        Raises:
            SynthesisError: What the server would have answered.
        """
        if model_name in self._admits:
            (answer,) = list(self.stream(model_name, inputs))
            return answer
        if model_name != contract.TEXT_FRONTEND.name:
            raise InternalError(f"stage {model_name} is not open to callers here; use tts, voices or text_frontend")
        model = _MODELS[model_name]
        values: dict[str, Any] = dict(tensors.check_inputs(model, inputs))
        return tensors.to_wire(model, model.outputs, InProcessStages(self._loaded).call(model, **values))

    def _read(self, model: contract.Model, inputs: Mapping[str, Array]) -> Arrays:
        checked = tensors.check_inputs(model, inputs)
        if model is not contract.TTS:
            return checked
        check_words(str(checked["text"][0]), self.max_words)
        names_voice = "voice" in checked or "reference_audio" in checked
        return checked if names_voice else {**checked, "voice": np.array([self._default_voice], dtype=np.object_)}

from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.metrics import T2S_METRICS
from gsv_runtime.settings import T2SSettings, read
from gsv_runtime.t2s.decoder import Decoder
from gsv_runtime.t2s.opening import open_engine
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.t2s.service import T2SService
from gsv_runtime.triton import messages
from gsv_runtime.triton.metrics import TritonMetrics
from gsv_runtime.triton.sequence_ids import OwnedSequences
from gsv_runtime.triton.stage_calls import BlsStages


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        settings = read(T2SSettings, args)
        engine = open_engine(Path(args["model_repository"]) / args["model_version"], settings)
        limit = TextLimit(settings.limit_tokens_per_phone, settings.limit_tokens_at_least)
        decoder = Decoder(engine, settings.repetition_window, settings.repetition_least_distinct, limit)
        metrics = TritonMetrics(T2S_METRICS)
        metrics.set("gsv_t2s_slots", settings.slots)
        sequences = OwnedSequences(contract.T2S, BlsStages)
        self._service = T2SService(decoder, settings.idle_s, metrics=metrics, sequences=sequences)

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            reply = messages.reply_to(request, contract.T2S)
            try:
                self._service.submit(messages.sequence_of(request), messages.decode(request, contract.T2S), reply)
            except Exception as failure:
                reply(failure)

    def finalize(self) -> None:
        self._service.close()

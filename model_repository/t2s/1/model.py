from pathlib import Path
from typing import Any

from gsv_runtime import contract
from gsv_runtime.metrics import T2S_METRICS
from gsv_runtime.settings import T2SSettings, read
from gsv_runtime.t2s.opening import open_decoders
from gsv_runtime.t2s.service import T2SService
from gsv_runtime.triton import messages
from gsv_runtime.triton.metrics import TritonMetrics
from gsv_runtime.triton.sequence_ids import OwnedSequences
from gsv_runtime.triton.stage_calls import BlsStages


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        settings = read(T2SSettings, args)
        decoders = open_decoders(Path(args["model_repository"]) / args["model_version"], settings)
        metrics = TritonMetrics(T2S_METRICS)
        metrics.set("gsv_t2s_slots", settings.slots)
        self._sequences = OwnedSequences(contract.T2S, BlsStages)
        self._service = T2SService(decoders, settings.idle_s, metrics=metrics, sequences=self._sequences)

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            call, reply = messages.sequence_of(request), messages.reply_to(request, contract.T2S)
            try:
                inputs = messages.decode(request, contract.T2S)
            except Exception as failure:
                reply(failure)
                if not call.end:  # Triton keeps a slot for it that nobody shall have
                    self._sequences.end(messages.correlation_id_of(request))
            else:
                self._service.submit(call, inputs, reply)

    def finalize(self) -> None:
        self._service.close()

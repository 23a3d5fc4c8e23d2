from typing import Any

from gsv_runtime import contract
from gsv_runtime.metrics import FINE_TUNE_METRICS
from gsv_runtime.models.catalogue import Catalogue
from gsv_runtime.models.service import FineTuneService
from gsv_runtime.settings import FineTunesSettings, read, repository_of
from gsv_runtime.triton import messages
from gsv_runtime.triton.metrics import TritonMetrics
from gsv_runtime.triton.sequence_ids import OwnedSequences
from gsv_runtime.triton.stage_calls import BlsStages


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        messages.configure_logging()
        owned = OwnedSequences(contract.FINE_TUNES, BlsStages)
        self._service = FineTuneService(
            read(FineTunesSettings, args),
            Catalogue.open(repository_of(args)),
            BlsStages,
            owned.is_orphan,
            TritonMetrics(FINE_TUNE_METRICS),
        )

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            reply = messages.reply_to(request, contract.FINE_TUNES)
            try:
                self._service.submit(messages.decode(request, contract.FINE_TUNES), reply)
            except Exception as failure:
                reply(failure)

    def finalize(self) -> None:
        self._service.close()

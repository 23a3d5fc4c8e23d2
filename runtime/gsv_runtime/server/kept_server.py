"""All that is looked at of one running tritonserver: its models and its memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from gsv_runtime.server.memory_limit import MemoryLimit
from gsv_runtime.server.model_processes import model_processes
from gsv_runtime.server.model_reloader import ModelControl, ModelReloader
from gsv_runtime.server.pulse import Pulse, ask_over_http
from gsv_runtime.voices.storage import SHARED_MEMORY


def keep_private(shm_prefix: str, folder: Path = SHARED_MEMORY) -> None:
    """Let nobody but their owner read shared memory files, which Triton makes readable for all, whatever the umask."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(shm_prefix):
                with suppress(FileNotFoundError):
                    if entry.stat().st_mode & 0o077:
                        os.chmod(entry.path, 0o600)


class KeptServer:
    """One tritonserver from its start to its end; `watchdog.Watched`.

    Args:
        pid: of tritonserver.
        shm_prefix: begins the names of its shared memory files.
        control: how to reach it.
        models: names of its models.
        memory: how much it may hold.
    """

    def __init__(
        self,
        pid: int,
        shm_prefix: str,
        control: ModelControl,
        models: Sequence[str],
        memory: MemoryLimit,
    ) -> None:
        self._pid = pid
        self._shm_prefix = shm_prefix
        self._memory = memory
        self._configs: dict[str, dict[str, Any]] = {}
        pulse = Pulse(partial(ask_over_http, control.address, self._configs))
        self._models = ModelReloader(control, partial(model_processes, pid), models, pulse=pulse, configs=self._configs)
        self._is_over = False

    @property
    def has_served(self) -> bool:
        """Whether any model was ever ready."""
        return self._models.has_served

    @property
    def lost(self) -> str:
        """Why it has to be started anew; empty while it has not."""
        return "it holds too much memory" if self._is_over else self._models.lost

    def look(self) -> None:
        """Look at everything once."""
        keep_private(self._shm_prefix)
        self._models.look()
        self._is_over = self._memory.is_due(self._pid)

"""Flags of tritonserver that do not depend on where it runs; each answers a finding of docs/triton-findings.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gsv_runtime.server.model_reloader import ADMIN_HEADER
from gsv_runtime.settings import BLS_THREADS

EXIT_TIMEOUT_S = 5
_RESTRICTED = "model-repository,model-config,shared-memory,logging,trace"


def server_flags(repository: Path, models: Iterable[str], admin_key: str, shm_prefix: str) -> list[str]:
    """Flags that do not depend on where the server runs.

    Args:
        repository: the model repository.
        models: names of the models to load; others in the repository are left alone.
        admin_key: value of the header without which models, memory and logs cannot be touched.
        shm_prefix: begins the names of this server's shared memory files, so that they can be told from others'.
    """
    restricted = f"{_RESTRICTED}:{ADMIN_HEADER}={admin_key}"
    return [
        f"--model-repository={repository}",
        "--disable-auto-complete-config",
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in models),
        f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
        f"--http-restricted-api={restricted}",
        f"--grpc-restricted-protocol={restricted}",
        f"--backend-config=python,thread-pool-size={BLS_THREADS}",
        f"--backend-config=python,shm-region-prefix-name={shm_prefix}",
    ]

"""How tritonserver is started, here and in a container: flags that answer the findings of docs/triton-findings.md.

`python -m gsv_runtime.server.launch MODEL_REPOSITORY` runs a watchdog whose tritonserver serves what
`make build` built (watchdog.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gsv_runtime.server.model_reloader import ADMIN_HEADER
from gsv_runtime.server.preload import KEY_PLACE, is_loaded, library
from gsv_runtime.server.watchdog import keep
from gsv_runtime.server.workarounds import positions
from gsv_runtime.settings import ADMIN_KEY, BLS_THREADS, read_build

EXIT_TIMEOUT_S = 5
HTTP_ADDRESS, SHM_PREFIX = "127.0.0.1:8000", "gsv-"  # in the container
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


def container_command(repository: Path, environment: Mapping[str, str]) -> list[str]:
    """The command line in NVIDIA's container.

    Args:
        repository: a repository built with preset onnx or tensorrt.
        environment: GSV_ADMIN_KEY must be set.

    Raises:
        ValueError: the repository is not built, no admin key is set, or a workaround is switched to nowhere.
    """
    models = read_build(repository)["models"]
    admin_key = environment.get(ADMIN_KEY)
    if not admin_key:
        raise ValueError(f"{ADMIN_KEY} is not set; set it to a secret")
    positions(environment)
    shown = KEY_PLACE if is_loaded(environment, library()) else admin_key
    return ["tritonserver", *server_flags(repository, models, shown, SHM_PREFIX)]


def main() -> None:
    """Serve until it is told to stop."""
    repository = Path(sys.argv[1])
    try:
        command = container_command(repository, os.environ)
    except ValueError as failure:
        sys.exit(str(failure))
    models, admin_key = read_build(repository)["models"], os.environ[ADMIN_KEY]
    sys.exit(keep(command, HTTP_ADDRESS, SHM_PREFIX, models, admin_key))


if __name__ == "__main__":
    main()

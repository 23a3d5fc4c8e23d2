"""How tritonserver is started, here and in a container: flags that answer the findings of triton.md.

`python -m gsv_runtime.launch MODEL_REPOSITORY` replaces itself by a tritonserver that serves what `make build` built,
beside a supervisor that starts again what dies.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gsv_runtime.settings import read_build
from gsv_runtime.supervisor import ADMIN_HEADER, become

EXIT_TIMEOUT_S = 5
BLS_THREADS = 64  # stage calls that one model may have in flight
HTTP_ADDRESS = "127.0.0.1:8000"  # in the container
_RESTRICTED = "model-repository,shared-memory,logging,trace"


def server_flags(repository: Path, models: Iterable[str], admin_key: str) -> list[str]:
    """Flags that do not depend on where the server runs.

    Args:
        repository: the model repository.
        models: names of the models to load; others in the repository are left alone.
        admin_key: value of the header without which models, memory and logs cannot be touched.
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
    ]


def container_command(repository: Path, environment: Mapping[str, str]) -> list[str]:
    """The command line in NVIDIA's container.

    Args:
        repository: a repository built with preset onnx or tensorrt.
        environment: GSV_ADMIN_KEY must be set.

    Raises:
        ValueError: the repository is not built, or no admin key is set.
    """
    models = read_build(repository)["models"]
    admin_key = environment.get("GSV_ADMIN_KEY")
    if not admin_key:
        raise ValueError("GSV_ADMIN_KEY is not set; set it to a secret")
    return ["tritonserver", *server_flags(repository, models, admin_key)]


def main() -> None:
    """Becomes tritonserver."""
    repository = Path(sys.argv[1])
    try:
        command = container_command(repository, os.environ)
    except ValueError as failure:
        sys.exit(str(failure))
    become(command, HTTP_ADDRESS, read_build(repository)["models"], os.environ["GSV_ADMIN_KEY"])


if __name__ == "__main__":
    main()

"""How tritonserver is started in a container, with what the operator decides there.

`python -m gsv_runtime.server.launch MODEL_REPOSITORY` runs a watchdog whose tritonserver serves what
`make build` built (watchdog.py). Settings are those of `make up` (operator_settings.py): variables such as
GSV_CACHE_REDIS_URL, or gsv.toml in the folder of the state. Where it listens is the container's to say.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gsv_runtime.server.flags import server_flags
from gsv_runtime.server.operator_settings import settings_of, with_file
from gsv_runtime.server.preload import KEY_PLACE, is_loaded, library
from gsv_runtime.server.served_repository import require_this_version, served_repository
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.server.watchdog import keep
from gsv_runtime.server.workarounds import positions
from gsv_runtime.settings import ADMIN_KEY, STATE, read_build, state_of

HTTP_ADDRESS, SHM_PREFIX = "127.0.0.1:8000", "gsv-"  # in the container


def container_environment(repository: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a server in a container: those given, the operator's file, and the folder of its state.

    Args:
        repository: the model repository; the state lies beside it, where no variable names another folder.
        environment: of the container.

    Raises:
        ServerFailed: a setting is unknown or not as it must be.
    """
    state = state_of(repository, environment).absolute()
    return {**with_file(state, environment), STATE: str(state)}


def container_command(repository: Path, environment: Mapping[str, str]) -> list[str]:
    """The command line in NVIDIA's container.

    Args:
        repository: a repository built with preset cuda, onnx or tensorrt.
        environment: of `container_environment`; GSV_ADMIN_KEY must be set.

    Raises:
        ValueError: the repository is not built, no admin key is set, or a workaround is switched to nowhere.
        ServerFailed: a setting is not as it must be, or another version built the repository.
        OSError: the folder of the state cannot be written, and settings need it.
    """
    models = read_build(repository)["models"]
    admin_key = environment.get(ADMIN_KEY)
    if not admin_key:
        raise ValueError(f"{ADMIN_KEY} is not set; set it to a secret")
    positions(environment)
    require_this_version(repository)
    served = served_repository(repository.absolute(), Path(environment[STATE]), settings_of(environment))
    shown = KEY_PLACE if is_loaded(environment, library()) else admin_key
    return ["tritonserver", *server_flags(served, models, shown, SHM_PREFIX)]


def main() -> None:
    """Serve until it is told to stop."""
    repository = Path(sys.argv[1])
    try:
        os.environ.update(container_environment(repository, os.environ))
        command = container_command(repository, os.environ)
    except (ValueError, ServerFailed, OSError) as failure:
        sys.exit(str(failure))
    models, admin_key = read_build(repository)["models"], os.environ[ADMIN_KEY]
    sys.exit(keep(command, HTTP_ADDRESS, SHM_PREFIX, models, admin_key))


if __name__ == "__main__":
    main()

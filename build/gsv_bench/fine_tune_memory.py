"""What fine-tunes take of a server's memory, loaded and when they have spoken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gsv_client import Client, Options
from gsv_runtime import contract
from gsv_runtime.server.local_server import ServerState
from gsv_runtime.server.model_processes import model_processes

_TEXT = "The old man walked slowly along the river."
_PATIENCE_S = 300.0
_AT_ONCE, _RESTS_AFTER_S = 6, 8.0


def private_bytes(pid: int) -> int:
    """Memory that a process shares with no other."""
    lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def memory(running: ServerState, url: str, names: Sequence[str]) -> list[dict[str, float]]:
    """Private memory of the stages' processes with 0, 1, 2 … fine-tunes loaded beside the first, MiB.

    The first has spoken before, so that what any speech takes is there. `weights_mib` is what these fine-tunes may
    cost: the files that were built from their two checkpoints. `spoken_mib` is the memory of the stages when each that
    is loaded has spoken to several listeners at once, and has rested since.
    """
    server = running.server_pid
    if server is None:
        raise RuntimeError("there is no tritonserver; see its log")
    found = []
    with Client(url, _PATIENCE_S) as client:
        _speak_at_once(client, "")
        for loaded in range(len(names) + 1):
            if loaded:
                client.load_model(names[loaded - 1])
            own, of_all = _private_memory(server)
            weights = sum(each.nbytes for each in client.list_models() if each.loaded and not each.first)
            _speak_at_once(client, names[loaded - 1] if loaded else "")
            mib = {"weights_mib": weights, "stages_mib": own, "all_mib": of_all}
            mib["spoken_mib"], _ = _private_memory(server)
            found.append({"loaded": loaded, **{name: value / 2**20 for name, value in mib.items()}})
    return [{key: round(value, 1) for key, value in each.items()} for each in found]


def _private_memory(server: int) -> tuple[int, int]:
    """Bytes of the stages that have weights of a fine-tune's own, and of all models."""
    of = {model: sum(private_bytes(pid) for pid in pids) for model, pids in model_processes(server).items()}
    return sum(of[model.name] for model in contract.MODELS if model.checkpoint), sum(of.values())


def _speak_at_once(client: Client, model: str) -> None:
    """Have a fine-tune speak to several with the voice `first`, and wait until it rests."""
    options: Options = {"voice": "first", "language": "en", "cache": "off"}
    if model:
        options["model"] = model
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda seed: client.synthesize(_TEXT, **{**options, "seed": seed}), range(_AT_ONCE)))
    time.sleep(_RESTS_AFTER_S)

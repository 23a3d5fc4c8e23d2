"""Part `prepare`: random weights of official size and their graphs, made where they are needed: they cannot travel.

It keeps the processor busy for a minute, so that it runs beside the parts that need no graphs; those that do wait.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.t2s_cases import CACHE_ROWS, never_end
from gsv_build import checkpoints, phone_table
from gsv_build.build_repository import add_missing_models, build
from gsv_build.checkpoints import saving
from gsv_build.checks.module_stages import SeededWeights
from gsv_build.checks.random_checkpoints import draw, official_shapes, write_voice
from gsv_build.deployment import PRESETS, Deployment, with_settings
from gsv_build.export import export_graph
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import T2SGpuFiles, write_t2s_gpu_graphs
from gsv_build.weights import HUBERT_DIRECTORY, T2S_FILE
from gsv_runtime import contract
from gsv_runtime.contract import Model
from gsv_runtime.model_files import (
    GRAPH_FILE,
    T2S_DECODE_SAMPLE_FILE,
    T2S_DECODE_STEP_FILE,
    T2S_MOVE_SLOT_FILE,
    T2S_PREFILL_FILE,
    t2s_gpu_weights_file,
)
from gsv_runtime.t2s.request import TextLimit
from gsv_runtime.versions import ModelVersion

SERVED = ModelVersion.V2
T2S, SERVED_SET = "t2s", "served"
_DONE = "prepared"
_WAIT_S = 300.0


def run(options: Options, figures: Figures) -> None:
    """Make what is not there yet, a process for each set."""
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "gsv_bench.gpu.prepare", *options.arguments()]
    processes = {
        name: subprocess.Popen([*command, f"--set={name}"]) for name in SETS if not options.brief or _is_served(name)
    }
    for name, process in processes.items():
        with figures.attempt(name):
            if process.wait() != 0:
                raise RuntimeError(f"preparing {name} ended with {process.returncode}; its log is above")
    figures.put("seconds_in_all", round(time.perf_counter() - began_s, 1))


def t2s_files(options: Options, precision: Precision = Precision.FP16) -> T2SGpuFiles:
    """T2S's graphs, whose sizes all versions but v1 share."""
    folder = options.work / f"t2s-{options.size}-{precision.value}"
    return T2SGpuFiles(
        folder / T2S_PREFILL_FILE,
        folder / T2S_DECODE_STEP_FILE,
        folder / T2S_DECODE_SAMPLE_FILE,
        folder / T2S_MOVE_SLOT_FILE,
        folder / t2s_gpu_weights_file(precision.value),
    )


def graph_of(options: Options, version: ModelVersion, model: Model, precision: Precision = Precision.FP16) -> Path:
    """The graph of the acoustic model or the vocoder; where the server has that precision it is the server's."""
    if version is SERVED and precision is PRESETS["cuda"].precision_of(model):
        return options.repository(version) / model.name / "1" / GRAPH_FILE
    return options.work / set_of(version, precision) / options.size / model.name / GRAPH_FILE


def set_of(version: ModelVersion, precision: Precision = Precision.FP16) -> str:
    """The set that a version's graphs belong to."""
    return f"{version.value}-{precision.value}"


def wait_for(options: Options, *names: str) -> None:
    """Return when these sets are there.

    Raises:
        TimeoutError: they do not come.
    """
    wanted = [_mark(options, name) for name in names]
    deadline = time.monotonic() + _WAIT_S
    while missing := [str(path) for path in wanted if not path.exists()]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{', '.join(missing)} not made in {_WAIT_S:.0f} s; run the part prepare")
        time.sleep(0.5)


def limited(options: Options) -> Deployment:
    """Preset cuda on the device of `options`, with a limit that ends every sentence of the benchmark after 3 s."""
    deployment = PRESETS["cuda"]
    for model in contract.MODELS:
        if model.graph:
            deployment = with_settings(deployment, model, device=options.device)
    limit = TextLimit(tokens_per_phone=2.5, tokens_at_least=1)
    t2s: dict[str, object] = {
        "limit_tokens_per_phone": limit.tokens_per_phone,
        "limit_tokens_at_least": limit.tokens_at_least,
    }
    if options.device == "cpu":
        t2s |= {"device": "cpu", "cuda_graph": False}
    deployment = with_settings(deployment, contract.T2S, **t2s)
    return with_settings(deployment, contract.TTS, cache_memory_bytes=0, cache_directory="", cache_redis_url="")


def _make_served(options: Options) -> None:
    sizes, directory = options.sizes(SERVED), options.weights(SERVED)
    if not (directory / T2S_FILE).is_file():
        write_voice(directory, sizes)
        saving.write_hubert(directory / HUBERT_DIRECTORY, draw(official_shapes(sizes)["hubert"], 0), sizes.hubert, True)
        checkpoint = checkpoints.load_t2s(directory / T2S_FILE)
        never_end(checkpoint.module)
        checkpoints.save_t2s(directory / T2S_FILE, checkpoint.module)
    repository = options.repository(SERVED)
    add_missing_models(repository)
    # What a T2S that never ends teaches of its phones: nothing. Hearing that takes minutes and the text libraries.
    with patch.object(phone_table, "spoken", lambda *_: iter(())):
        build(repository, limited(options), directory)


def _make_decoding(options: Options, version: ModelVersion, precision: Precision) -> None:
    """Acoustic model and vocoder alone."""
    sizes = options.sizes(version)
    modules = SeededWeights(sizes).sovits()
    axes = {"ssl_dim": sizes.sovits.ssl_dim, "latent_dim": sizes.sovits.latent, "global_dim": sizes.sovits.global_dim}
    omit = () if version.uses_speaker_embedding else ("speaker_embedding",)
    for model, module in ((contract.VOCODER, modules.vocoder), (contract.ACOUSTIC, modules.acoustic)):
        if version is SERVED and precision is PRESETS["cuda"].precision_of(model):
            continue  # it is the server's
        path = graph_of(options, version, model, precision)
        export_graph(module, model, path, axes, omit, precision=precision)


def _make_t2s(options: Options) -> None:
    module = SeededWeights(options.sizes(SERVED)).t2s()
    never_end(module)
    for precision in (Precision.FP16,) if options.brief else (Precision.FP16, Precision.FP32):
        folder = t2s_files(options, precision).prefill.parent
        folder.mkdir(parents=True, exist_ok=True)
        write_t2s_gpu_graphs(module, folder, CACHE_ROWS, precision)


SETS: dict[str, Callable[[Options], None]] = {
    T2S: _make_t2s,
    SERVED_SET: _make_served,
    **{
        set_of(version, precision): partial(_make_decoding, version=version, precision=precision)
        for version, precision in itertools.product((SERVED, ModelVersion.V2_PRO_PLUS), Precision)
        if precision is not Precision.BF16
    },
}


def _is_served(name: str) -> bool:
    """Whether a set is more than a reference: all but those of the version whose graphs the server has anyway."""
    return not name.startswith(f"{SERVED.value}-")


def _mark(options: Options, name: str) -> Path:
    return options.work / f"{_DONE}-{name}-{options.size}"


def main() -> None:
    """Make one set."""
    import argparse
    import logging

    from gsv_bench.gpu.options import add_arguments, from_arguments

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, required=True)
    add_arguments(parser)
    arguments = parser.parse_args()
    options = from_arguments(arguments)
    mark = _mark(options, arguments.set)
    if not mark.exists():
        options.work.mkdir(parents=True, exist_ok=True)
        SETS[arguments.set](options)
        mark.touch()


if __name__ == "__main__":
    main()

"""`make bench-gpu`: what an NVIDIA GPU makes of this, in parts that each leave their figures as they finish.

`--device cpu --size small --short` is a dry run on any machine. A part runs in a process of its own: one that dies or
takes too long loses its own figures from there on and no others. `prepare` runs beside the others, which wait for what
they need of it.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import subprocess
import sys
import time
from dataclasses import dataclass

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options, add_arguments, from_arguments


@dataclass(frozen=True)
class Part:
    """A module's function, and the seconds that it may take."""

    module: str
    function: str
    limit_s: float


PREPARE = "prepare"
PARTS = {
    "machine": Part("machine", "run", 60),
    PREPARE: Part("prepare", "run", 300),
    "t2s-torch": Part("t2s_torch", "run", 90),
    "stages-torch": Part("stage_times", "run_torch", 90),
    "t2s-onnxruntime": Part("t2s_onnxruntime", "run", 150),
    "stages-onnxruntime": Part("stage_times", "run_onnxruntime", 150),
    "vocoder-options": Part("vocoder_options", "run", 120),
    "served": Part("served", "run", 240),
    "trace": Part("trace", "run", 60),
    "tensorrt": Part("tensorrt_engines", "run", 150),
}

logger = logging.getLogger("gsv.bench")


def main(argv: list[str] | None = None) -> int:
    """Run the parts asked for; exit 1 if one did not end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="gsv_bench.gpu", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, in this order")
    parser.add_argument("--here", action="store_true", help="run the parts in this process")
    parser.add_argument(
        "--record-texts", action="store_true", help="write --texts for a machine without text libraries"
    )
    arguments = parser.parse_args(argv)
    options, names = from_arguments(arguments), arguments.parts.split(",")
    unknown = sorted(set(names) - PARTS.keys())
    if unknown:
        parser.error(f"no part is called {', '.join(unknown)}; have {', '.join(PARTS)}")
    if arguments.record_texts:
        from gsv_bench.gpu.recorded_texts import record

        if options.texts is None:
            parser.error("--record-texts writes the file that --texts names; name one")
        record(options.texts)
        return 0
    if arguments.here:
        for name in names:
            run_part(name, options)
        return 0
    beside = [name for name in names if name == PREPARE and len(names) > 1]
    begun = [(name, _begin(name, options), time.monotonic()) for name in beside]
    ended = [_end(name, _begin(name, options), time.monotonic()) for name in names if name not in beside]
    ended += [_end(*each) for each in begun]
    return 0 if all(ended) else 1


def run_part(name: str, options: Options) -> None:
    """Run one part in this process."""
    part = PARTS[name]
    function = getattr(importlib.import_module(f"gsv_bench.gpu.{part.module}"), part.function)
    function(options, Figures(options.out / f"{name}.json"))


def _begin(name: str, options: Options) -> subprocess.Popen[bytes]:
    """Start one part."""
    return subprocess.Popen([sys.executable, "-m", "gsv_bench.gpu", *options.arguments(), f"--parts={name}", "--here"])


def _end(name: str, process: subprocess.Popen[bytes], began_s: float) -> bool:
    """Wait for a part as long as it may take; whether it ended by itself and well."""
    left_s = began_s + PARTS[name].limit_s - time.monotonic()
    try:
        code = process.wait(max(left_s, 0.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        logger.error("part %s stopped after %.0f s", name, PARTS[name].limit_s)
        return False
    logger.info("part %s ended code=%d seconds=%.1f", name, code, time.monotonic() - began_s)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())

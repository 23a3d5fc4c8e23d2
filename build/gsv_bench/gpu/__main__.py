"""`make bench-gpu`: what an NVIDIA GPU makes of this, in parts that each leave their figures as they finish.

`--device cpu --size small --short` is a dry run on any machine. A part runs in a process of its own: one that dies or
takes too long loses its own figures from there on and no others.
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


PARTS = {
    "machine": Part("machine", "run", 60),
    "prepare": Part("prepare", "run", 300),
    "t2s-torch": Part("t2s_torch", "run", 90),
    "t2s-onnxruntime": Part("t2s_onnxruntime", "run", 150),
    "stages-torch": Part("stage_times", "run_torch", 90),
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
    ended = [_in_a_process(name, options) for name in names]
    return 0 if all(ended) else 1


def run_part(name: str, options: Options) -> None:
    """Run one part in this process."""
    part = PARTS[name]
    function = getattr(importlib.import_module(f"gsv_bench.gpu.{part.module}"), part.function)
    function(options, Figures(options.out / f"{name}.json"))


def _in_a_process(name: str, options: Options) -> bool:
    """Run one part; whether it ended by itself and well."""
    command = [sys.executable, "-m", "gsv_bench.gpu", *options.arguments(), f"--parts={name}", "--here"]
    began_s = time.monotonic()
    try:
        code = subprocess.run(command, timeout=PARTS[name].limit_s, check=False).returncode
    except subprocess.TimeoutExpired:
        logger.error("part %s stopped after %.0f s", name, PARTS[name].limit_s)
        return False
    logger.info("part %s ended code=%d seconds=%.1f", name, code, time.monotonic() - began_s)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())

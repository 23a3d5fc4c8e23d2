"""`python -m gsv_bench [--only NAME] [--json]`: benchmarks; tables to stdout, values as the last line with --json."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
from typing import Any

# Name to the module that has add_arguments(parser) and run(arguments) -> (Markdown, values).
BENCHES = {
    "cache": "gsv_bench.cache",
    "compressed": "gsv_bench.compressed",
    "compressed-stages": "gsv_bench.compressed_stages",
    "concurrency": "gsv_bench.concurrency",
    "edge": "gsv_bench.edge",
    "text-student": "gsv_bench.text_student",
    "fine-tunes": "gsv_bench.fine_tunes",
    "fleet": "gsv_bench.fleet",
    "gateway": "gsv_bench.gateway",
    "gateway-crowds": "gsv_bench.gateway_crowds",
    "kills": "gsv_bench.kills",
    "replicas": "gsv_bench.replicas",
    "stages": "gsv_bench.stages",
    "streaming": "gsv_bench.streaming",
    "t2s-engines": "gsv_bench.t2s_engines",
    "t2s-precision": "gsv_bench.t2s_precision",
    "t2s-prefill": "gsv_bench.t2s_prefill",
    "t2s-slots": "gsv_bench.t2s_slots",
    "teacher-words": "gsv_bench.teacher_words",
    "text": "gsv_bench.text",
    "timings": "gsv_bench.timings",
    "tokens-per-call": "gsv_bench.tokens_per_call",
    "voices": "gsv_bench.registered_voices",
    "weights-memory": "gsv_bench.weights_memory",
    "word-limits": "gsv_bench.word_limits",
}


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks asked for."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    argv = sys.argv[1:] if argv is None else argv
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--only", choices=sorted(BENCHES))
    chosen, _ = first.parse_known_args(argv)
    names = [chosen.only] if chosen.only else list(BENCHES)
    parser = argparse.ArgumentParser(prog="gsv_bench", description=__doc__, parents=[first])
    parser.add_argument("--json", action="store_true", help="print the values as one line at the end")
    modules = [importlib.import_module(BENCHES[name]) for name in names]
    for module in modules:
        module.add_arguments(parser.add_argument_group(module.__name__))
    arguments = parser.parse_args(argv)
    values: dict[str, Any] = {}
    for module in modules:
        text, found = module.run(arguments)
        sys.stdout.write(text + "\n\n")
        values |= found
    if arguments.json:
        sys.stdout.write(json.dumps(values) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

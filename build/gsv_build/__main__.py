"""`python -m gsv_build <command>`: everything that happens before serving.

Data goes to stdout, talk to stderr. Exit status: 0 done, 1 failed, 2 misuse.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys

# Command to (module, what it does); the module has add_arguments(parser) and run(arguments) -> status.
COMMANDS = {
    "weights": ("gsv_build.weights", "fetch the published checkpoints"),
    "random": ("gsv_build.checks.random_checkpoints", "write a set of random checkpoints in the official formats"),
    "configs": ("gsv_build.configs", "write config.pbtxt of every model"),
    "build": ("gsv_build.build_repository", "export checkpoints into a model repository"),
    "bundle": ("gsv_build.bundle", "pack a built repository and its voices into one file for other programs"),
    "encodec": ("gsv_build.encodec", "turn EnCodec's own weights into what a gateway takes as --encodec"),
    "remove": ("gsv_build.remove_model", "take a fine-tune out of a model repository"),
    "docs": ("gsv_build.wire_page", "write the tables of docs/wire.md from the contract"),
    "engines": ("gsv_build.engines", "build TensorRT engines from the exported graphs"),
    "parity": ("gsv_build.checks.parity", "compare networks and pipeline with what upstream computed"),
    "verify": ("gsv_build.checks.verify", "compare every exported stage with PyTorch, all versions, random weights"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; only its own module is imported, so that `configs` does not wait for torch."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="gsv_build", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    argv = sys.argv[1:] if argv is None else argv
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in argv[:1]:
            importlib.import_module(module).add_arguments(command)
    arguments = parser.parse_args(argv)
    return int(importlib.import_module(COMMANDS[arguments.command][0]).run(arguments))


if __name__ == "__main__":
    sys.exit(main())

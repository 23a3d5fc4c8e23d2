"""`python -m gsv_runtime.server up|down|status|logs|usage`: the local server, without Docker and without torch.

Data goes to stdout, talk to stderr. Exit status: 0 done, 1 failed, 2 misuse.
"""

from __future__ import annotations

import argparse
import logging
import sys

from gsv_runtime.server import local_server

COMMANDS = {
    "up": "start the local server and wait until it is ready",
    "down": "stop the local server",
    "status": "say whether the local server is ready",
    "logs": "print the local server's log",
    "usage": "say what memory and disk the local server takes",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="gsv_runtime.server", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, summary in COMMANDS.items():
        local_server.add_arguments(commands.add_parser(name, help=summary, description=summary))
    return local_server.run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m gsv_build docs`: writes the tables of docs/wire.md from the contract, or tells which have drifted.

The page's prose and examples are written by hand. Each table stands between two comments,
``<!-- generated: NAME -->`` and ``<!-- end of NAME -->``; this module replaces what is between them.
"""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gsv_runtime import contract, errors
from gsv_runtime.contract import MODELS, TTS, VOICES, Axis, Model, Tensor

PAGE = Path(__file__).parents[2] / "docs" / "wire.md"
# Triton's code of an error, and what it becomes: status of gRPC, status of HTTP (r24.10, src/http_server.cc).
STATUSES = {
    "INVALID_ARG": ("INVALID_ARGUMENT", 400),
    "NOT_FOUND": ("NOT_FOUND", 404),
    "UNAVAILABLE": ("UNAVAILABLE", 503),
    "CANCELLED": ("CANCELLED", 400),
    "INTERNAL": ("INTERNAL", 500),
}
_TABLE = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n)(?P<text>.*?)(<!-- end of (?P=name) -->)", re.DOTALL)

logger = logging.getLogger("gsv.build")


def wire_type(tensor: Tensor) -> str:
    """The datatype that a client writes: KServe calls Triton's STRING ``BYTES``."""
    return "BYTES" if tensor.dtype == "STRING" else tensor.dtype


def shape(axes: Iterable[Axis]) -> str:
    """Axes as in the contract: ``[1, 20480]``, ``[B, P]``."""
    return f"[{', '.join(map(str, axes))}]"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _table(heads: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join([_row(heads), _row("---" for _ in heads), *map(_row, rows)]) + "\n"


def model_tables(model: Model) -> str:
    """Inputs and outputs of a public model, a row each."""
    inputs = (
        (f"`{item.name}`", wire_type(item), shape(item.axes), "" if item.optional else "yes", item.doc)
        for item in model.inputs
    )
    outputs = ((f"`{item.name}`", wire_type(item), shape(item.axes), item.doc) for item in model.outputs)
    return (
        f"{_table(('input', 'type', 'shape', 'required', 'meaning'), inputs)}\n"
        f"{_table(('output', 'type', 'shape', 'meaning'), outputs)}"
    )


def _brief(items: Iterable[Tensor]) -> str:
    return ", ".join(f"`{item.name}` {wire_type(item)} {shape(item.axes)}" for item in items)


def internal_table() -> str:
    """The other models, a row each."""
    rows = (
        (f"`{model.name}`", model.doc, _brief(model.inputs), _brief(model.outputs))
        for model in MODELS
        if model not in (TTS, VOICES)
    )
    return _table(("model", "does", "inputs", "outputs"), rows)


def error_table() -> str:
    """What a client can be told, with the statuses that carry it."""
    rows = (
        (f"`{name}`", STATUSES[leaf.triton_code][0], str(STATUSES[leaf.triton_code][1]), _first_line(leaf))
        for name, leaf in errors.LEAVES.items()
    )
    return _table(("error", "gRPC", "HTTP", "means"), rows)


def axis_letters() -> str:
    """The paragraph of the contract that explains its axes, with code as Markdown has it."""
    paragraphs = (contract.__doc__ or "").split("\n\n")
    (letters,) = (paragraph for paragraph in paragraphs if paragraph.startswith("Axis letters"))
    return letters.replace("``", "`").strip() + "\n"


def _first_line(leaf: type) -> str:
    return (leaf.__doc__ or "").partition("\n")[0]


def tables() -> dict[str, str]:
    """Name of each generated table to its text."""
    return {
        "tts": model_tables(TTS),
        "voices": model_tables(VOICES),
        "internal": internal_table(),
        "errors": error_table(),
        "axes": axis_letters(),
    }


def rendered(page: str) -> str:
    """The page with every table as it should be.

    Raises:
        ValueError: a table has no place on the page, or a place has no table.
    """
    wanted = tables()
    places = [match["name"] for match in _TABLE.finditer(page)]
    if sorted(places) != sorted(wanted):
        raise ValueError(f"docs/wire.md has places for {places}; need one each for {sorted(wanted)}")
    return _TABLE.sub(lambda match: f"{match[1]}\n{wanted[match['name']]}\n{match[4]}", page)


def drifted(page: str) -> Iterator[str]:
    """Names of tables that are not as the contract has them."""
    fresh = {match["name"]: match["text"] for match in _TABLE.finditer(rendered(page))}
    yield from (match["name"] for match in _TABLE.finditer(page) if match["text"] != fresh[match["name"]])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a table is not as rendered")


def run(arguments: argparse.Namespace) -> int:
    """Write or check; return the exit status."""
    page = arguments.page.read_text(encoding="utf-8")
    names = list(drifted(page))
    if arguments.check:
        if names:
            logger.error("docs drifted tables=%s; run `python -m gsv_build docs`", ",".join(names))
        return 1 if names else 0
    arguments.page.write_text(rendered(page), encoding="utf-8")
    logger.info("docs written page=%s changed=%s", arguments.page, ",".join(names) or "nothing")
    return 0

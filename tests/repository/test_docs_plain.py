"""Docs are plain English: nine sentences in ten have under 25 words, on each page by itself.

Counted are paragraphs, list items, and cells of tables that are prose. A colon or a semicolon does not end a sentence.
Not counted are headings, code, addresses of links, and tables that a program writes.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split()
# The changelog is a list of phrases; the rest of what is not here belongs to weights and test data.
_COUNTED = re.compile(r"docs/|\.github/|[a-z]+/README|README|CONTRIBUTING|SECURITY")
PAGES = [ROOT / name for name in TRACKED if _COUNTED.match(name) and (ROOT / name).is_file()]
MANY_WORDS, SHARE_BELOW = 25, 0.9
CELL_WORDS = 10  # a shorter cell of a table is a label or a value, not a sentence

_REMOVED = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)[^\n]*$"  # code
    r"|<!-- generated: (?P<table>[a-z-]+) -->.*?<!-- end of (?P=table) -->"
    r"|<!--.*?-->",
    re.DOTALL | re.MULTILINE,
)
_ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+(?:\[[ x]\] )?")
_END = re.compile(r"(?<=[.!?])[)\"*]*\s+(?=[(\"*]*[A-Z0-9`\[])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|Dr|cf)\.$")


def blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items and cells of tables, each as one line."""
    lines: list[str] = []
    for line in [*_REMOVED.sub("", text).split("\n"), ""]:
        is_code = line.startswith("    ") and not lines
        begins = _ITEM.match(line)
        if not line.strip() or line.startswith(("#", "|", "!")) or begins or is_code:
            if lines:
                yield " ".join(lines)
            lines = []
        if line.startswith("|"):
            yield from (cell for cell in line.strip("|").split("|") if len(words(cell)) > CELL_WORDS)
        elif line.strip() and not line.startswith(("#", "!")) and not is_code:
            lines.append(line[begins.end() :] if begins else line.strip())


def plain(block: str) -> str:
    """A block without addresses; a piece of code is one word."""
    block = re.sub(r"`[^`]+`", "Code", block)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", block)


def words(text: str) -> list[str]:
    """What is separated by spaces and has a letter or a figure in it."""
    return [word for word in plain(text).split() if re.search(r"\w", word)]


def sentences(text: str) -> Iterator[str]:
    """Every sentence of a page that is counted."""
    for block in blocks(text):
        waiting = ""
        for piece in _END.split(plain(block)):
            waiting = f"{waiting} {piece}".strip()
            if not _ABBREVIATION.search(waiting):
                yield waiting
                waiting = ""
        if waiting:
            yield waiting


def too_long(text: str) -> list[str]:
    """Sentences of 25 words or more."""
    return [sentence for sentence in sentences(text) if len(words(sentence)) >= MANY_WORDS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_nine_sentences_in_ten_are_short(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    counted, long = list(sentences(text)), too_long(text)
    assert counted
    assert len(long) <= (1 - SHARE_BELOW) * len(counted), "\n".join(long)


LONG = " ".join(["word"] * 24)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"A {LONG}.", 1),
        (f"{LONG}.", 0),
        (f"- A {LONG}.", 1),
        (f"It was 41.7. {LONG.capitalize()}.", 0),
        (f"| name | A {LONG}. |", 1),
        (f"Words that\ngo on: {LONG}.", 1),
        (f"One. Two, e.g. three. Then {LONG[5:]}.", 0),
        (f"`{LONG}` is code.", 0),
        (f"```\nA {LONG}.\n```", 0),
        (f"[A](https://{LONG.replace(' ', '/')}) link.", 0),
        (f"# A {LONG}", 0),
    ],
)
def test_a_long_sentence_is_found_and_nothing_else(text: str, number: int) -> None:
    assert len(too_long(text)) == number


DECISIONS = [page for page in PAGES if page.parent.name == "decisions"]
MOST_WORDS = 350


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_half_a_page_with_its_parts_in_order(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    number = int(page.name[:4])
    assert re.match(rf"# {number}\. .+\n\n- Date: 20\d\d-\d\d-\d\d\n- Status: (accepted|replaced|proposed)", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.split()) <= MOST_WORDS


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_every_figure_of_the_readme_stands_in_the_benchmarks() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## How fast it is")[2].partition("\n\nRTF")[0]
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = [line.split("|")[3:-1] for line in table.splitlines() if line.startswith("| ") and "machine" not in line]
    figures = [cell.strip() for row in rows for cell in row if re.search(r"\d", cell)]
    assert figures
    assert [figure for figure in figures if not re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d.])", benchmarks)] == []

"""The glossary has every word once, every folder and every public class of the runtime."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "runtime" / "gsv_runtime"
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
PARTS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
# Classes and modules of before, each now another word (one concept, one word).
GONE = {
    *("keeper", "supervisor", "spoken", "audiobit", "part", "kept", "turnstile", "patience", "told_later", "toldlater"),
    *("atmost", "once", "allcared", "takes", "starter", "speed", "pacing", "starting", "serving", "flight"),
}


def rows(part: str) -> list[list[str]]:
    """Cells of each row of a part's table, without its head."""
    lines = [line for line in PARTS[part].split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def classes() -> Iterator[str]:
    """Public classes of the runtime, at the top of their modules."""
    for path in sorted(RUNTIME.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name


def test_words_are_in_order_and_each_is_said_once() -> None:
    words = [row[0].replace("`", "").split(",")[0].casefold().replace("_", " ") for row in rows("Words")]
    assert words == sorted(set(words))


def test_every_folder_of_the_runtime_is_explained_and_no_other() -> None:
    folders = {path.parent.relative_to(RUNTIME).as_posix() for path in RUNTIME.rglob("__init__.py")} - {"."}
    assert {row[0].strip("`").rstrip("/") for row in rows("Rooms of the runtime")} == folders


@pytest.mark.slow
def test_every_public_class_is_explained_or_named_as_plain_and_no_other() -> None:
    explained = [name for row in rows("Classes of the runtime") for name in re.findall(r"`(\w+)`", row[0])]
    plain = re.findall(r"`(\w+)`", PARTS["Classes of the runtime"].rpartition("say enough:")[2])
    named = Counter(explained + plain)
    assert [name for name, times in named.items() if times > 1] == []
    assert set(classes()) - set(named) == set(), "explain it in docs/glossary.md, or list it as plain there"
    assert set(named) - set(classes()) == set(), "this class is gone from the runtime"


def test_a_room_that_is_named_beside_a_class_exists() -> None:
    rooms = {row[0] for row in rows("Rooms of the runtime")} | {"the ground"}
    named = {room.strip() for row in rows("Classes of the runtime") for room in row[2].split(",")}
    assert named <= rooms


@pytest.mark.slow
def test_words_of_before_are_gone_from_classes_and_modules() -> None:
    names = {name.lower() for name in classes()} | {path.stem for path in RUNTIME.rglob("*.py")}
    assert names & GONE == set()

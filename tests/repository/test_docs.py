"""What the docs name exists: commands, variables, files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted(
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def code() -> str:
    """Everything but prose and tests in which a variable may be read."""
    suffixes = {".py", ".yml", ".yaml", ".cfg", ".toml", ""}
    files = [
        path for folder in ("runtime", "build", "client", "gateway", "local") for path in (ROOT / folder).rglob("*")
    ]
    files += [ROOT / "Makefile", ROOT / "docker-compose.yml", *(ROOT / "tests").rglob("conftest.py")]
    files += (ROOT / "deploy").rglob("*")
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.is_file() and path.suffix in suffixes)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_command_is_a_target(page: Path) -> None:
    named = set(re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")))
    assert named <= TARGETS


def test_every_variable_of_the_operations_page_is_read_somewhere() -> None:
    named = set(re.findall(r"GSV_[A-Z_]+", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert named
    assert named <= set(re.findall(r"GSV_[A-Z_]+", code()))


def test_every_variable_that_a_person_can_set_is_on_the_operations_page() -> None:
    read = set(re.findall(r"[\"'{(]\s*(GSV_[A-Z_]+)", code()))
    assert read <= set(re.findall(r"GSV_[A-Z_]+", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))

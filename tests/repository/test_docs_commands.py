"""Every command that the docs show exists, with its options."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gsv_bench.__main__ import BENCHES
from gsv_build.__main__ import COMMANDS
from gsv_client.cli import main

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split()
# Records quote commands of earlier commits.
PAGES = [name for name in TRACKED if not name.startswith("docs/decisions/") and (ROOT / name).is_file()]


def commands(page: str) -> Iterator[str]:
    """Lines of code blocks, and what stands between backticks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from block.replace("\\\n", " ").split("\n")
    text = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", text)


def missing_of_gsv(line: str) -> str:
    """What `gsv` does not know of a line, or nothing."""
    words = re.sub(r"'[^']*'|\"[^\"]*\"", "TEXT", line.partition("#")[0]).split()
    known, command = {"--help"}, main
    for word in words[1:]:
        known |= {name for option in command.params for name in option.opts}
        is_group = isinstance(command, click.Group)
        if isinstance(command, click.Group) and word in command.list_commands(click.Context(command)):
            command = command.get_command(click.Context(command), word)  # type: ignore[assignment]
        elif word.partition("=")[0] not in known and (word.startswith("--") or (is_group and word.isalpha())):
            return word
    return ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_gsv_exists_with_its_options(page: str) -> None:
    lines = [line.strip() for line in commands(page) if re.match(r"(\S*/)?gsv [a-z-]", line.strip())]
    assert [(line, missing) for line in lines if (missing := missing_of_gsv(line))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_builder_and_every_benchmark_exists(page: str) -> None:
    text = "\n".join(commands(page))
    assert set(re.findall(r"-m gsv_build ([a-z]+)", text)) <= COMMANDS.keys()
    named = {name for names in re.findall(r"make bench [^\n]*--only ([a-z0-9|-]+)", text) for name in names.split("|")}
    assert named <= BENCHES.keys()


@pytest.mark.parametrize("page", PAGES)
def test_every_make_command_of_a_block_is_a_target(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for line in commands(page) for name in re.findall(r"(?:^|&& |; )make ([a-z-]+)", line.strip())}
    assert named <= targets


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("gsv say 'Hello --world.' --voice ann -o a.wav", ""),
        ("gsv say Hello --loud", "--loud"),
        ("gsv shout Hello", "shout"),
        ("gsv voices register ann ann.wav --text x", ""),
        ("gsv voices forget ann", "forget"),
    ],
)
def test_what_does_not_exist_is_found(line: str, missing: str) -> None:
    assert missing_of_gsv(line) == missing

"""The site's map: every page of docs/ is on it, and what it takes from elsewhere exists."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HOOK = (ROOT / "docs" / "site" / "pages.py").read_text(encoding="utf-8")
NAVIGATION = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
# Page of the site by the file that it is made from.
ELSEWHERE = dict(re.findall(r'^    "([\w./-]+\.md)": "([\w./-]+\.md)",$', HOOK, re.MULTILINE))


def entries(item: Any) -> Iterator[str]:
    """Pages and folders that the navigation names."""
    if isinstance(item, str):
        yield item
    for each in item.values() if isinstance(item, dict) else item if isinstance(item, list) else ():
        yield from entries(each)


def test_every_page_is_in_the_navigation() -> None:
    named = set(entries(NAVIGATION))
    folders = tuple(name for name in named if name.endswith("/"))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if page not in named and not page.startswith(folders)} == set()


def test_every_entry_of_the_navigation_is_a_page() -> None:
    for name in entries(NAVIGATION):
        made = name in ELSEWHERE.values() or name.startswith("reference/")
        assert made or (ROOT / "docs" / name).exists(), name


def test_pages_from_elsewhere_are_made_of_files_that_exist() -> None:
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= ELSEWHERE.keys()
    assert [name for name in ELSEWHERE if not (ROOT / name).is_file()] == []


def test_continuous_integration_calls_make_targets_and_nothing_else() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"make lint", "make test", "make docs"} <= set(commands)
    assert [line for line in commands if line.removeprefix("make ") not in targets] == []


def test_hooks_before_a_commit_name_files_and_commands_that_exist() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    for hook in repository["hooks"]:
        for path in re.findall(r"\btests/[\w/]+\.py", hook["entry"]):
            assert (ROOT / path).is_file(), path
        assert hook["entry"].split()[0] in {".venv/bin/ruff", ".venv/bin/python", ".venv/bin/pytest"}


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_has_the_reference_of_client_and_runtime(tmp_path: Path) -> None:
    mkdocs = ROOT / "var" / "docs-venv" / "bin" / "mkdocs"
    if not mkdocs.is_file():
        pytest.skip("the environment of the site is not there; run `make docs`")
    build = [str(mkdocs), "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    result = subprocess.run(
        build, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    assert 'id="gsv_client.Client.synthesize"' in (tmp_path / "reference" / "client.html").read_text(encoding="utf-8")
    for wing in (path.parent.name for path in (ROOT / "runtime" / "gsv_runtime").glob("*/__init__.py")):
        page = (tmp_path / "reference" / "runtime" / f"{wing}.html").read_text(encoding="utf-8")
        assert f'id="gsv_runtime.{wing}.' in page
    for page, origin in ((page, origin) for origin, page in ELSEWHERE.items()):
        assert (tmp_path / page).with_suffix(".html").is_file(), origin

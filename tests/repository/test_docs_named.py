"""Every document, decision, finding and test that code, docstrings and docs name exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
).stdout.split("\n")
SUFFIXES = {".py", ".c", ".md", ".toml", ".yml", ".yaml", ".txt", ".sh", ".jinja", ""}
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in TRACKED
    if name and Path(name).suffix in SUFFIXES and (ROOT / name).is_file() and not name.startswith("tests/data/")
}
DOCUMENTS = {name for name in TRACKED if name.endswith(".md")}
# Documents of others, each with whose it is.
FOREIGN = {
    "compressed.md": "make compress, of a voice",
    "OperatorKernels.md": "ONNX Runtime",
    "EN_PHONES.md": "misaki",
    "Operations.md": "metrics.py, being edited",
}
# What name pages of the site, or patterns.
NAMES_OTHERS = {
    "mkdocs.yml",
    "docs/site/pages.py",
    "tests/repository/test_docs_named.py",
    "tests/repository/test_site.py",
}
FINDINGS = re.findall(r"^### (\d+)\. ", TEXTS["docs/triton-findings.md"], re.MULTILINE)
DECISIONS = {int(Path(name).name[:4]) for name in DOCUMENTS if name.startswith("docs/decisions/0")}


def documents_named(name: str) -> Iterator[str]:
    """Names of Markdown files in a text, but for addresses on the web."""
    if name in NAMES_OTHERS:
        return
    text = re.sub(r"https?://\S+", "", TEXTS[name])
    yield from re.findall(r"(?<![\w*/.-])[\w./-]+\.md\b", text)


def exists(document: str, where: str) -> bool:
    """Whether it lies at the root, beside the file that names it, in docs/, or is the one document of that name."""
    folders = (ROOT, (ROOT / where).parent, ROOT / "docs")
    if any((folder / document).resolve().is_file() for folder in folders):
        return True
    return "/" not in document and sum(Path(known).name == document for known in DOCUMENTS) == 1


@pytest.mark.slow
def test_every_document_that_is_named_exists() -> None:
    named = {name: set(documents_named(name)) - FOREIGN.keys() for name in TEXTS}
    missing = [f"{name}: {document}" for name in named for document in named[name] if not exists(document, name)]
    assert sorted(missing) == []


@pytest.mark.slow
def test_no_text_points_outside_the_repository() -> None:
    outside = re.compile(r"(?<![\w.])(?:\.\./)?shared/\w+|/work/")
    assert [name for name, text in TEXTS.items() if "test_docs_named" not in name and outside.search(text)] == []


def test_findings_are_numbered_and_each_says_where_it_holds_and_what_shows_it() -> None:
    assert [int(number) for number in FINDINGS] == list(range(1, len(FINDINGS) + 1))
    for finding in re.split(r"^### ", TEXTS["docs/triton-findings.md"], flags=re.MULTILINE)[1:]:
        marks = re.findall(r"^- \*\*([A-Z][a-z ]+)\*\*: \S", finding, re.MULTILINE)
        assert marks == ["Holds for", "Shown by", "Here"], finding.partition("\n")[0]


def test_every_finding_and_decision_that_is_cited_exists() -> None:
    for name, text in TEXTS.items():
        cited = re.findall(r"findings? (\d+)(?:, (\d+))?(?:(?:,| and| to) (\d+))?", text)
        assert {number for group in cited for number in group if number} <= set(FINDINGS), name
        assert {int(number) for number in re.findall(r"\b[Dd]ecisions? (\d+)", text)} <= DECISIONS, name


def test_code_cites_findings_with_their_document() -> None:
    for name, text in TEXTS.items():
        if name.endswith((".py", ".c")) and not name.startswith("tests/"):
            bare = re.findall(r"(?<!triton-findings\.md, )(?<!triton-findings\.md,\n)\bfinding \d+", text)
            assert [cite for cite in bare if "triton-findings.md" not in text] == [], name


def test_every_test_that_a_document_names_exists() -> None:
    for name in DOCUMENTS & TEXTS.keys():
        for path, test in re.findall(r"\b(tests/[\w/.-]*\w)(?:::(\w+))?", TEXTS[name]):
            assert (ROOT / path).exists(), f"{name}: {path}"
            assert not test or f"def {test}(" in TEXTS[path], f"{name}: {path}::{test}"

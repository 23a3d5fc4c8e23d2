"""Docstrings of functions say what to do: "Walk", not "Walks"."""

import ast
import re

import pytest

from .test_layout import ROOT, SOURCES

# Nouns that begin docstrings and end in s.
NOUNS = set(
    """Addresses Arguments Arrays As Axes Bytes Callers Calls Changes Characters Checkpoints Codes Columns Cosines
    Decibels Doubles Features Figures Files Flags Forms Frames Ids Imports Indices Inputs Items Its Keys Labels
    Languages Lengths Lines Logits Magnitudes Marks Medians Milliseconds Models Names Networks Notes Options
    Outcomes Outputs Parameters Parts Passages Perhaps Phones Pieces Places Ports Positions Probabilities
    Processes Programs Requests Rows Rules Runs Samples Seconds Sentences Sequences Sizes Slots Stages Starts
    Steps Streams Stretches Syllables Tensors This Thousands Times Tokens Triangles Tuples Users Utterances
    Values Versions Words Zeros""".split()
)


def verbs_in_the_third_person(text):
    """First words of functions' docstrings that are verbs as "Walks"."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = re.match(r"[A-Z][a-z]+s\b", ast.get_docstring(node) or "")
            if first and first[0] not in NOUNS and not first[0].endswith(("ss", "us")):
                yield f"{node.name}: {first[0]}"


def test_the_check_finds_such_a_verb():
    assert list(verbs_in_the_third_person('def f():\n    """Walks it."""')) == ["f: Walks"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_say_what_to_do(path):
    assert list(verbs_in_the_third_person(path.read_text(encoding="utf-8"))) == []

"""Docstrings of functions say what to do: "Run it", not "Runs it"."""

import ast
import re

import pytest

from .test_layout import ROOT, SOURCES

# Verbs with which docstrings began in the third person; nouns that look the same (Calls, Samples, Starts) are left out.
THIRD_PERSON = set(
    """Adds Admits Answers Appends Applies Asks Builds Calculates Carries Catches Checks Chooses Closes Compares
    Computes Connects Converts Copies Counts Creates Cuts Decides Decodes Deletes Does Drops Encodes Ends Enters
    Exports Fetches Finds Forgets Frees Gets Gives Goes Hands Holds Ignores Iterates Joins Keeps Lays Leaves
    Lets Loads Logs Looks Makes Measures Moves Notices Opens Pads Parses Passes Pauses Plots Prepares Prints
    Pulls Pushes Puts Raises Reads Receives Refuses Registers Removes Renders Replaces Resamples Restarts
    Returns Rewrites Runs Says Sends Serves Sets Shows Speaks Squeezes Stops Takes Tells Tests Trains Turns
    Unloads Updates Validates Waits Walks Wraps Writes Yields""".split()
)


def verbs_in_the_third_person(text):
    """First words of functions' docstrings that are verbs as "Runs"."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = re.match(r"\w+", ast.get_docstring(node) or "")
            if first and first[0] in THIRD_PERSON:
                yield f"{node.name}: {first[0]}"


def test_the_check_finds_such_a_verb():
    assert list(verbs_in_the_third_person('def f():\n    """Runs it."""')) == ["f: Runs"]


@pytest.mark.slow
def test_functions_say_what_to_do():
    found = {str(path.relative_to(ROOT)): list(verbs_in_the_third_person(path.read_text("utf-8"))) for path in SOURCES}
    assert {path: verbs for path, verbs in found.items() if verbs} == {}

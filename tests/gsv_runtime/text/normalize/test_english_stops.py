"""Stops that end no sentence go with their abbreviations; stops that do stay."""

import pytest

from gsv_runtime.text.normalize.english_stops import abbreviations_said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("5th Ave. NW, Apt. 4", "5th Avenue Northwest, Apt. 4"),
        ("d. 1519, c. 1450", "died 1519, circa 1450"),
        ("E. coli grew", "E coli grew"),
        ("By J. K. Rowling", "By J K Rowling"),
        ("met J. Smith", "met J Smith"),
        ("2 pkg. yeast, 1 c. milk", "2 packages yeast, 1 cup milk"),
        ("If xyzt. happens", "If xyzt happens"),
        ("the gov't", "the government"),
        ("Lv. 60", "level 60"),
    ],
)
def test_stops_of_abbreviations_are_gone(written, said):
    assert " ".join(abbreviations_said(written).split()) == said


@pytest.mark.parametrize(
    "text",
    [
        "Vitamin C. It helps.",
        "Plan B. Then we left.",
        "I got an A. He did not.",
        "We ate. then left.",
        "at 5 p.m. They slept.",
    ],
)
def test_stops_that_end_a_sentence_stay(text):
    assert abbreviations_said(text) == text

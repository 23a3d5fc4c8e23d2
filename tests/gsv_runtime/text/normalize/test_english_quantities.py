"""Measures, moments and amounts in words; what only looks like one stays."""

import pytest

from gsv_runtime.text.normalize.english_quantities import quantities_said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('3/8" wide', "3/8 inch wide"),
        ('a 27" monitor', "a 27 inch monitor"),
        ("10 CFU/mL", "10 C F U per milliliter"),
        ("1 m³/s", "1 cubic meter per second"),
        ("3 N·m", "3 newton meters"),
        ("2°21′03″E", "2 degrees 21 minutes 3 seconds east"),
        ("2024-03-07T00:05Z", "March 7, 2024 zero oh five U T C"),
        ("20 CHF", "20 Swiss francs"),
        ("€5,50", "€5.50"),
        ("2024/25", "2024 25"),
        ("80/20", "80 20"),
        ("QX7T9L", "Q X seven T nine L"),
    ],
)
def test_measures_are_in_words(written, said):
    assert quantities_said(written) == said


@pytest.mark.parametrize(
    "text", ['"I am 5" and "no"', "2024/99", "3/4", "RTX4090", "C6H12O6", "and/or", "1-in-5", "20/20"]
)
def test_what_looks_like_a_measure_stays(text):
    assert quantities_said(text) == text

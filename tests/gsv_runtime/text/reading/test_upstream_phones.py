"""Phones beside those of upstream's own code, for sentences that we wrote.

`data/upstream_<language>.json.gz` holds [text, phones] as RVC-Boss/GPT-SoVITS 48b1a01 gave them (`clean_text`, v2), run
in a scratch environment; how is in docs/text-frontend.md.
"""

import difflib
import gzip
import json
from pathlib import Path

import pytest

from gsv_runtime.text.languages import reader
from gsv_runtime.text.symbols import UNKNOWN, phone_table

DATA = Path(__file__).parents[1] / "data"
MIN_SENTENCES = 300
# Phones that must equal upstream's, as a share of all: what was measured, rounded down.
MIN_EQUAL = {"en": 0.999}


def cases(language):
    return json.loads(gzip.decompress((DATA / f"upstream_{language}.json.gz").read_bytes()))


def phones_of(language, text, symbols="v2"):
    known = phone_table(symbols)
    units = reader(language, "upstream", symbols).read(text).units
    return [phone if phone in known else UNKNOWN for _, said in units for phone in said]


def equal_phones(ours, theirs):
    return sum(
        block.size for block in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    )


@pytest.mark.parametrize("language", MIN_EQUAL)
def test_phones_are_those_of_upstream(language):
    rows = cases(language)
    assert len({text for text, _ in rows}) >= MIN_SENTENCES
    pairs = [(phones_of(language, text), phones.split()) for text, phones in rows]
    equal = sum(equal_phones(ours, theirs) for ours, theirs in pairs)
    total = sum(max(len(ours), len(theirs)) for ours, theirs in pairs)
    assert equal / total >= MIN_EQUAL[language]

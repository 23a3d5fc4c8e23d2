"""English, Japanese and Korean with frontend=upstream beside stored outputs of upstream itself (48b1a01).

`data/upstream-<language>.json.bz2` holds [text, normalised, phones] as its `clean_text` gave them for v2, for sentences
that we wrote; docs/text-frontend.md tells how, and what differs.
"""

import bz2
import gzip
import json
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from gsv_runtime.text.g2p import japanese
from gsv_runtime.text.languages import reader
from gsv_runtime.text.symbols import UNKNOWN, phone_table

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[3] / "data/frontend-golden.json.gz").read_bytes()))
LANGUAGES = ("en", "ja", "ko")
PITCH = {"[", "]", UNKNOWN}  # UNK stands where an accent phrase ends


def stored(language):
    rows = json.loads(bz2.decompress((DATA / f"upstream-{language}.json.bz2").read_bytes()))
    assert len({text for text, *_ in rows}) >= 300
    return [(text, normalized, said.split()) for text, normalized, said in rows]


def phones(language, text, symbols="v2"):
    known = phone_table(symbols)
    units = reader(language, "upstream", symbols).read(text).units
    return [phone if phone in known else UNKNOWN for _, said in units for phone in said]


def share_equal(pairs):
    """Share of phones that both have in the same order, of the longer of each pair."""
    equal = sum(
        block.size
        for ours, theirs in pairs
        for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    )
    return equal / sum(max(len(ours), len(theirs)) for ours, theirs in pairs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_is_worded_as_upstream_words_it(language):
    read = reader(language, "upstream").read
    assert [text for text, normalized, _ in stored(language) if read(text).normalized != normalized] == []


def test_english_has_upstreams_phones_but_for_two_parts_of_speech():
    different = [text for text, _, said in stored("en") if phones("en", text) != said]
    assert len(different) <= 2  # without NLTK's tagger, which is in no wheel: house, contract


def test_korean_has_upstreams_phones():
    assert [text for text, _, said in stored("ko") if phones("ko", text) != said] == []


def japanese_shares():
    """Share of equal phones, and of equal sounds: without the marks of pitch."""
    pairs = [(phones("ja", text), said) for text, _, said in stored("ja")]
    sounds = [([p for p in ours if p not in PITCH], [p for p in theirs if p not in PITCH]) for ours, theirs in pairs]
    return share_equal(pairs), share_equal(sounds)


@pytest.mark.skipif(japanese.upstream_dictionary() is None, reason="needs open-jtalk-mecab-naist-jdic")
def test_japanese_has_upstreams_phones_with_upstreams_dictionary():
    every, sounds = japanese_shares()
    assert every >= 0.998
    assert sounds >= 0.999


@pytest.mark.skipif(japanese.upstream_dictionary() is not None, reason="upstream's dictionary is installed")
def test_japanese_has_upstreams_phones_as_far_as_the_dictionary_in_the_wheel_allows():
    every, sounds = japanese_shares()
    assert every >= 0.985
    assert sounds >= 0.994


def test_the_golden_english_and_korean_are_worded_and_read_the_same():
    for text, normalized in GOLDEN["en_normalize"]:
        assert reader("en", "upstream").read(text).normalized == normalized
    for text, said in GOLDEN["ko"]:
        assert phones("ko", text) == said

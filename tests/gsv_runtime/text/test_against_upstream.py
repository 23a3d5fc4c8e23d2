"""frontend=upstream beside stored outputs of upstream itself (48b1a01), pypinyin standing in for g2pW on both sides.

The sentences are ours: news, talk, poems, numbers, dates, money, addresses, links, emoji, traditional characters.
"""

import bz2
import gzip
import json
import re
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest

from gsv_runtime.language_modes import MODES
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.g2p import chinese_posseg
from gsv_runtime.text.languages import reader
from gsv_runtime.text.normalize import chinese_upstream
from gsv_runtime.text.segment_upstream import parts
from gsv_runtime.text.split import split_sentences

pytestmark = pytest.mark.slow

DATA = Path(__file__).parent / "data"
GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[2] / "data/frontend-golden.json.gz").read_bytes()))


def stored(name):
    with bz2.open(DATA / f"upstream-{name}.json.bz2", "rt", encoding="utf-8") as file:
        return json.load(file)


def phones(language, text, symbols="v2"):
    return [phone for _, said in reader(language, "upstream", symbols).read(text).units for phone in said]


def same_phones(pairs):
    """Share of sentences that are the same, and share of upstream's phones found in their place in ours."""
    pairs = list(pairs)
    matched = sum(
        block.size
        for ours, theirs in pairs
        for block in SequenceMatcher(None, ours, theirs, False).get_matching_blocks()
    )
    return sum(ours == theirs for ours, theirs in pairs) / len(pairs), matched / sum(len(theirs) for _, theirs in pairs)


@pytest.mark.parametrize("symbols", ["v1", "v2"])
def test_mandarin_has_upstreams_phones(symbols):
    expected = [(text, (v1 or v2) if symbols == "v1" else v2) for text, _, v2, v1 in stored("zh")]
    assert len(expected) >= 300
    sentences, every = same_phones((phones("zh", text, symbols), said.split()) for text, said in expected)
    has_tables = not chinese_posseg.missing()  # else rjieba cuts unknown words its own way (docs/text-frontend.md)
    assert sentences >= (0.995 if has_tables else 0.975)
    assert every >= (0.9998 if has_tables else 0.999)


def test_mandarin_is_worded_as_upstream_words_it():
    read = reader("zh", "upstream").read
    assert [text for text, normalized, *_ in stored("zh") if read(text).normalized != normalized] == []


def test_cantonese_has_upstreams_phones():
    sentences = stored("yue")
    assert len(sentences) >= 300
    assert [text for text, _, said in sentences if phones("yue", text) != said.split()] == []


def test_every_mode_divides_mixed_text_as_upstream_does():
    cases = stored("mixed")
    assert len(cases) >= 600
    assert {mode for _, mode, _ in cases} == MODES.keys() - {"en"}
    for text, mode, runs in cases:
        # What upstream knows no language for it reads as an English blank.
        expected = [(code, part) if code in ("zh", "ja", "ko", "yue", "en") else ("en", " ") for code, part, _ in runs]
        assert parts(text, MODES[mode]) == expected
        for code, part, said in runs:
            assert said is None or phones(code, part) == said.split()


def test_every_method_cuts_as_upstream_does():
    cases = stored("split")
    assert len(cases) > 200
    for text, language, by_method in cases:
        full_stop = "." if language == "en" else "。"
        ours = {method: split_sentences(text, method, full_stop, "upstream") for method in by_method}
        assert ours == by_method


def test_whole_requests_become_upstreams_phone_ids_sentence_by_sentence():
    cases, frontend = stored("whole"), TextFrontend("v2", None, "upstream")
    pairs = []
    for text, mode, method, expected in cases:
        result = frontend.process(text, mode, method)
        ends = np.cumsum(result.phone_counts)[:-1]
        pairs.append(([part.tolist() for part in np.split(result.phones, ends)], expected))
    assert len(pairs) > 90
    assert sum(ours == theirs for ours, theirs in pairs) / len(pairs) >= 0.96  # the rest: words, as above


def test_the_golden_chinese_is_worded_and_read_the_same():
    for text, pieces in GOLDEN["zh_normalize_sentences"]:
        ours = chinese_upstream.normalize(text)
        assert re.findall("[\u4e00-\u9fa5]", ours) == re.findall("[\u4e00-\u9fa5]", "".join(pieces))
    for text, normalized, said, counts, _ in GOLDEN["zh_g2p_pypinyin_standin"]:
        reading = reader("zh", "upstream", "v2").read(text)
        assert reading.normalized == normalized
        assert [phone for _, part in reading.units for phone in part] == said
        assert [len(part) for _, part in reading.units] == counts
    for text, normalized, said, counts in GOLDEN["yue"]:
        reading = reader("yue", "upstream", "v2").read(text)
        assert (reading.normalized, [len(part) for _, part in reading.units]) == (normalized, counts)
        assert [phone for _, part in reading.units for phone in part] == said


@pytest.mark.parametrize(("text", "silence"), [("好，￥你好。", "SP2"), ("好，^你好。", "SP3")])
def test_a_yen_sign_or_caret_makes_silences_of_commas_as_upstream(text, silence):
    assert phones("zh", text) == ["h", "ao3", silence, "n", "i2", "h", "ao3", "."]

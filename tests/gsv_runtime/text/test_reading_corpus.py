"""What users' texts must be said as: the corpus in tests/data/reading, whose README gives the format."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from gsv_runtime.language_modes import MODES
from gsv_runtime.text.symbols import PUNCTUATION

from .described import describe

CORPUS = Path(__file__).parents[2] / "data/reading"
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
ACCENTS = frozenset("[]#")
PAUSES = PUNCTUATION | set("，。！？、：；—~·")


@dataclass(frozen=True)
class Case:
    place: str
    text: str
    language: str
    said: str


def unescaped(text):
    def char(match):
        return ESCAPES.get(match[1]) or chr(int(match[1][1:], 16))

    return re.sub(r"\\([nrt\\]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})", char, text)


def cases():
    found = []
    for path in sorted(CORPUS.glob("*.tsv")):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if line and not line.startswith("# "):
                text, language, said, *_ = line.split("\t")
                found.append(Case(f"{path.stem}:{number}", unescaped(text), language, said))
    return found


CASES = cases()


def words_of(text):
    """Words, single characters of Han, kana and hangul, and ``/`` for a pause."""
    text = re.sub(r"\b([ap])\.m\.", r"\1 m", text.lower().replace("’", "'"))
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    return re.findall(r"[a-z]+(?:'[a-z]+)*|\d+|…(?=[ |]|$)|[^\W\d_a-z]|[/,.!?，。！？、：；:;—~…-]+", text)


def said_words(sentences):
    return ["/" if token[0] in PAUSES else token for each in sentences for token in words_of(each["normalized"])]


def said_phones(sentences, accents=False):
    phones = [phone for each in sentences for run in each["runs"] for _, said in run["units"] for phone in said]
    kept = [phone for phone in phones if accents or phone not in ACCENTS]
    return ["/" if phone in PUNCTUATION else phone for phone in kept]


def pattern(tokens):
    """A pattern of ` token` after ` token`, where pauses may stand between any two."""
    said = {"…": r"(?: .*)?", "/": r"(?: /)+"}
    parts = [said.get(token) or " " + re.escape(token) for token in tokens]
    return "".join(f"(?: /)*{part}" for part in parts) + "(?: /)*"


def is_said(case, wanted, sentences):
    kind, _, rest = wanted.partition(": ") if re.match("(like|phones): ", wanted) else ("", "", wanted)
    if kind == "like":
        like = [phone for phone in said_phones(describe(rest, case.language)) if phone != "/"]
        return [phone for phone in said_phones(sentences) if phone != "/"] == like
    if kind == "phones":
        heard, tokens = said_phones(sentences, accents=bool(ACCENTS & set(rest.split()))), rest.split()
    else:
        heard = said_words(sentences)
        tokens = [token if token == "…" or token[0] not in PAUSES else "/" for token in words_of(wanted)]
    return re.fullmatch(pattern(tokens), "".join(f" {token}" for token in heard)) is not None


def told(sentences):
    return [(each["normalized"], " ".join(said_phones([each], accents=True))) for each in sentences]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.place} {case.text[:30]!a}")
def test_texts_of_the_corpus_are_said_as_they_must_be(case):
    sentences = describe(case.text, case.language)
    assert any(is_said(case, wanted.strip(), sentences) for wanted in case.said.split(" | ")), told(sentences)


def test_every_line_of_the_corpus_can_be_read_and_stands_once():
    assert {case.language for case in CASES} <= MODES.keys()
    assert [key for key, times in Counter((case.text, case.language) for case in CASES).items() if times > 1] == []


@pytest.mark.parametrize(
    ("wanted", "right"),
    [
        ("it's ten past nine", True),
        ("it's ten / past nine", False),
        ("it's … nine", True),
        ("nine", False),
        ("it's nine | it's ten past nine", True),
        ("like: It's ten past nine!", True),
        ("phones: … N AY1 N", True),
        ("phones: N AY1 N", False),
    ],
)
def test_a_case_is_right_only_where_all_of_it_is_said(wanted, right):
    case = Case("", "It's ten past nine.", "en", wanted)
    assert any(is_said(case, each, describe(case.text, "en")) for each in wanted.split(" | ")) is right


def test_a_pause_is_found_where_it_is_asked_for():
    case = Case("", "One, two three.", "en", "")
    sentences = describe(case.text, "en")
    assert is_said(case, "one / two three", sentences)
    assert is_said(case, "one two three", sentences)
    assert not is_said(case, "one two / three", sentences)

"""Which characters of a request's own text each word stands for, and which phones say it.

A text is cleaned, cut and worded before it is read: ``$5`` becomes *five dollars*, a tag is taken out, SSML names an
alias. So the words that are said are matched with what was written in two steps, as two files are compared: the text
with its sentences, which differ little, and each sentence with its units. What only one side has is matched as a
whole: the two words *five dollars* are the one word ``$5``.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import chain

from gsv_runtime.text.languages import Unit
from gsv_runtime.text.sentence_reader import ReadRun, ReadSentence
from gsv_runtime.text.sentences import WordSpan
from gsv_runtime.text.symbols import PUNCTUATION

Span = tuple[int, int]
_Edit = tuple[str, int, int, int, int]  # as difflib has them: what is done, and where on both sides

_TAG = r"<!--.*?-->|<\?[^<>]*>|</?[A-Za-z][\w:.-]*(?:\s[^<>]*=[^<>]*|\s*/?)>"
_ALPHABETIC = r"[^\W\d_\u1100-\u11ff\u3005-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]"
_TOKEN = re.compile(
    rf"(?P<tag>{_TAG})|&\#?\w{{1,8}};"
    rf"|{_ALPHABETIC}[\u0300-\u036f]*(?:['’]?{_ALPHABETIC}[\u0300-\u036f]*)*"
    rf"|(?<!\w)[-−+](?=\d)|\d+|[\u1100-\u11ff]+|\w[\u3099\u309a\uff9e\uff9f]*|[^\w\s]",
    re.DOTALL,
)
_SILENT_SIGNS = frozenset("_")
_SPOKEN_MARKS = frozenset("%&@#*/\\§‰-−+")
_EXPLAINED = re.compile(r"([\u3005\u3400-\u9fff][\u3005-\u30ff\u3400-\u9fff]*)[（《(［\[]\Z")
_SENTENCES_AHEAD = 2
_SILENT_BEYOND = 3  # how many times its tokens, and then some, a sentence is looked for in
_LOOKED_FOR = 40


@dataclass(frozen=True)
class _Token:
    """A word, figure, character or sign that may be said, folded for comparison, and where it stands."""

    text: str
    span: Span


def word_spans(text: str, sentences: Sequence[ReadSentence]) -> list[list[WordSpan]]:
    """Match what is said with what was written.

    Args:
        text: the request's, as it came.
        sentences: read from it, in order.

    Returns:
        The words of each sentence, in order, none empty; their spans do not overlap. Pauses are no words.
    """
    written = list(_tokens(text))
    found: list[list[WordSpan]] = []
    cursor = 0
    tokens = [list(_tokens(sentence.text)) for sentence in sentences]
    for number, (sentence, cut) in enumerate(zip(sentences, tokens, strict=True)):
        ahead = list(chain(*tokens[number + 1 : number + 1 + _SENTENCES_AHEAD]))
        places, cursor = _located(written, cut, ahead, cursor)
        spans = [_joined(written[first:last]) for first, last in places]
        found.append(_words(text, spans, [token.text for token in cut], list(_units(sentence.runs))))
    return _apart(text, found)


def _tokens(text: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(text):
        if match["tag"] or match[0] in _SILENT_SIGNS or _is_mark(match[0]):
            continue
        yield _Token(_folded(match[0]), match.span())


def _is_mark(text: str) -> bool:
    """Whether it only separates what is said."""
    if len(text) > 1 or text in _SPOKEN_MARKS:
        return False
    return unicodedata.category(text)[0] in "PZCM"


@functools.lru_cache(maxsize=65_536)
def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", html.unescape(text)).casefold().replace("’", "'")


def _located(
    written: Sequence[_Token], cut: Sequence[_Token], ahead: Sequence[_Token], cursor: int
) -> tuple[list[Span], int]:
    """Find the tokens of a sentence among what was written.

    Args:
        written: all of it.
        cut: the sentence's tokens.
        ahead: of the sentences that follow, which tell where this one ends.
        cursor: where to begin.

    Returns:
        For each token its places among `written`, and the cursor behind the last.
    """
    size = len(cut)
    wanted = [token.text for token in cut]
    if [token.text for token in written[cursor : cursor + size]] == wanted:
        return [(cursor + at, cursor + at + 1) for at in range(size)], cursor + size
    wanted += [token.text for token in ahead]
    window = [token.text for token in written[cursor : cursor + _SILENT_BEYOND * len(wanted) + _LOOKED_FOR]]
    places: list[Span] = []
    last = cursor
    for tag, a, b, c, d in _edits(window, wanted):
        if c >= size or tag == "delete":
            continue
        if tag == "equal":
            places += [(cursor + at, cursor + at + 1) for at in range(a, min(b, a + size - c))]
        else:
            stop = b if d <= size else min(b, a + size - c)  # of what two sentences share, as many as this one has
            places += [(cursor + a, cursor + stop)] * (min(d, size) - c)
        last = places[-1][1] if places else last
    return places, last


def _edits(written: Sequence[str], said: Sequence[str]) -> list[_Edit]:
    """Opcodes as `SequenceMatcher` has them; but what a sign is read as may be spelt like what stands behind it.

    Of `1일`, said `일일`, the matcher takes the first for what is written, and leaves nothing for the figure.
    """
    edits = SequenceMatcher(None, written, said, autojunk=False).get_opcodes()
    for at in range(len(edits) - 2):
        (gone, a, b, c, _), (_, same, end, first, last), (more, *_, begun, stop) = edits[at : at + 3]
        shift = stop - begun
        if (gone, more) == ("delete", "insert") and said[first + shift : stop] == said[first:last]:
            edits[at : at + 3] = [
                ("replace", a, b, c, c + shift),
                ("equal", same, end, first + shift, stop),
                ("insert", end, end, stop, stop),
            ]
    return [edit for edit in edits if edit[1] < edit[2] or edit[3] < edit[4]]


def _joined(tokens: Sequence[_Token]) -> Span | None:
    return (tokens[0].span[0], tokens[-1].span[1]) if tokens else None


def _units(runs: Sequence[ReadRun]) -> Iterator[Unit]:
    """Units of all runs; a stretch of Japanese, which has no spaces, word by word."""
    for run in runs:
        for unit in run.units:
            is_stretch = run.language == "ja" and not run.given and _sounds(unit[1])
            yield from _japanese_words(unit) if is_stretch else [unit]


def _japanese_words(unit: Unit) -> list[Unit]:
    from gsv_runtime.text.g2p import japanese  # its dictionary takes 0.4 s to load, and was for this unit

    return japanese.word_units(*unit)


def _words(text: str, spans: Sequence[Span | None], cut: Sequence[str], units: Sequence[Unit]) -> list[WordSpan]:
    """Words of one sentence, whose tokens `cut` stand at `spans`."""
    said = [
        (index, token.text) for index, (unit, phones) in enumerate(units) if _sounds(phones) for token in _tokens(unit)
    ]
    of_unit: dict[int, list[Span]] = {}
    for tag, a, b, c, d in _edits(cut, [token for _, token in said]):
        if tag == "equal":
            pairs = [(said[c + at][0], spans[a + at]) for at in range(b - a)]
        else:
            pairs = list(_region(text, [span for span in spans[a:b] if span], [index for index, _ in said[c:d]]))
        for index, span in pairs:
            if span is not None:
                of_unit.setdefault(index, []).append(span)
    return _merged(units, of_unit)


def _sounds(phones: Sequence[str]) -> bool:
    return not PUNCTUATION.issuperset(phones)


def _region(text: str, spans: Sequence[Span], units: Sequence[int]) -> Iterator[tuple[int, Span]]:
    """Match units with tokens that are worded otherwise: group by group if there is one for each, else as a whole."""
    groups: list[Span] = []
    for start, end in dict.fromkeys(spans):
        if groups and not re.search(r"\s", text[groups[-1][1] : start]):
            groups[-1] = (groups[-1][0], end)
        else:
            groups.append((start, end))
    distinct = list(dict.fromkeys(units))
    if not groups:
        return
    if len(groups) == len(distinct):
        yield from zip(distinct, groups, strict=True)
    else:
        yield from ((unit, (groups[0][0], groups[-1][1])) for unit in distinct)


def _merged(units: Sequence[Unit], of_unit: dict[int, list[Span]]) -> list[WordSpan]:
    """Words of units whose spans are known; a unit without one is part of the word before it, or of the next."""
    found: list[WordSpan] = []
    first, waiting = 0, -1  # the phone at which what waits for a word begins
    for index, (_, phones) in enumerate(units):
        if _sounds(phones):
            spans = of_unit.get(index)
            if spans is None and not found:
                waiting = first if waiting < 0 else waiting
            elif spans is None:
                found[-1] = replace(found[-1], num_phones=first + len(phones) - found[-1].first_phone)
            else:
                start, end = min(span[0] for span in spans), max(span[1] for span in spans)
                if found and start < found[-1].end:
                    joined = first + len(phones) - found[-1].first_phone
                    found[-1] = replace(found[-1], end=max(end, found[-1].end), num_phones=joined)
                else:
                    begin = first if waiting < 0 else waiting
                    found.append(WordSpan(start, end, begin, first + len(phones) - begin))
                waiting = -1
        first += len(phones)
    return found


def _apart(text: str, found: list[list[WordSpan]]) -> list[list[WordSpan]]:
    """The same with spans that do not reach into the next sentence's, and with what a reading in brackets explains."""
    edge = 0
    apart: list[list[WordSpan]] = []
    for words in found:
        kept: list[WordSpan] = []
        for word in words:
            if word.end > edge:
                kept.append(replace(word, start=max(_explained(text, word.start, edge), edge)))
                edge = word.end
        apart.append(kept)
    return apart


def _explained(text: str, start: int, edge: int) -> int:
    """Where a word begins; one in brackets behind Japanese that is not said is its reading: 薔薇（ばら）."""
    found = _EXPLAINED.search(text, edge, start)
    return found.start(1) if found else start

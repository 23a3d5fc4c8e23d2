"""A text that is longer than one request may be: its parts, cut at paragraphs, sentences, clauses or blanks.

SSML is cut at the elements within `speak`. Between two parts the server's pause between sentences is put here, because
it puts none behind the last sentence of a request.
"""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import replace
from xml.sax.saxutils import escape

import numpy as np

from gsv_client.audio import Chunk, Word, WordFault
from gsv_client.errors import InvalidRequest, SynthesisError

MAX_REQUEST_CHARACTERS = 5_000  # as the server's contract has it; a test compares
_TOLD_CHARACTERS = 40  # of a part that failed
_LEAST_SHARE = 0.3  # of a part, that a cut at a better place may leave
_SPEAK = re.compile(r"[\s\ufeff]*(?:<\?xml[^<>]*\?>\s*|<!--.*?-->\s*)*<speak[\s>]", re.DOTALL)
_ABBREVIATED = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Gen|Col|Capt|Lt|Sgt|vs|No|e\.g|i\.e)|\b[A-Z])\.$")
# Where to cut, the best first: behind each match.
_CUTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n\s*",
        r"\n\s*|(?:[.!?…]+[\"'”’»)\]]*)(?=\s)\s*|[。！？…]+[”’」』）)\"]*\s*",
        r"[,;:，；、：][”’\"]?\s*|\s[-–—]+\s",
        r"\s+",
    )
)


def is_ssml(text: str) -> bool:
    """Whether the server reads a text as SSML."""
    return _SPEAK.match(text) is not None and text.rstrip().endswith("</speak>")


def parts_of(text: str, limit: int = MAX_REQUEST_CHARACTERS) -> list[str]:
    """Cut a text into parts that a request may have; one that is short enough stays whole.

    Args:
        text: Plain or SSML.
        limit: Characters of a part at most.

    Raises:
        InvalidRequest: It is SSML with one element that is longer.
    """
    if len(text) <= limit:
        return [text]
    return list(_ssml_parts(text, limit) if is_ssml(text) else _plain_parts(text, limit))


def _plain_parts(text: str, limit: int) -> Iterator[str]:
    rest = text.strip()
    while len(rest) > limit:
        end = _cut(rest, limit)
        yield rest[:end].strip()
        rest = rest[end:].lstrip()
    if rest:
        yield rest


def _cut(text: str, limit: int) -> int:
    """Where to end a part: behind the last paragraph that fits, else the last sentence, clause or word."""
    for cuts in _CUTS:
        ends = [match.end() for match in cuts.finditer(text, 0, limit + 1) if 0 < match.end() <= limit]
        ends = [end for end in ends if not _ABBREVIATED.search(text[max(0, end - 8) : end].rstrip())]
        if ends and ends[-1] >= _LEAST_SHARE * limit:
            return ends[-1]
    end = limit
    while end > 1 and unicodedata.combining(text[end]):
        end -= 1
    return end


def _ssml_parts(text: str, limit: int) -> Iterator[str]:
    document = re.sub(r"<!--.*?-->", "", text.strip("\ufeff \t\r\n"), flags=re.DOTALL)
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^<>]*\?>", "", document))
    except ElementTree.ParseError as error:
        raise InvalidRequest(f"SSML cannot be read: {error}; mask < as &lt; and & as &amp;") from None
    opening = re.match(r"<speak[^>]*>", document[document.index("<speak") :])
    head = opening[0] if opening else "<speak>"
    room = limit - len(head) - len("</speak>")
    body = ""
    for piece in _pieces(root, room):
        if body and len(body) + len(piece) > room:
            yield f"{head}{body}</speak>"
            body = ""
        body += piece
    if body.strip():
        yield f"{head}{body}</speak>"


def _pieces(root: ElementTree.Element, room: int) -> Iterator[str]:
    """Text and elements within `speak`, in order, each short enough for a part."""
    yield from _escaped(root.text, room)
    for child in root:
        tail, child.tail = child.tail, None
        written = ElementTree.tostring(child, encoding="unicode")
        if len(written) > room:
            raise InvalidRequest(
                f"SSML element <{child.tag.rpartition('}')[2]}> has {len(written):,} characters; need at most "
                f"{room:,} in each element of <speak>; divide it"
            )
        yield written
        yield from _escaped(tail, room)


def _escaped(text: str | None, room: int) -> Iterator[str]:
    for part in _plain_parts(text, room // 2) if text and len(text) > room // 2 else [text] if text else []:
        yield escape(part)


class Parts:
    """How far a long text has come, and its chunks numbered as those of one request.

    Attributes:
        texts: Of the parts, in order.
        done: Parts that were said to their end.
    """

    def __init__(self, texts: Sequence[str], pause_s: float, whole: str = "") -> None:
        """Begin with the first part; `pause_s` is the silence between two parts, `whole` the text that was cut."""
        self.texts = tuple(texts)
        self._whole = whole
        self._heard_s = self._began_s = 0.0
        self._cursor = 0  # behind the last word in the whole text
        self.done = 0
        self._pause_s = pause_s
        self._chunks = self._sentences_before = self._sentences = 0

    @property
    def total(self) -> int:
        """How many parts there are."""
        return len(self.texts)

    @property
    def at_last(self) -> bool:
        """Whether the part to be said is the last."""
        return self.done == self.total - 1

    def placed(self, chunk: Chunk) -> Chunk:
        """A chunk of the part that is being said, with its place in the whole text."""
        if self.total == 1:
            return chunk
        index, self._chunks = self._chunks, self._chunks + 1
        sentence_index = self._sentences_before + chunk.sentence_index
        self._sentences = max(self._sentences, sentence_index + 1)
        goes_on = not self.at_last
        samples = chunk.samples
        if chunk.final and goes_on:
            pause = np.zeros(round(self._pause_s * chunk.sample_rate), np.float32)
            samples = np.concatenate([samples, pause])
        final = chunk.final and not goes_on
        words = tuple(self._placed_word(word) for word in chunk.words)
        faults = tuple(self._placed_fault(fault) for fault in chunk.word_faults)
        self._heard_s += len(samples) / chunk.sample_rate
        chunk = replace(chunk, index=index, sentence_index=sentence_index, final=final)
        return replace(chunk, samples=samples, words=words, word_faults=faults)

    def _placed_fault(self, fault: WordFault) -> WordFault:
        """A word at fault with its place in the whole text, where its part is looked for behind those before."""
        part = 0
        for text in self.texts[: self.done]:
            part = self._found(text, part) + len(text)
        part = self._found(self.texts[self.done], part)
        return replace(fault, start=part + fault.start, end=part + fault.end)

    def _found(self, text: str, cursor: int) -> int:
        """Where a text begins in the whole one at or behind `cursor`; there, if it is not found."""
        start = self._whole.find(text, cursor)
        return cursor if start < 0 else start

    def _placed_word(self, word: Word) -> Word:
        """A word with its time in the whole audio and its place in the whole text, where it is looked for."""
        start = self._found(word.text, self._cursor)
        self._cursor = start + len(word.text)
        phones = tuple(
            replace(phone, start_s=phone.start_s + self._began_s, end_s=phone.end_s + self._began_s)
            for phone in word.phones
        )
        start_s, end_s = word.start_s + self._began_s, word.end_s + self._began_s
        return Word(word.text, start_s, end_s, start, self._cursor, phones)

    def part_done(self) -> None:
        """Go on to the next part."""
        self.done += 1
        self._began_s = self._heard_s
        self._sentences_before = self._sentences

    def failed(self, error: SynthesisError) -> SynthesisError:
        """The error of a part, with which one it was and how it begins; a text of one part keeps its error."""
        if self.total == 1:
            return error
        begins = " ".join(self.texts[self.done].split())[:_TOLD_CHARACTERS]
        return type(error)(f"part {self.done + 1} of {self.total}, which begins with {begins!r}: {error}")

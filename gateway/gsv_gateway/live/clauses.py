"""Where text that is still being written may be cut to be spoken.

A whole sentence may go at any time. While a listener waits, a clause may go as well, and after 300 ms whatever whole
words there are; while enough sound is ahead of the listener, the sentence is waited for, because it is spoken better
whole.
"""

from __future__ import annotations

import re

PATIENCE_S = 0.3
_SHORTEST_CLAUSE = 4  # characters; less makes a poor beginning

# A mark of the West ends something only before a space: not in 3.14, 10:30 or 1,000.
_SENTENCE_END = re.compile(r"[。！？…\n]+[”’」』）]*|[.!?]+[\"'”’)]*(?=\s)")
_CLAUSE_END = re.compile(r"[，、；：,;:—]+(?=\s)|[，、；：—]+|[。！？…\n]+[”’」』）]*|[.!?]+[\"'”’)]*(?=\s)")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|No|vs|etc|e\.g|i\.e|[A-Z])\.$")
_SPACED = re.compile(r"[^\s\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]+$")  # the end of a word that may go on


def sentences_end(text: str) -> int:
    """How many characters of whole sentences the text begins with."""
    end = 0
    for found in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text[: found.end()]):
            end = found.end()
    return end


def clause_end(text: str) -> int:
    """How many characters of whole clauses the text begins with; 0 while they are too short."""
    end = 0
    for found in _CLAUSE_END.finditer(text):
        if len(text[: found.end()].strip()) > _SHORTEST_CLAUSE and not _ABBREVIATION.search(text[: found.end()]):
            end = found.end()
    return end


def words_end(text: str) -> int:
    """How many characters of whole words the text begins with; the last may still be being written."""
    tail = _SPACED.search(text)
    return tail.start() if tail else len(text)


class TextBuffer:
    """Text as it comes.

    Attributes:
        pending: What has come and has not been taken.
    """

    def __init__(self) -> None:
        self.pending = ""
        self._since_s = 0.0

    def write(self, text: str, now_s: float) -> None:
        """Add text."""
        if not self.pending.strip():
            self._since_s = now_s
        self.pending += text

    def take(self, now_s: float, *, hungry: bool) -> str:
        """The text that may be spoken now; empty where none may.

        Args:
            now_s: Seconds of a clock that only grows.
            hungry: Whether the listener will soon have nothing to hear.
        """
        end = sentences_end(self.pending)
        if not end and hungry:
            end = clause_end(self.pending)
            if not end and now_s - self._since_s >= PATIENCE_S:
                end = words_end(self.pending)
        return self._cut(end, now_s)

    def take_all(self, now_s: float) -> str:
        """All of it, because nothing more comes for now."""
        return self._cut(len(self.pending), now_s)

    def wait_s(self, now_s: float) -> float | None:
        """How long until whole words may be taken; None where only more text changes anything."""
        if not self.pending[: words_end(self.pending)].strip():
            return None
        return max(0.0, self._since_s + PATIENCE_S - now_s)

    def _cut(self, end: int, now_s: float) -> str:
        taken, rest = self.pending[:end], self.pending[end:]
        if not taken.strip():
            return ""
        self.pending, self._since_s = rest, now_s
        return taken.strip()

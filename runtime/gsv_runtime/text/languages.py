"""The languages of the front end and the modes in which a request names them.

A language is one entry of `LANGUAGES` and one module `reading/<code>.py` with a function
``reader(frontend, symbols) -> Reader``; the module is imported when the language is first read, so that a
language whose libraries are slow to load costs nothing until then.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from gsv_runtime.errors import InvalidRequest

Unit = tuple[str, tuple[str, ...]]

FRONTENDS = ("improved", "upstream")


@dataclass(frozen=True)
class Reading:
    """A run of one language, read.

    Attributes:
        normalized: the text as it is said.
        units: words, characters or marks with the phones of each (none for a unit without sound): the
            word-to-phone map. Joined, they are `normalized` where the language is `per_character`.
    """

    normalized: str
    units: tuple[Unit, ...]


def _nothing_missing() -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Reader:
    """How one language is read.

    Attributes:
        read: text as it was written → what is said, with its phones. Never raises for any Unicode text.
        warm_up: loads every table and model that `read` uses, so that no request waits for them.
        missing: optional resources that are not there, each as one sentence that says what is missing,
            what it costs and how to get it. Logged once, and shown by `gsv doctor`.
    """

    read: Callable[[str], Reading]
    warm_up: Callable[[], None]
    missing: Callable[[], tuple[str, ...]] = _nothing_missing


@dataclass(frozen=True)
class Language:
    """What is true of a language whatever reads it.

    Attributes:
        code: its name in requests, and of its module in `reading/`.
        title: its English name, for messages.
        per_character: whether each unit is one character with contextual features (BERT).
        tables: phone tables that have its phones.
    """

    code: str
    title: str
    per_character: bool = False
    tables: frozenset[str] = frozenset({"v2"})


_EVERY_TABLE = frozenset({"v1", "v2"})
LANGUAGES = {
    language.code: language
    for language in (
        Language("zh", "Mandarin", per_character=True, tables=_EVERY_TABLE),
        Language("en", "English", tables=_EVERY_TABLE),
        Language("ja", "Japanese", tables=_EVERY_TABLE),
        Language("ko", "Korean"),
        Language("yue", "Cantonese"),
    )
}


def check_table(code: str, symbols: str) -> None:
    """Check that the checkpoint's phone table has the phones of a language.

    Raises:
        InvalidRequest: it has not; the text would be spoken as noise.
    """
    language = LANGUAGES[code]
    if symbols not in language.tables:
        have = ", ".join(code for code, other in LANGUAGES.items() if symbols in other.tables)
        raise InvalidRequest(
            f"{symbols} checkpoints have no phones for {language.title} ({code}); have {have}; "
            "load a later checkpoint or leave that text out"
        )


@functools.cache
def reader(code: str, frontend: str = "improved", symbols: str = "v2") -> Reader:
    """The reader of a language, its module imported now if it was not yet.

    Args:
        code: a key of `LANGUAGES`.
        frontend: ``improved``, or ``upstream`` for the phones that upstream would give, wrong ones included.
        symbols: phone table, ``v1`` or ``v2``.
    """
    module = importlib.import_module(f"gsv_runtime.text.reading.{code}")
    made: Reader = module.reader(frontend, symbols)
    return made

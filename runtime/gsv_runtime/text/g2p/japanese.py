"""Japanese to phones with marks of pitch: Open JTalk's full-context labels in the notation of the checkpoints.

``[`` the pitch rises, ``]`` it falls, ``#`` an accent phrase ends (in no phone table, so the checkpoints were trained
with UNK there), ``_`` a pause. Source: upstream's `text/japanese.py`, which takes the rules from ESPnet's
pyopenjtalk_g2p_prosody (Kurihara and others, doi:10.1587/transinf.2020EDP7104). Voiceless vowels are said as voiced.

Upstream reads with pyopenjtalk and the NAIST dictionary of Open JTalk 1.11, which no wheel carries. Where that
dictionary is installed (`DICTIONARIES`) ``frontend=upstream`` uses it and gives the same phones; elsewhere it uses
the one in the wheel of pyopenjtalk-plus, which knows more words and reads some otherwise.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyopenjtalk
from pyopenjtalk.openjtalk import OpenJTalk

from gsv_runtime.text.g2p.japanese_accent import accented, named_accents

Phones = tuple[str, ...]
Labels = Callable[[str], list[str]]

DICTIONARY_VARIABLE = "OPEN_JTALK_DICT_DIR"
# Debian's and Ubuntu's package open-jtalk-mecab-naist-jdic.
DEBIAN_DICTIONARY = Path("/var/lib/mecab/dic/open-jtalk/naist-jdic")

_LABEL = re.compile(r"-([^+]*)\+[^/]*/A:(-?\d+|xx)\+(\d+|xx)\+(\d+|xx)/.*?/F:(\d+|xx)_")
_MORA_ENDS = frozenset("a e i o u A E I O U N cl".split())
_VOICELESS_VOWELS = frozenset("AEIOU")
_UNKNOWN = -50


def upstream_dictionary() -> Path | None:
    """Where the dictionary lies that upstream reads with, None if it is not installed."""
    named = os.environ.get(DICTIONARY_VARIABLE)
    for path in (*([Path(named)] if named else []), DEBIAN_DICTIONARY):
        if (path / "sys.dic").is_file():
            return path
    return None


@functools.cache
def upstream_labels() -> Labels:
    """Labels as upstream gets them, as far as its dictionary is installed."""
    dictionary = upstream_dictionary() or Path(pyopenjtalk.OPEN_JTALK_DICT_DIR.decode())
    analyser = OpenJTalk(dn_mecab=str(dictionary).encode())

    @functools.lru_cache(maxsize=1024)
    def accent_of(figure: str) -> int:
        return named_accents(analyser.run_mecab(figure)).get(figure, 0)

    def labels(text: str) -> list[str]:
        words = analyser.run_mecab(text)
        features = analyser.run_njd_from_mecab(words, modify_numeral_reading=False)
        return analyser.make_label(accented(features, words, accent_of))

    return labels


def improved_labels(text: str) -> list[str]:
    """Labels with the corrections of pyopenjtalk-plus: 何, counters, accents of compounds, unknown characters."""
    return pyopenjtalk.make_label(pyopenjtalk.run_frontend(text, use_sudachi_kanji_yomi=False))


def stretch_phones(text: str, labels: Labels) -> Phones:
    """Phones and marks of pitch of a stretch of Japanese without punctuation."""
    found = [_LABEL.search(label) for label in labels(text)]
    parsed = [Mora(match[1], *map(_figure, match.groups()[1:])) for match in found if match]
    said: list[str] = []
    for mora, after in zip(parsed, [*parsed[1:], None], strict=False):
        if mora.phone == "sil":
            continue
        if mora.phone == "pau":
            said.append("_")
            continue
        said.append(mora.phone.lower() if mora.phone in _VOICELESS_VOWELS else mora.phone)
        said += _pitch_mark(mora, after.from_front if after else _UNKNOWN)
    return tuple(said)


def word_units(text: str, phones: Phones) -> list[tuple[str, Phones]]:
    """Cut a stretch of Japanese into the words of the dictionary, each with its phones.

    Args:
        text: without punctuation.
        phones: of all of it, as `stretch_phones` gives them; marks of pitch go with the phone before them.

    Returns:
        Units whose phones joined are `phones`; the stretch as one unit where the words' moras do not add up.
    """
    moras = _moras(phones)
    words = [(word["string"], int(word["mora_size"])) for word in pyopenjtalk.run_frontend(text)]
    if sum(size for _, size in words) != len(moras):
        return [(text, phones)]
    units: list[tuple[str, Phones]] = []
    start = 0
    for string, size in words:
        said = tuple(phone for mora in moras[start : start + size] for phone in mora)
        start += size
        if size == 0 and units:  # of no sound of its own
            units[-1] = (units[-1][0] + string, units[-1][1])
        else:
            units.append((string, said))
    return units


def _moras(phones: Phones) -> list[Phones]:
    """Phones mora by mora, each with the marks behind it."""
    found: list[list[str]] = []
    is_open = False
    for phone in phones:
        if is_open or (found and phone in "[]#_"):
            found[-1].append(phone)
        else:
            found.append([phone])
        if phone not in "[]#_":
            is_open = phone not in _MORA_ENDS
    return [tuple(mora) for mora in found]


class Mora(NamedTuple):
    """A phone and where its mora is: moras past the accent, from the phrase's front and back, and of the phrase."""

    phone: str
    past_accent: int
    from_front: int
    from_back: int
    of_phrase: int


def _pitch_mark(mora: Mora, next_from_front: int) -> tuple[str, ...]:
    if mora.from_back == 1 and next_from_front == 1 and mora.phone in _MORA_ENDS:
        return ("#",)
    if mora.past_accent == 0 and next_from_front == mora.from_front + 1 and mora.from_front != mora.of_phrase:
        return ("]",)
    return ("[",) if mora.from_front == 1 and next_from_front == 2 else ()


def _figure(written: str) -> int:
    return _UNKNOWN if written == "xx" else int(written)

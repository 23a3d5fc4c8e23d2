"""English words to ARPAbet phones with stress digits.

Order as upstream's `text/english.py`: heteronyms by part of speech, CMU dictionary, short unknown words
spelled, possessives, compounds of known words split by frequency, the rest by a small network. Deliberately
different: British spellings and endings (organised, retweeted) come from the dictionary's words; a compound
is split only into known words; the article "A" at the start of a sentence is AH0; an apostrophe that belongs
to no word makes no phone.
"""

from __future__ import annotations

import functools
import re

import wordsegment

from gsv_runtime.text.g2p import english_lexicon as lexicon
from gsv_runtime.text.g2p.english_senses import WORDS as WORDS_OF_SENSES
from gsv_runtime.text.g2p.english_senses import sense
from gsv_runtime.text.g2p.english_sounds import interjection, shortened, stutter
from gsv_runtime.text.g2p.english_tags import tags
from gsv_runtime.text.symbols import PUNCTUATION

Phones = tuple[str, ...]

_TOKEN = re.compile(r"[ap]\.m\.|[A-Za-z]+(?:'[A-Za-z]+){0,2}|[.,?!\-]")
_MAX_COMPOUND_LETTERS = 40  # longer runs of letters are no word; they are read in parts
_SHORT_PARTS = frozenset("in on up of to my go it is at by no so we do or be me an as he us".split())
_VOICELESS = ("P", "T", "K", "F", "TH", "HH")
_SIBILANT = ("S", "Z", "SH", "ZH", "CH", "JH")
_BRITISH_SPELLINGS = tuple(
    (re.compile(british), american)
    for british, american in (
        (r"is(e|ed|es|er|ers|ing|ation|ations)$", r"iz\1"),
        (r"ys(e|ed|es|er|ing)$", r"yz\1"),
        (r"our", "or"),
        (r"ll(ed|ing|er|ers)$", r"l\1"),
        (r"re$", "er"),
        (r"ogue", "og"),
        (r"ae|oe", "e"),
    )
)
_ENDINGS: tuple[tuple[str, Phones], ...] = (
    ("es", ()),
    ("s", ()),
    ("ed", ()),
    ("ing", ("IH0", "NG")),
    ("ers", ("ER0", "Z")),
    ("er", ("ER0",)),
    ("ly", ("L", "IY0")),
    ("ness", ("N", "AH0", "S")),
    ("less", ("L", "AH0", "S")),
    ("like", ("L", "AY2", "K")),
)
_PREFIXES: tuple[tuple[str, Phones], ...] = (
    ("un", ("AH0", "N")),
    ("re", ("R", "IY0")),
    ("non", ("N", "AA2", "N")),
    ("anti", ("AE2", "N", "T", "IY0")),
    ("multi", ("M", "AH2", "L", "T", "IY0")),
    ("over", ("OW1", "V", "ER0")),
    ("under", ("AH1", "N", "D", "ER0")),
    ("super", ("S", "UW1", "P", "ER0")),
)
_BEFORE_HYPHEN: dict[str, Phones] = {"A": ("EY1",), "re": ("R", "IY1"), "Re": ("R", "IY1")}
_BEFORE_FI: dict[str, Phones] = {"wi": ("W", "AY1"), "sci": ("S", "AY1"), "li": ("L", "AY1")}  # Wi-Fi
_MADE_OF_LEAD = frozenset(
    "pipe pipes paint paints poisoning pencil pencils bullet bullets acid ore weight weights".split()
)


def phones(text: str) -> list[tuple[str, Phones]]:
    """Words and marks of normalised English, each with its phones.

    Args:
        text: what `normalize.english.normalize` returns.

    Returns:
        (word or mark, phones); hyphens that join words make no phone.
    """
    matches = [match for match in _TOKEN.finditer(text) if not _joins_words(text, match)]
    tokens = [match[0] for match in matches]
    before_hyphen = [text[match.end() : match.end() + 1] == "-" and match[0].isalpha() for match in matches]
    table = lexicon.heteronyms()
    tagged = tags(tokens) if any(token.lower() in table for token in tokens) else [""] * len(tokens)
    said = [_token_phones(tokens, index, tagged[index]) for index in range(len(tokens))]
    for index in range(len(tokens) - 2, -1, -1):
        if before_hyphen[index]:
            before_fi = _BEFORE_FI.get(tokens[index].lower()) if tokens[index + 1].lower() == "fi" else None
            lone = before_fi or _BEFORE_HYPHEN.get(tokens[index])
            said[index] = stutter(tokens[index], tokens[index + 1], said[index + 1]) or lone or said[index]
    _say_phrases([token.lower() for token in tokens], said)
    return list(zip(tokens, said, strict=True))


def _say_phrases(words: list[str], said: list[Phones]) -> None:
    """Say the words of phrases from elsewhere as they are said together: tai chi, cul-de-sac."""
    for index, word in enumerate(words):
        for phrase, phones_of_each in lexicon.phrases().get(word, ()):
            end = index + len(phrase)
            if tuple(words[index:end]) == phrase:
                said[index:end] = phones_of_each
                break


def _joins_words(text: str, match: re.Match[str]) -> bool:
    around = text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]
    return match[0] == "-" and len(around) == 2 and around.isalpha()


def _token_phones(tokens: list[str], index: int, tag: str) -> Phones:
    token = tokens[index]
    word = token.lower()
    if word in PUNCTUATION:
        return (word,)
    if word in ("a.m.", "p.m."):
        last = index + 1 == len(tokens)
        return _spelled(word[0]) + _spelled("m") + ((".",) if last else ())
    if token == "A":
        after = tokens[index + 1] if index + 1 < len(tokens) else "."
        opens = index == 0 or tokens[index - 1] in PUNCTUATION
        return ("AH0",) if opens and len(after) > 1 and after.islower() else ("EY1",)
    if word == "lead" and index + 1 < len(tokens) and tokens[index + 1].lower() in _MADE_OF_LEAD:
        return ("L", "EH1", "D")
    said = sense(tokens, index, tag) if word in WORDS_OF_SENSES else None
    if said:
        return said
    if word in lexicon.heteronyms():
        if_tag, otherwise, wanted = lexicon.heteronyms()[word]
        return if_tag if any(tag.startswith(each) for each in wanted.split("|")) else otherwise
    if token.istitle() and word not in lexicon.pronunciations() and word in lexicon.names():
        return lexicon.names()[word]
    return word_phones(word)


@functools.lru_cache(maxsize=65_536)
def word_phones(word: str) -> Phones:
    """Phones of one lower-case word: letters, and apostrophes inside."""
    known = interjection(word) or lexicon.pronunciations().get(word)
    if known is not None:
        return known
    short = shortened(word)
    if short is not None:
        return word_phones(short)
    if "'" in word:
        return _with_suffix(*word.rsplit("'", 1))
    if len(word) <= 3:
        return _spelled(word)
    if len(word) > _MAX_COMPOUND_LETTERS:
        half = len(word) // 2
        return word_phones(word[:half]) + word_phones(word[half:])
    derived = _american(word) or _derived(word)
    if derived:
        return derived
    parts = frequency_segments(word)
    if not all((len(part) > 2 and part in lexicon.pronunciations()) or part in _SHORT_PARTS for part in parts):
        return lexicon.spelling_network().phones(word) or _spelled(word)
    return tuple(phone for part in parts for phone in word_phones(part))


def _american(word: str) -> Phones | None:
    """Phones of a word in British spelling, if the American one is known."""
    for british, american in _BRITISH_SPELLINGS:
        known = lexicon.pronunciations().get(british.sub(american, word))
        if known:
            return known
    return None


def _derived(word: str) -> Phones | None:
    """Phones of a known word with an ending or a prefix that the dictionary has not listed with it."""
    names = lexicon.pronunciations()
    for ending, said in _ENDINGS:
        if word.endswith(ending):
            stem = word[: -len(ending)]
            for base in (stem, f"{stem}e", stem[:-1] if stem[-1:] == stem[-2:-1] else "", f"{stem[:-1]}y"):
                known = names.get(base) if len(base) > 3 and (base[-1:] != "y" or ending == "es") else None
                if known:
                    return _plural(known) if ending in ("s", "es") else _past(known) if ending == "ed" else known + said
    for prefix, said in _PREFIXES:
        known = names.get(word[len(prefix) :]) if word.startswith(prefix) and len(word) > len(prefix) + 3 else None
        if known:
            return said + known
    return None


def _plural(said: Phones) -> Phones:
    if said[-1] in _VOICELESS:
        return (*said, "S")
    return (*said, "AH0", "Z") if said[-1] in _SIBILANT else (*said, "Z")


def _past(said: Phones) -> Phones:
    if said[-1] in ("T", "D"):
        return (*said, "IH0", "D")
    return (*said, "T") if said[-1] in (*_VOICELESS, "S", "SH", "CH") else (*said, "D")


def _with_suffix(stem: str, suffix: str) -> Phones:
    said = word_phones(stem) if len(stem) > 1 or stem == "i" else _spelled(stem)
    if suffix == "s":
        return _plural(said)
    endings = {"d": ("D",), "ll": ("AH0", "L"), "ve": ("V",), "re": ("ER0",), "t": ("T",), "m": ("M",)}
    return said + (endings[suffix] if suffix in endings else word_phones(suffix))


def _spelled(letters: str) -> Phones:
    names = lexicon.pronunciations()
    return tuple(phone for letter in letters for phone in (("EY1",) if letter == "a" else names[letter]))


def frequency_segments(word: str) -> list[str]:
    """The likeliest words that letters without spaces are made of, by how often words are used."""
    with lexicon.frequencies_lock:
        lexicon.word_frequencies()
        return list(wordsegment.segment(word))


def warm_up() -> None:
    """Load dictionary, heteronyms, tagger, word frequencies and network."""
    phones("We read about xylofruits.")
    word_phones("chatfriend")
    lexicon.spelling_network().phones("warm")

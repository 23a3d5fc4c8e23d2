"""English words to ARPAbet phones exactly as upstream reads them, wrong ones included (``frontend=upstream``).

Source: RVC-Boss/GPT-SoVITS `text/english.py`: NLTK's tweet tokeniser, heteronyms by part of speech, CMUdict 0.7b,
a list of names for words Written So, spelling of up to three letters, possessives, splitting by word frequency,
then g2p_en's network. Deliberately different: parts of speech come from NLTK's tagger only where its data is
installed (it is in no wheel), otherwise from gruut's; a word of more than 250 letters is read in parts, and
nothing raises.
"""

from __future__ import annotations

import functools
import re
import threading

from nltk.data import find
from nltk.tag.perceptron import PerceptronTagger
from nltk.tokenize.casual import TweetTokenizer

from gsv_runtime.text.g2p import english_lexicon as lexicon
from gsv_runtime.text.g2p.english import frequency_segments
from gsv_runtime.text.g2p.english_tags import tags as gruut_tags
from gsv_runtime.text.languages import Unit
from gsv_runtime.text.symbols import phone_table

Phones = tuple[str, ...]

_MAX_WORD_LETTERS = 250
_VOICELESS = ("P", "T", "K", "F", "TH", "HH")
_SIBILANT = ("S", "Z", "SH", "ZH", "CH", "JH")
_TAGGER_DATA = "taggers/averaged_perceptron_tagger_eng"
_lock = threading.Lock()


def missing() -> tuple[str, ...]:
    """What is not installed, see `languages.Reader`."""
    if _nltk_tagger() is not None:
        return ()
    return (
        "English: NLTK's tagger is not installed, so a few words such as 'read' and 'close' may be said otherwise than "
        "upstream says them; python -m nltk.downloader averaged_perceptron_tagger_eng",
    )


def phones(text: str) -> list[Unit]:
    """Words and marks of normalised English, each with upstream's phones; those that it drops have none.

    Args:
        text: what `normalize.english_upstream.normalize` returns.
    """
    tokens = _tokens(text)
    table = lexicon.upstream_heteronyms()
    tagged = _tags(tokens) if any(token.lower() in table for token in tokens) else [""] * len(tokens)
    known = phone_table("v2")
    return [
        (token, tuple("-" if phone == "'" else phone for phone in said if phone in known or phone == "'"))
        for token, tag in zip(tokens, tagged, strict=True)
        for said in [_token_phones(token, tag)]
    ]


@functools.lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[str, ...]:
    try:
        return tuple(TweetTokenizer().tokenize(text))
    except TimeoutError:  # NLTK bounds its patterns by the clock
        return tuple(re.findall(r"[A-Za-z']+|\S", text))


@functools.cache
def _nltk_tagger() -> PerceptronTagger | None:
    try:
        find(_TAGGER_DATA)
    except LookupError:
        return None
    return PerceptronTagger()


def _tags(tokens: tuple[str, ...]) -> list[str]:
    tagger = _nltk_tagger()
    if tagger is None:
        return gruut_tags(tokens)
    with _lock:
        return [tag for _, tag in tagger.tag(tokens)]


def _token_phones(token: str, tag: str) -> Phones:
    word = token.lower()
    if not re.search("[a-z]", word):
        return (word,)
    if len(word) == 1:
        return ("EY1",) if token == "A" else lexicon.upstream_pronunciations()[word]
    if word in lexicon.upstream_heteronyms():
        if_tag, otherwise, wanted = lexicon.upstream_heteronyms()[word]
        return if_tag if tag.startswith(wanted) or (tag and wanted.startswith(tag)) else otherwise
    return _word_phones(token)


@functools.lru_cache(maxsize=65_536)
def _word_phones(written: str) -> Phones:
    word = written.lower()
    known = lexicon.upstream_pronunciations()
    if len(word) > 1 and word in known:
        return known[word]
    if written.istitle() and word in lexicon.names():
        return lexicon.names()[word]
    if len(word) <= 3:
        return tuple(phone for letter in word for phone in _letter(letter))
    if re.fullmatch("[a-z]+'s", word):
        return _possessive(_word_phones(word[:-2]))
    if len(word) > _MAX_WORD_LETTERS:
        half = len(word) // 2
        return _word_phones(word[:half]) + _word_phones(word[half:])
    parts = frequency_segments(word)
    if len(parts) == 1:
        return lexicon.spelling_network().phones(word)
    return tuple(phone for part in parts for phone in _word_phones(part))


def _letter(letter: str) -> Phones:
    if letter == "a":
        return ("EY1",)
    return lexicon.upstream_pronunciations()[letter] if letter.isalpha() else (letter,)


def _possessive(said: Phones) -> Phones:
    if said[-1:] and said[-1] in _SIBILANT:
        return (*said, "AH0", "Z")
    return (*said, "S" if said[-1:] and said[-1] in _VOICELESS else "Z")


def warm_up() -> None:
    """Load dictionary, names, heteronyms, tagger, word frequencies and network."""
    phones("Aadi read chatfriends and xylofruits.")
    lexicon.spelling_network().phones("warm")

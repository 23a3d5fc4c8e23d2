"""What was heard against what should be said: words (Mandarin and Japanese: syllables) wrong, missing, said twice.

Both sides are written in one way first: English as Whisper's own evaluation does ("twenty-five" and "25", "didn't" and
"did not" are the same), numbers digit by digit; Mandarin as pinyin and Japanese as kana, since a recogniser chooses
among characters that sound alike.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jiwer

LANGUAGES = ("en", "zh", "ja")
_SHORTEST_REPEAT = 2  # words
_END_WORDS = 2
_CANNOT_BE_HEARD = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True)
class WordErrors:
    """Errors of one utterance.

    Attributes:
        said: units that should be heard.
        wrong: heard as another.
        missing: not heard.
        surplus: heard but not said.
        repeats: places where two or more units were heard twice in a row, more than the text has.
        keeps_end: whether one of the last two units was heard last.
    """

    said: int
    wrong: int
    missing: int
    surplus: int
    repeats: int
    keeps_end: bool

    @property
    def errors(self) -> int:
        """Wrong, missing and surplus."""
        return self.wrong + self.missing + self.surplus

    @property
    def rate(self) -> float:
        """Errors over units said."""
        return self.errors / max(1, self.said)


def units(text: str, language: str) -> list[str]:
    """A text as it is compared.

    Args:
        text: as written, or as recognised.
        language: "en", "zh" or "ja".

    Raises:
        ValueError: another language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no judge of words for {language!r}; there are {', '.join(LANGUAGES)}")
    return _readers()[language](text)


def _english(text: str) -> list[str]:
    plain = _english_normalizer()(text.replace("-", " "))
    digit_by_digit = re.sub(r"\d", r" \g<0> ", plain)
    return _CANNOT_BE_HEARD.sub(" ", digit_by_digit).split()


@functools.cache
def _english_normalizer() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    normalizer: Callable[[str], str] = EnglishTextNormalizer()
    return normalizer


def _mandarin(text: str) -> list[str]:
    import cn2an
    from opencc import OpenCC
    from pypinyin import Style, lazy_pinyin

    spoken = cn2an.transform(OpenCC("t2s").convert(text), "an2cn")
    plain = _CANNOT_BE_HEARD.sub("", spoken).replace("两", "二")
    return [unit for unit in lazy_pinyin(plain, style=Style.TONE3) if unit.strip()]


def _japanese(text: str) -> list[str]:
    import pyopenjtalk

    return list(_CANNOT_BE_HEARD.sub("", str(pyopenjtalk.g2p(text, kana=True))).replace("’", ""))


def _readers() -> dict[str, Callable[[str], list[str]]]:
    return {"en": _english, "zh": _mandarin, "ja": _japanese}


def compare(said: Sequence[str], heard: Sequence[str]) -> WordErrors:
    """Errors of one utterance.

    Args:
        said: units of the text.
        heard: units of what was recognised.
    """
    if not said:
        return WordErrors(0, 0, 0, len(heard), 0, not heard)
    found = jiwer.process_words(" ".join(said), " ".join(heard))
    return WordErrors(
        len(said),
        found.substitutions,
        found.deletions,
        found.insertions,
        max(0, repeats(heard) - repeats(said)),
        bool(heard) and heard[-1] in said[-_END_WORDS:],
    )


def repeats(words: Sequence[str]) -> int:
    """Places where two or more units are said and at once said again."""
    return sum(
        list(words[start : start + width]) == list(words[start + width : start + 2 * width])
        for width in range(_SHORTEST_REPEAT, len(words) // 2 + 1)
        for start in range(len(words) - 2 * width + 1)
    )


def split_heard(said: Sequence[Sequence[str]], heard: Sequence[str]) -> list[list[str]]:
    """Share out what was heard of several utterances in one go, by the cheapest alignment with what each should say.

    Args:
        said: units of each utterance, in order.
        heard: units recognised in all of them, one after the other.

    Returns:
        For each utterance the units that fell to it; surplus ones go to the utterance before.
    """
    owner = [index for index, words in enumerate(said) for _ in words]
    shares: list[list[str]] = [[] for _ in said]
    if not owner:
        return shares
    found = jiwer.process_words(" ".join(word for words in said for word in words), " ".join(heard) or " ")
    last = owner[0]
    for part in found.alignments[0]:
        if part.type == "insert":
            shares[last] += heard[part.hyp_start_idx : part.hyp_end_idx]
            continue
        for step in range(part.ref_end_idx - part.ref_start_idx):
            last = owner[part.ref_start_idx + step]
            if part.type != "delete":
                shares[last].append(heard[part.hyp_start_idx + step])
    return shares

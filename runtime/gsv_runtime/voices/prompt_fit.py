"""Whether a transcript can be what is said in a recording: phones against seconds of speech."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Phones and marks a second that nobody is slower or faster than, by language; the demo's four voices speak 12 to 14.
# English and Korean have some 2.5 phones a syllable, Mandarin and Cantonese 2, Japanese 1.8 a mora.
_LIMITS = {"en": (7.0, 24.0), "zh": (5.0, 20.0), "yue": (5.0, 20.0), "ja": (6.5, 26.0), "ko": (6.5, 26.0)}
_NAMES = {"en": "English", "zh": "Chinese", "yue": "Cantonese", "ja": "Japanese", "ko": "Korean"}
_SCRIPTS = {"en": "[A-Za-z]", "ja": "[\u3040-\u30ff]", "ko": "[\u1100-\u11ff\uac00-\ud7af]", "zh": "[\u4e00-\u9fff]"}


@dataclass(frozen=True)
class PromptFit:
    """What was found.

    Attributes:
        phones_per_s: of speech.
        problem: why the text cannot be what is said; empty where it can.
    """

    phones_per_s: float
    problem: str


def fit_of(text: str, language: str, num_phones: int, seconds: float) -> PromptFit:
    """Compare a transcript with its recording.

    Args:
        text: the transcript.
        language: that it is read in, one of language_modes.MODES.
        num_phones: that it has, marks included.
        seconds: of speech in the recording.
    """
    slowest, fastest = rates_of(text, language)
    rate = num_phones / seconds
    if slowest <= rate <= fastest:
        return PromptFit(rate, "")
    amount = "too short" if rate < slowest else "too long"
    names = " and ".join(_NAMES[found] for found in languages_of(text, language))
    return PromptFit(
        rate,
        f"prompt_text is {amount} for the recording: {num_phones} phones in {seconds:.1f} s of speech are {rate:.1f} "
        f"a second, and {names} has {slowest:g} to {fastest:g}; it is not used, only the timbre is copied; "
        "write exactly what is said in the recording",
    )


def rates_of(text: str, language: str) -> tuple[float, float]:
    """Phones and marks a second that nobody is slower, and faster than, who says a text; arguments as of `fit_of`."""
    limits = [_LIMITS[found] for found in languages_of(text, language)]
    return min(slowest for slowest, _ in limits), max(fastest for _, fastest in limits)


def languages_of(text: str, language: str) -> list[str]:
    """The languages that a text's letters may be of, the one that was named first."""
    named = language.removeprefix("all_").removeprefix("auto_")
    found = [script for script, letters in _SCRIPTS.items() if re.search(letters, text)]
    if "ja" in found or named in ("ja", "yue"):  # Han letters are of these then
        found = [script for script in found if script != "zh"]
    languages = list(dict.fromkeys([*([named] if named in _LIMITS else []), *found]))
    return languages or list(_LIMITS)

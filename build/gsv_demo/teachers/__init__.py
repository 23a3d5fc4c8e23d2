"""Systems whose speech may train a model of ours: text in, samples out, and when each of their phones ends.

Each is a module of its own, loaded when a voice of it is asked for: they install from PyPI into an environment of
their own (`make judges`), but for flite, which is a program of Debian's.
"""

from __future__ import annotations

import functools
from typing import Protocol

from gsv_demo.teachers.speech import Speech


class Teacher(Protocol):
    """Speaks."""

    def speak(self, text: str, language: str, voice: str) -> Speech:
        """Say a text.

        Args:
            text: one or two sentences.
            language: "en", "zh" or "ja".
            voice: one of this teacher's.
        """


def teacher_of(voice: str) -> str:
    """Name of the teacher whose voice it is: what stands before the first "-", or flite."""
    name = voice.partition("-")[0]
    return name if name in ("kokoro", "hibari", "joe") else "flite"


@functools.cache
def load(name: str) -> Teacher:
    """A teacher by name, loaded once.

    Args:
        name: "kokoro", "hibari", "joe" or "flite".

    Raises:
        ModuleNotFoundError: its packages are not installed here; `make judges` makes an environment that has them.
    """
    if name == "kokoro":
        from gsv_demo.teachers.kokoro import Kokoro

        return Kokoro()
    if name == "hibari":
        from gsv_demo.teachers.hibari import HibariTeacher

        return HibariTeacher()
    if name == "joe":
        from gsv_demo.teachers.piper import Joe

        return Joe()
    from gsv_demo.teachers.flite import Flite

    return Flite()

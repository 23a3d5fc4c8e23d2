"""How a request names the languages of its text."""

from __future__ import annotations

from dataclasses import dataclass

from gsv_runtime.errors import InvalidRequest

AUTO = "auto"


@dataclass(frozen=True)
class Mode:
    """A value of the request's ``language``.

    Attributes:
        name: as requests write it.
        fixed: language of everything but English runs; empty: each run's own.
        han: language that reads Han characters where `fixed` is empty.
        doc: one line for people.
    """

    name: str
    fixed: str
    han: str
    doc: str


MODES = {
    mode.name: mode
    for mode in (
        Mode("auto", "", "zh", "each part in its own language; Han characters are Mandarin or Japanese"),
        Mode("zh", "zh", "zh", "Mandarin, with English words in it"),
        Mode("en", "en", "zh", "English"),
        Mode("ja", "ja", "ja", "Japanese, with English words in it"),
        Mode("ko", "ko", "ko", "Korean, with English words in it"),
        Mode("yue", "yue", "yue", "Cantonese, with English words in it"),
        Mode("auto_yue", "", "yue", "as auto, with Cantonese in Mandarin's place"),
        Mode("all_zh", "zh", "zh", "as zh; every figure is Mandarin"),
        Mode("all_ja", "ja", "ja", "as ja; every figure is Japanese"),
        Mode("all_ko", "ko", "ko", "as ko; every figure is Korean"),
        Mode("all_yue", "yue", "yue", "as yue; every figure is Cantonese"),
    )
}


def check_mode(name: str) -> Mode:
    """The mode that a request asks for.

    Raises:
        InvalidRequest: there is none of that name.
    """
    if name not in MODES:
        raise InvalidRequest(f"language {name[:40]!r} is unknown; have {', '.join(MODES)}")
    return MODES[name]

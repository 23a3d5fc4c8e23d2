"""How a request names the languages of its text."""

from __future__ import annotations

import re
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


# A BCP 47 tag, also with the underscores of locales: en-US, zh_CN, cmn-Hans-CN.
_TAG = re.compile(r"(en|ja|ko|zh|cmn|yue)((?:[-_][a-z0-9]{1,8})+)?")
_CANTONESE = {"yue", "hk", "mo"}  # what is spoken where zh-HK and zh-MO are written


def mode_named(text: str) -> Mode | None:
    """The mode that people mean: its name in any case, or a BCP 47 tag of its language; None where there is none.

    Args:
        text: as a request writes it, such as "EN", "en-US", "zh-Hant-TW" or "zh-HK", which is Cantonese.
    """
    name = text.strip().lower()
    tag = _TAG.fullmatch(name)
    if name in MODES or tag is None:
        return MODES.get(name)
    if tag[1] not in ("zh", "cmn"):
        return MODES[tag[1]]
    is_cantonese = tag[1] == "zh" and bool(set(re.split("[-_]", tag[2] or "")) & _CANTONESE)
    return MODES["yue" if is_cantonese else "zh"]


def check_mode(name: str) -> Mode:
    """The mode that a request asks for.

    Raises:
        InvalidRequest: there is none of that name.
    """
    mode = mode_named(name)
    if mode is None:
        raise InvalidRequest(f"language {name[:40]!r} is unknown; have {', '.join(MODES)}")
    return mode

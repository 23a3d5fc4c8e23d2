"""How the server names languages, and which of its names people mean.

tests/repository/test_client_protocol.py holds this copy equal to the server's `language_modes`.
"""

from __future__ import annotations

import re

LANGUAGES = ("auto", "zh", "en", "ja", "ko", "yue", "auto_yue", "all_zh", "all_ja", "all_ko", "all_yue")
_TAG = re.compile(r"(en|ja|ko|zh|cmn|yue)((?:[-_][a-z0-9]{1,8})+)?")  # of BCP 47, also with underscores
_CANTONESE = {"yue", "hk", "mo"}


def language_named(text: str) -> str:
    """The server's name of a language that is written in any case, or as a tag such as en-US or zh-HK (Cantonese).

    Returns:
        One of `LANGUAGES`, or the text as it is where it means none of them.
    """
    name = text.strip().lower()
    tag = _TAG.fullmatch(name)
    if name in LANGUAGES:
        return name
    if tag is None:
        return text
    if tag[1] not in ("zh", "cmn"):
        return tag[1]
    return "yue" if tag[1] == "zh" and set(re.split("[-_]", tag[2] or "")) & _CANTONESE else "zh"

"""How long a text is, for a device that shall not speak for minutes: words, whatever the script. Pure."""

from __future__ import annotations

import re

from gsv_runtime.errors import InvalidRequest

_TAG = re.compile(r"<[^<>]*>")
# Scripts without spaces: each Han character, kana or bopomofo counts as a word.
_UNSPACED = r"\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['’.,:-][^\W{_UNSPACED}]+)*")


def count_words(text: str) -> int:
    """Count words: runs of letters and figures, or characters where a script puts no spaces; tags of SSML are none."""
    return len(_WORD.findall(_TAG.sub(" ", text)))


def check_words(text: str, max_words: int) -> None:
    """Return if a text is short enough; any is where `max_words` is 0.

    Raises:
        InvalidRequest: It is not; the message says how many words came.
    """
    words = count_words(text)
    if max_words and words > max_words:
        raise InvalidRequest(
            f"text has {words} words; need at most {max_words} on this device; send it in parts, "
            f"or allow more: `gsv-local --max-words {words}` before the command (0: any number)"
        )

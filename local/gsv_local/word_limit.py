"""How long a text is, for a device that shall not speak for minutes: words, whatever the script. Pure."""

from __future__ import annotations

import re
import unicodedata

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.text.ssml import is_ssml

_TAG = re.compile(r"<[^<>]*>")
# Scripts without spaces: each Han character, kana or bopomofo counts as a word.
_UNSPACED = r"\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTERS = rf"[^\W\d_{_UNSPACED}]{{1,30}}"  # a longer run is as long as several words
# Whatever else stands between letters or figures parts words, and joins are few: a chain without spaces is no word.
_WORD = re.compile(rf"[{_UNSPACED}]|\d{{1,4}}(?:[.,:]\d{{1,4}}){{0,3}}|{_LETTERS}(?:['’]{_LETTERS}){{0,2}}")


def count_words(text: str) -> int:
    """Count words: runs of letters or of figures, or characters where a script puts no spaces; SSML's tags are none."""
    text = unicodedata.normalize("NFC", text)  # a mark apart from its letter would part a word
    return len(_WORD.findall(_TAG.sub(" ", text) if is_ssml(text) else text))


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

"""Japanese text without what is written twice or short: readings in brackets behind a word, marks of repetition.

薔薇（ばら） is said ばら, once; 漢字《かんじ》 as Aozora Bunko writes it, with ｜ before the word if it needs one.
A remark in brackets that is no reading stays: 彼（たぶん）は来ない.
"""

from __future__ import annotations

import re
import unicodedata

from gsv_runtime.text.han_and_kana import japanese_features

_KANJI = "一-鿿㐀-䶿々〆ヶ仝"
_WORD_BEFORE = re.compile(f"[{_KANJI}][{_KANJI}ぁ-ゖ]*$")
_READING = "[ぁ-ゖァ-ヺー・ゝゞヽヾ ]+"
_RUBY = re.compile(
    rf"《({_READING})》|［({_READING})］|\[({_READING})\]|（({_READING})）|\(({_READING})\)|【({_READING})】"
)
_BEFORE_A_REMARK = re.compile(
    rf"(?P<word>[{_KANJI}][{_KANJI}ぁ-ゖ]{{0,11}})[（(](?P<reading>{_READING})[、,，・／/：:]\s?(?P<more>[^（）()\n]{{1,30}})[）)]"
)
_NAMED_BASE = re.compile(r"[｜|]([^｜|《》（）()\n、。]{1,30})$")
_LONGEST_BASE = 12
# Kana that says something of its own rather than how a word is read, and parts of speech that do.
_REMARKS = frozenset(
    "たぶん おそらく きっと はい いいえ いや うん ええ もちろん やはり やっぱり なぜか つまり ただし まだ もう "
    "すでに すべて ほぼ のみ だけ "
    "など ほか また または および いわゆる たち さん くん ちゃん さま だった でした ありがとう すみません えっ "
    "あれ おい ねえ ちなみに つづく".split()
)
_REMARK_CLASSES = ("助動詞", "助詞", "接続詞")
_REPEATS = re.compile("([ぁ-ゖァ-ヺ])([ゝゞヽヾ])")
_POSITIONAL = re.compile("[一二三四五六七八九〇]*〇[一二三四五六七八九〇]*")
_WINDS = re.compile("([東西南北])々([東西南北])")  # 南々西
_WIND_NAMES = {"東": "トウ", "西": "セイ", "南": "ナン", "北": "ホク"}
_FIGURES = str.maketrans("〇一二三四五六七八九", "0123456789")
_TO_KATAKANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}


def _katakana(kana: str) -> str:
    return re.sub("[ ・]", "", kana).translate(_TO_KATAKANA)


def read_once(text: str) -> str:
    """Put the reading in brackets in the place of the word that it stands behind."""
    said = ""
    start = 0
    for match in _RUBY.finditer(text):
        before = said + text[start : match.start()]
        reading = re.sub("[ ・]", "", next(group for group in match.groups() if group))
        base = _base(before, reading, certain=match[0][0] in "《［[")
        said = before[: len(before) - base] + reading if base else before + match[0]
        start = match.end()
    return re.sub("[｜|](?=[一-鿿])", "", said + text[start:])


def read_before_remarks(text: str) -> str:
    """Say 鈴木一朗（すずきいちろう、45） as すずきいちろう（45）, before a cut at the comma parts them."""
    return _BEFORE_A_REMARK.sub(_read_before_remark, text) if "（" in text or "(" in text else text


def _read_before_remark(match: re.Match[str]) -> str:
    word, reading = match["word"], re.sub("[ ・]", "", match["reading"])
    base = _with_endings(word, reading) or _by_readings(_words(word), reading)
    return f"{word[: len(word) - base]}{reading}（{match['more']}）" if base else match[0]


def _base(before: str, reading: str, certain: bool) -> int:
    """Length of the word at the end of a text that a reading belongs to; 0 if it is no reading."""
    named = _NAMED_BASE.search(before)
    if named:
        return len(named[0])
    word = _WORD_BEFORE.search(before[-_LONGEST_BASE:])
    if word is None:
        return 0
    return _with_endings(word[0], reading) or _by_dictionary(word[0], reading, certain)


def _with_endings(word: str, reading: str) -> int:
    """Length of 取り扱い before とりあつかい: kana among the kanji stands in the reading, too."""
    for start in range(len(word)):
        part = word[start:]
        if re.match(f"[{_KANJI}]", part) and re.search("[ぁ-ゖ]", part):
            pattern = "".join(
                ".+" if re.match(f"[{_KANJI}]", piece) else piece for piece in re.findall(f"[{_KANJI}]+|[ぁ-ゖ]+", part)
            )
            if re.fullmatch(pattern, reading) and len(reading) >= len(part):
                return len(part)
    return 0


def _by_dictionary(word: str, reading: str, certain: bool) -> int:
    kanji = re.search(f"[{_KANJI}]+$", word)
    if kanji is None:
        return 0
    tokens = _words(kanji[0])
    if found := _by_readings(tokens, reading):
        return found
    if not certain and _is_remark(reading):
        return 0
    size = 0
    for token, _ in reversed(tokens):  # 陽葵（ひまり） are two words to the dictionary, 今日本気（マジ） are two words
        if size and (len(token) > 1 or size + len(token) > len(reading)):
            break
        size += len(token)
    return size


def _words(kanji: str) -> list[tuple[str, str]]:
    """Words of the dictionary, each with its reading in katakana, empty where there is none."""
    return [(fields[0], fields[8] if len(fields) > 8 else "") for fields in japanese_features(kanji)]


def _by_readings(tokens: list[tuple[str, str]], reading: str) -> int:
    """Length of the last words that are read so, or whose first is, as in 佐藤健（さとうたける）."""
    kana = _katakana(reading)
    for start, (_, said) in enumerate(tokens):
        read = "".join(each for _, each in tokens[start:])
        begins = len(said) > 1 and kana.startswith(said) and len(kana) > len(said) and start < len(tokens) - 1
        if read == kana or begins:
            return sum(len(token) for token, _ in tokens[start:])
    return 0


def _is_remark(kana: str) -> bool:
    words = japanese_features(kana)
    return kana in _REMARKS or len(kana) == 1 or (len(words) == 1 and words[0][1] in _REMARK_CLASSES)


def repeats_written_out(text: str) -> str:
    """こゝろ as こころ, いすゞ as いすず, 仝 as 同, 二〇二四 as 2024; 々 stays, the dictionary has its words."""
    text = text.replace("〻", "々").replace("仝", "同")
    while match := _REPEATS.search(text):
        plain = unicodedata.normalize("NFD", match[1])[0]
        said = (
            unicodedata.normalize("NFC", plain + "\u3099")
            if match[2] in "ゞヾ"
            else match[1]
            if match[2] in "ゝヽ"
            else plain
        )
        text = text[: match.start(2)] + said + text[match.end() :]
    text = _WINDS.sub(lambda m: _WIND_NAMES[m[1]] * 2 + _WIND_NAMES[m[2]], text)
    return _POSITIONAL.sub(_positional, text)


def _positional(match: re.Match[str]) -> str:
    """二〇二四 is a number, 〇〇さん a blank."""
    return "まる" * len(match[0]) if set(match[0]) == {"〇"} else match[0].translate(_FIGURES)

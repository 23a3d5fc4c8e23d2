"""Han characters in Korean to hangul: 美國 미국, 女子 여자."""

from __future__ import annotations

import re

from gsv_runtime.text.g2p.korean import words

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
# Frequent characters that MeCab's dictionary has no reading for.
_MORE = dict(
    pair.split("=")
    for pair in (
        "李=이 朴=박 崔=최 鄭=정 姜=강 趙=조 尹=윤 張=장 林=임 韓=한 吳=오 徐=서 申=신 權=권 黃=황 宋=송 柳=유 "
        "洪=홍 全=전 高=고 "
        "文=문 孫=손 梁=양 裵=배 曺=조 白=백 許=허 南=남 故=고 盧=노 廬=여 你=니 愛=애 無=무 有=유"
    ).split()
)
# Where a word begins, ㄴ and ㄹ of these syllables are not said: 녀자 → 여자, 력사 → 역사, 로동 → 노동.
_INITIALS = dict(
    zip(
        "녀 뇨 뉴 니 랴 려 례 료 류 리 라 래 로 뢰 루 르".split(),
        "여 요 유 이 야 여 예 요 유 이 나 내 노 뇌 누 느".split(),
        strict=True,
    )
)
_FIRST_SYLLABLE, _CODAS = 0xAC00, 28


def in_hangul(text: str) -> str:
    """Korean text, its Han characters as they are read; those without a reading stay."""
    return _HAN.sub(lambda match: _read(match[0]), text) if _HAN.search(text) else text


def _read(han: str) -> str:
    said = "".join(reading or "".join(_MORE.get(char, char) for char in word) for word, reading in words(han))
    return _initial(said[0]) + said[1:]


def _initial(syllable: str) -> str:
    code = ord(syllable) - _FIRST_SYLLABLE
    if not 0 <= code < 11172:
        return syllable
    coda = code % _CODAS
    head = chr(_FIRST_SYLLABLE + code - coda)
    return chr(ord(_INITIALS.get(head, head)) + coda)

"""Words in small letters that nobody can say as words, and are said letter by letter: ttyl, yyds, xkcd, imho.

Only short ones that no dictionary has, written in small letters: names and brands begin with a capital, and a longer
word is guessed at. A known word behind a letter or two stays one: kpop, xpath, vscode.
"""

from __future__ import annotations

import functools
import re

from gsv_runtime.text.g2p.english_lexicon import names, pronunciations
from gsv_runtime.text.g2p.english_sounds import is_interjection, shortened

_LONGEST = 6
# Of chats, by their letters although a word could begin or end so; the first few are of Chinese ones.
_LETTERS = frozenset(
    "awsl ssfd yyds "
    "afaik brb fwiw gtfo idc idgaf idk iirc ikr ily imho imo irl iykyk istg jk lmao lmfao lmk ngl nsfw nvm omfg "
    "ootd otoh smh stfu tbf tbh tfw tgif tldr ttyl tysm wdym wfh wyd".split()
)
_ONSETS = (
    "bh? bl br bw by? ch? chl chr ck? cl cn? cr cw cy? cz dh? dj dr dv dw dy? dz dn fj fl fr fy? gh? gl gn gr gu gw "
    "gy? hj hr hw hy? jh? kh? kj kl kn kr kv kw ky? lh? lj ll ly? mb mc mn mr mw my? nd ng nh nj nk nt nv nw ny? "
    "ph? phl phr pf pl pn pr ps pt py? qu? qw rh? ry? sh? shl shm shn shr sc sch schl schm schn schr schw scl scr "
    "sf sj sk skr sl sm sn sp sph spl spr squ? sr st str sv sw sy? sz th? thr thw tj tr ts tsch tw ty? tz v vl vr w "
    "wh wr wy x xh xi y z zh zl zw"
)
_SAYABLE = re.compile("(?:" + "|".join(_ONSETS.split()) + ")?[aeiouy]")


def letters_apart(word: str) -> str:
    """``ttyl`` → T T Y L, ``kpop`` → K pop; a word that can be said as it is.

    Args:
        word: letters only.
    """
    return _apart(word) if word.islower() and len(word) <= _LONGEST else word


@functools.lru_cache(maxsize=16_384)
def _apart(word: str) -> str:
    if word in _LETTERS:
        return " ".join(word.upper())
    if len(word) < 4 or _is_known(word) or is_interjection(word) or shortened(word) is not None:
        return word
    if _SAYABLE.match(word):
        return word
    for size in (1, 2):
        if len(word) - size >= 3 and _is_known(word[size:]):
            return f"{' '.join(word[:size].upper())} {word[size:]}"
    return " ".join(word.upper())


def _is_known(word: str) -> bool:
    return word in pronunciations() or word in names()

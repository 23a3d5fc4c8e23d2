"""What teachers write as phones, in the 42 names that the content encoder learns to hear.

flite writes those names itself. hibari and Kokoro write misaki's symbols, joe those of espeak-ng: IPA, one character a
symbol, with marks of stress and length between them. Source: misaki's EN_PHONES.md; espeak-ng's phones of en-us.
"""

from __future__ import annotations

from collections.abc import Sequence

SILENCE = "pau"
_NAMES = dict(
    pair.split("=")
    for pair in (
        "A=ey I=ay O=ow W=aw Y=oy Q=ow i=iy u=uw ɪ=ih ʊ=uh ɛ=eh æ=ae ɑ=aa ɔ=ao ʌ=ah ə=ax ɐ=ax ᵊ=ax ɜ=er ɚ=er ᵻ=ih a=ae "
        "e=ey o=ow ɒ=aa b=b d=d f=f h=hh j=y k=k l=l m=m n=n p=p s=s t=t v=v w=w z=z ɡ=g g=g ŋ=ng ɹ=r r=r ʃ=sh ʒ=zh "
        "ʧ=ch ʤ=jh θ=th ð=dh T=d ɾ=d ʔ=t x=k ɬ=l ç=hh"
    ).split()
)
_JOINED = {"eɪ": "ey", "aɪ": "ay", "oʊ": "ow", "aʊ": "aw", "ɔɪ": "oy", "tʃ": "ch", "dʒ": "jh", "ɜɹ": "er", "əɹ": "er"}
_BEFORE = frozenset("ˈˌ")  # belongs to the phone that follows
_PAD = "_"
_SILENT = frozenset('.,!?;:—…"“”«»$^')


def phones_of(symbols: Sequence[str], ends_s: Sequence[float]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Phones and where each ends, from a teacher's symbols.

    Args:
        symbols: as the teacher wrote them; flite's names pass unchanged.
        ends_s: where each ends.

    Returns:
        Names of `labels.PHONES` and their ends. Length marks, pads and spaces lengthen the phone before them, stress
        marks the one behind; edges and punctuation are silence.
    """
    if all(len(symbol) > 1 or symbol in "bdfgklmnprstvwyz" for symbol in symbols):
        return tuple(symbols), tuple(ends_s)
    names: list[str] = []
    ends: list[float] = []
    sources: list[str] = []
    edges = (0, len(symbols) - 1)
    for index, (symbol, end_s) in enumerate(zip(symbols, ends_s, strict=True)):
        silent = symbol in _SILENT or (symbol == _PAD and index in edges)
        name = SILENCE if silent else _NAMES.get(symbol)
        joined = _JOINED.get(f"{sources[-1]}{symbol}") if sources else None
        if joined:
            names[-1], ends[-1], sources[-1] = joined, end_s, ""
        elif names and (symbol not in _BEFORE if name is None else name == SILENCE == names[-1]):
            ends[-1] = end_s
            sources[-1] = "" if symbol == " " else sources[-1]  # "that she" has no ch
        elif name is not None:
            names.append(name)
            ends.append(end_s)
            sources.append(symbol)
    return tuple(names), tuple(ends)

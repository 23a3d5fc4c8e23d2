"""Chemical formulas as they are said: letter by letter, with their figures (NaCl, Fe2O3, Ca(OH)2).

Formulas in capitals alone (CO2, H2SO4) are spelled by the reader of English.
"""

from __future__ import annotations

import re

_ELEMENTS = frozenset(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb "
    "Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd W Re Os Ir Pt Au Hg Tl Pb Bi Th U Pu".split()
)
_WITH = frozenset("H C N O F P S Cl Br I".split())  # one of these is in what chemists write; not in CoV, HoHo, CoCo
_NAMES = frozenset(("HeLa", "NiCd"))
_FORMULA = re.compile(
    r"(?<![A-Za-z0-9'’.@/_-])(?:[A-Z][a-z]?[0-9₀-₉]{0,2}|\((?:[A-Z][a-z]?[0-9₀-₉]{0,2})+\)[0-9₀-₉]{0,2}){2,}(?![A-Za-z0-9'’@/_(]|\.[A-Za-z0-9])"
)
_PARTS = re.compile(r"[A-Z][a-z]?|[0-9₀-₉]+")


def spelled(sentence: str) -> str:
    """A sentence whose formulas are spelled: NaCl → N A C L, Fe2O3 → F E 2 O 3."""
    return _FORMULA.sub(_letters, sentence)


def _letters(match: re.Match[str]) -> str:
    written = match[0]
    parts = _PARTS.findall(written)
    symbols = [part for part in parts if part.isalpha()]
    if written.isupper() or written in _NAMES or re.fullmatch("[A-Z]{2,}s", written):
        return written
    if len(symbols) < 2 or not _ELEMENTS.issuperset(symbols) or _WITH.isdisjoint(symbols):
        return written
    return " ".join(letter for part in parts for letter in (part.upper() if part.isalpha() else [part]))

"""Request text to sentences: the six cut methods, the joining of short pieces and the bound on long ones.

Pure string work. Source: RVC-Boss/GPT-SoVITS `TTS_infer_pack/text_segmentation_method.py` and
`TextPreprocessor.pre_seg_text`, whose results these functions give. Deliberately different: nothing is cut
inside ``Dr. Lee``, ``3:30 p.m. today``, ``1,234`` or ``example.com`` and cut5 cuts at ``；`` as at ``;``, unless
frontend=upstream; a piece of more than 510 characters without any stop is cut too (at a space where there is one),
because BERT reads at most 510 characters.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise

from gsv_runtime.text.normalize.english_words import STATES

MAX_SENTENCE_CHARACTERS = 510
MIN_SENTENCE_CHARACTERS = 5
SHORT_OPENING_CHARACTERS = 4
NO_SPLIT = "none"

STOPS = frozenset("，。？！,.?!~:：—…")
_CUT5_STOPS = frozenset(",.;?!、，。？！；：…")
_BARE = frozenset("!?…,.- ")
_JOINT_MARKS = STOPS | _CUT5_STOPS
_COLLAPSIBLE = re.compile(r"([!?…,.\-])[!?…,.\-]+")
_AFTER_STOP = re.compile(r"(?<=[，。？！,.?!~:：—…])")
_AROUND_STOP = re.compile(r"([，。？！,.?!~:：—…])")
_INNER_MARK = re.compile(
    r"(?<=[A-Za-z0-9])\.(?=[A-Za-z0-9])|(?<![^\s(（])\.(?=\d)|(?<=[A-Za-z]):(?=//)|\?(?=\w+=)|(?<=\d)[:~—](?=\d)|(?<=\d),(?=\d{3}(?!\d))"
)
# 5 p.m. Monday, 7 p.m. EST; a sentence may begin behind p.m. with any other word.
_BEHIND_A_TIME = (
    r"(?:(?:Mon|Tues?|Wednes|Wed|Thurs?|Thu|Fri|Satur|Sat|Sun)(?:day)?s?\b(?! (?:was|is|will|has|had|came|comes)\b)"
    r"|(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.? \d|[ECMPA][SD]?T\b|GMT|UTC|CES?T|BST"
    r"|(?:Eastern|Pacific|Central|Mountain|Beijing|Tokyo|London|Greenwich) (?:[Tt]ime|[Ss]tandard|on|and|to|in)\b)"
)
_OF_A_COUNTRY = (
    "Supreme|Senat(?:e|ors?)|Congress(?:man|woman)?|House|Army|Navy|Air|Marines?|Coast|Department|Dept|Treasury|President|"
    "Government|Constitution|Embassy|Ambassador|Secretary|Attorney|District|Court|Circuit|Postal|Census|Open|Steel|Bank|"
    "Federal|Forest|Capitol|Parliament|Prime|Security|Human|Environment|Charter|Women|Dollar|Olympic|Soccer|Patent|"
    "Customs|Geological|Border|Citizenship|Food|Bureau|Representatives?|Rep|Sen|Code|Virgin|Route|Highway|Foreign|State|"
    "States|Chamber|National|Trade|Justice|Defense|Energy|Labor|Agriculture|Education|Central|Special|Masters|Climate"
)
_ABBREVIATION = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Rev|Hon|vs|approx|[Ff]ig|[Vv]ol)\.(?= +\S)"
    r"|\b(?i:avg|esp|incl|excl|misc|univ|cf|viz|govt|intl|natl|assoc|asst|qty|bros)\.(?= +\S|,)"
    r"|\b(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.(?=[,–—-]"
    r"| +(?:[a-z0-9]|Jan|Feb|Ma[ry]|Apr|Ju[nl]|Aug|Sep|Oct|Nov|Dec))"
    r"|\b(?:Jan|Feb|Mar|Apr|Ju[nl]|Aug|Sept?|Oct|Nov|Dec|No|pp|p|ch|ext|max|min|[Aa]pt|Ste|Rm|Bldg|Hwy)\.(?= *\d)"
    r"|(?<=[\w.,'’)] )v\.(?= +[A-Z])|(?<!\d )\b(?:Art|[Ss]ec|[Pp]ara|[Pp]t|[Cc]l|[Ee]q)\.(?= *\d)"
    r"|\b(?:Cir|Supp)\.(?= +[0-9a-z])"
    rf"|\b[AaPp]\.[Mm]\.(?= +(?:{_BEHIND_A_TIME}))|\bU\.[SKN]\.(?= +(?:{_OF_A_COUNTRY})\b)"
    r"|\bP\.(?= O\. ?Box)|(?:\bP\.|(?<=\bP\. ))O\.(?= ?Box)"
    r"|\bno\.(?= *\d{4})|\d\s?(?:sq|ft)\.(?= +[a-z0-9(]|,)|(?<=sq\. )(?:ft|in|mi|yd)\.(?= +[a-z(]|,)"
    r"|\d[\s-]?(?:lbs?|oz|in|yds?|mi|hrs?|mins?|secs?|yrs?|wks?|tsps?|tbsps?|qts?|gals?|kgs?)\.(?= +[a-z(]|,)"
    r"|\b(?:etc|Inc|Ltd|Co|Corp|Jr|Sr|St|Ave|Blvd|Rd|[Dd]ept|Ph\.?D|[BM]\.Sc|(?:[A-Za-z]\.)+[A-Za-z])\."
    r"(?= +[a-z0-9§¶]|,)"
)
_STOP_WITHIN = re.compile(r"[A-Za-z]\.[ ,\d–—-]")
_INNER_COMMA = re.compile(
    rf"[a-z],(?= (?:{'|'.join(STATES)}),? \d{{5}}\b)"
    r"|\b(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)[a-z]*\.? \d{1,2}(?:st|nd|rd|th)?,(?= [12]\d{3}\b)"
)
_HIDDEN = 0xE000  # private use: request text has none, see `frontend`
_HIDE = {ord(mark): _HIDDEN + ord(mark) for mark in ".,:~?"} | {ord("—"): _HIDDEN, ord("；"): _HIDDEN + 1}
_SEMICOLON = "；".translate(_HIDE)
_SHOW = {hidden: mark for mark, hidden in _HIDE.items()}
ADDED_PAUSE = "\ue100"  # begins a sentence that a pause is put before; never part of what it stands before


def _hide_inner_marks(text: str) -> str:
    """Replace marks that end nothing, such as those of abbreviations, by private ones that no method cuts at."""
    chars = list(text)
    patterns = (_INNER_MARK, _ABBREVIATION, _INNER_COMMA) if _STOP_WITHIN.search(text) else (_INNER_MARK, _INNER_COMMA)
    for found in chain(*(marks.finditer(text) for marks in patterns)):
        chars[found.end() - 1] = chars[found.end() - 1].translate(_HIDE)
    return "".join(chars)


def collapse_repeated_marks(text: str) -> str:
    """Keep only the first of two or more marks in a row: ``Wait...!`` becomes ``Wait.``."""
    return _COLLAPSIBLE.sub(r"\1", text)


def _is_bare(piece: str, marks: frozenset[str] = _BARE) -> bool:
    return set(piece) <= marks


def _join(pieces: Iterable[str], marks: frozenset[str] = _BARE) -> str:
    return "\n".join(piece for piece in pieces if not _is_bare(piece, marks))


def _clauses(text: str) -> list[str]:
    text = text.replace("……", "。").replace("——", "，")
    if text[-1] not in STOPS:
        text += "。"
    return [clause for clause in _AFTER_STOP.split(text) if clause]


def _uncut(text: str) -> str:
    return "\n" if _is_bare(text) else text


def _by_four_clauses(text: str) -> str:
    text = text.strip("\n")
    clauses = _clauses(text)
    starts = list(range(0, len(clauses), 4))[:-1]  # the last two groups stay together
    if not starts:
        return _join([text])
    bounds = [*starts, len(clauses)]
    return _join("".join(clauses[a:b]) for a, b in pairwise(bounds))


def _by_fifty_characters(text: str) -> str:
    text = text.strip("\n")
    clauses = _clauses(text)
    if len(clauses) < 2:
        return text
    groups = [""]
    for clause in clauses:
        if len(groups[-1]) > 50:
            groups.append("")
        groups[-1] += clause
    if len(groups) > 1 and len(groups[-1]) < 50:
        groups[-2:] = [groups[-2] + groups[-1]]
    return _join(groups)


def _by_chinese_full_stop(text: str) -> str:
    return _join(text.strip("\n").strip("。").split("。"))


def _by_english_full_stop(text: str) -> str:
    return _join(re.split(r"(?<!\d)\.(?!\d)", text.strip("\n").strip(".")))


def _by_every_stop(text: str) -> str:
    text = text.strip("\n")
    pieces = [""]
    for index, char in enumerate(text):
        pieces[-1] += char
        inside_number = char == "." and text[index - 1 : index].isdigit() and text[index + 1 : index + 2].isdigit()
        if char in _CUT5_STOPS and not inside_number:
            pieces.append("")
    return _join(pieces, _CUT5_STOPS)


CUT_METHODS: dict[str, Callable[[str], str]] = {
    "cut0": _uncut,
    "cut1": _by_four_clauses,
    "cut2": _by_fifty_characters,
    "cut3": _by_chinese_full_stop,
    "cut4": _by_english_full_stop,
    "cut5": _by_every_stop,
}


def merge_short_pieces(
    pieces: list[str], min_characters: int = MIN_SENTENCE_CHARACTERS, join: Callable[[str, str], str] = operator.add
) -> list[str]:
    """Join consecutive pieces until each has `min_characters`; a short rest joins the piece before it.

    Args:
        pieces: none of them empty.
        min_characters: of a piece that stands alone.
        join: two pieces to one; upstream puts nothing between them.
    """
    if len(pieces) < 2:
        return pieces
    merged = [""]
    for piece in pieces:
        if len(merged[-1]) >= min_characters:
            merged.append("")
        merged[-1] = join(merged[-1], piece) if merged[-1] else piece
    if len(merged) > 1 and len(merged[-1]) < min_characters:
        merged[-2:] = [join(merged[-2], merged[-1])]
    return merged


def _join_with_pause(before: str, after: str, pause: str) -> str:
    """Two lines as one: apart, and with a pause where no mark stands between them."""
    before = before.rstrip(" ")
    after = f" {after}" if "\x21" <= after[0] < "\u2e80" else after  # figures apart: 3. and 5 are not 3.5
    abbreviated = _ABBREVIATION.search(before + after, max(0, len(before) - 12))
    if abbreviated and abbreviated.end() == len(before):  # No. at the end of a line, and a figure on the next
        before = before[:-1]
    marked = before[-1:] in _JOINT_MARKS or after.lstrip(" ")[:1] in _JOINT_MARKS
    return before + ("" if marked else pause) + after


def split_long_piece(piece: str, max_characters: int = MAX_SENTENCE_CHARACTERS) -> list[str]:
    """Cut a piece at stops, greedily, into parts of at most `max_characters`."""
    parts = [""]
    for run in _AROUND_STOP.split(piece):
        for part in _hard_cut(run, max_characters):
            if len(parts[-1]) + len(part) > max_characters:
                parts.append("")
            parts[-1] += part
    return [part for part in parts if part]


def _hard_cut(run: str, max_characters: int) -> Iterator[str]:
    while len(run) > max_characters:
        at = run.rfind(" ", 1, max_characters) + 1 or max_characters
        yield run[:at]
        run = run[at:]
    yield run


def split_sentences(text: str, method: str, full_stop: str, frontend: str = "improved") -> list[str]:
    """Cut request text into the sentences that are synthesised one by one.

    Args:
        text: the whole request text.
        method: a key of `CUT_METHODS`, or ``none`` for a prompt: one piece, never cut.
        full_stop: what ends a sentence without a stop, ``.`` for English and ``。`` otherwise.
        frontend: ``improved``, or ``upstream``, which cuts inside abbreviations and figures, too.

    Returns:
        Sentences that each end in a stop; empty when the text holds no letter and no digit.
    """
    if method == NO_SPLIT:
        text = text.strip("\n")
        return [_ended(text, full_stop)] if re.search(r"\w", text) else []
    improved = frontend == "improved"
    text = collapse_repeated_marks(_hide_inner_marks(text) if improved else text).strip("\n")
    if not improved:  # upstream's cut5 names the ASCII semicolon twice and the Chinese one never
        text = text.replace("；", _SEMICOLON)
    if not text:
        return []
    opening = _AROUND_STOP.split(text, maxsplit=1)[0].strip()
    opened = text[0] not in STOPS and len(opening) < SHORT_OPENING_CHARACTERS
    if opened:
        text = full_stop + text  # very short openings are unstable without a pause before them, as upstream
    pieces = [piece for piece in CUT_METHODS[method](text).split("\n") if piece.strip(" ")]
    pause = "," if full_stop == "." else "，"
    join = functools.partial(_join_with_pause, pause=pause) if improved else operator.add
    sentences = [_ended(p, full_stop) for p in merge_short_pieces(pieces, join=join) if re.search(r"\w", p)]
    if improved and opened and sentences and sentences[0].startswith(full_stop):
        sentences[0] = ADDED_PAUSE + sentences[0].removeprefix(full_stop)
    return [part.translate(_SHOW) for sentence in sentences for part in split_long_piece(sentence)]


def _ended(text: str, full_stop: str) -> str:
    return text if text[-1] in STOPS or text[-1] == "；" else text + full_stop

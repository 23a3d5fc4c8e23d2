"""Spellings of chats in English: ``u r``, ``ur gonna``, ``gr8``, ``2nite``, ``Pls``, ``thx 4 the ride``."""

from __future__ import annotations

import re

_WORDS = dict(
    (short, said.replace("_", " "))
    for short, said in (
        entry.split(":")
        for entry in (
            "pls:please plz:please plzz:please thx:thanks thnx:thanks tnx:thanks thxs:thanks ty:thank_you msg:message "
            "msgs:messages ppl:people tmrw:tomorrow tmr:tomorrow tmw:tomorrow tomo:tomorrow 2moro:tomorrow "
            "2morrow:tomorrow 2day:today 2nite:tonight 2night:tonight 4ever:forever b4:before gr8:great l8r:later "
            "l8:late m8:mate m8s:mates w8:wait h8:hate str8:straight sk8:skate any1:anyone some1:someone "
            "every1:everyone no1:no_one cuz:because coz:because bcuz:because bcoz:because abt:about bday:birthday "
            "b-day:birthday wknd:weekend smth:something sth:something rly:really rlly:really srsly:seriously sry:sorry "
            "soz:sorry obv:obviously obvs:obviously mtg:meeting mtgs:meetings addr:address appt:appointment "
            "attn:attention bf:boyfriend gf:girlfriend thru:through nite:night "
            "luv:love tho:though btwn:between govt:government yest:yesterday "
            "fb:facebook wat:what wut:what dat:that dis:this dem:them haz:has iz:is wen:when "
            "wher:where ya'll:y'all yall:y'all urself:yourself urs:yours ppl's:people's tmrw's:tomorrow's "
            "tonite:tonight "
            "tysm:thank_you_so_much "
            "np:no_problem nvm:never_mind"
        ).split()
    )
)
# Words that small letters alone make, because they are names or other words in capitals.
_SMALL_ONLY = frozenset("ty np fb bf gf dis dat wat wen iz sth haz dem".split())
_CHATTED = re.compile(
    rf"(?<![\w.@#/'’\\-])({'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})(?![\w@/(\\]|\.\w|['’]\w)",
    re.IGNORECASE,
)
_YOURE = (
    r"(?:not|gonna|going|right|wrong|so|too|very|the (?:best|worst|one|only|man)|a |an |welcome|late|early|my|just|"
    r"always|"
    r"never|really|still|in|on|at|here|there|back|all|kidding|joking|crazy|cute|funny|awesome|amazing|great|good|bad|ok|"
    r"okay|sure|sick|tired|done|ready|mad|sad|happy|free|busy|out|up|down|such|as|like|being|\w{3,}ing\b)"
)
_YOUR_SELVES = re.compile(rf"(?<![\w.@#/'’-])(ur|Ur)(?![\w@/('’]|\.\w)(?:(?=\s+{_YOURE}\b)|(?=\s*[,.!?]|\s*$)|())")
_YOU = re.compile(r"(?<![\w.@#/=+*^<>\"“-])(?<![=+*^<>×÷-] )([uU])(?![\w.@/(=+*^<>'’-]|\s?[=+*^<>×÷])")
_ARE = re.compile(
    r"(?<=\b[uU] )r(?![\w.])|(?<=\byou )r(?![\w.])|\b[rR](?= (?:u|you|we|they)\b)|(?<=\b(?:we|ey) )r(?= [a-z])"
)
_SEE = re.compile(r"(?<![\w.])c(?= (?:u|ya|you)\b)")
_FOR = re.compile(
    r"(?i)(?<=thanks )4(?= )|(?<=thank you )4(?= )|(?<![\w.,$])4(?= (?:u|you|me|ur|real|now|sale|free|life|ever|the "
    r"win)\b)"
)
_TO = re.compile(
    r"(?i)(?<=\b(?:me|ya) )2(?=\s*[,.!?]|\s*$)|(?<=\bu )2(?=\s*[,.!?]|\s*$)|(?<=\bgotta )2(?= )|(?<=\bwant )2(?= "
    r"[a-z])|(?<=\bgoing )2(?= [a-z])"
)
_MAY_BE = re.compile(
    r"(?i)(?<![\w'’])(?:u|ur|urs|r u|[a-z]+\d[a-z]*|\d[a-z]{3,}|[a-z]?[b-df-hj-np-tv-z]{2,5}|cuz|coz|soz|luv|tho|"
    r"thru|nite|"
    r"wanna|tonite|urself|any1|every1|obvs?|info|ig|wa?t|abt|appt|addr|attn|iz|haz|wen|dis|dat|dem|2day|w8|l8|m8|h8|b4)(?![\w])"
)


def chat_said(text: str) -> str:
    """English text with spellings of chats in words; letters of sums and names stay."""
    if not _MAY_BE.search(text):
        return text
    if re.search(r"(?<![\w'’])[uU][rR]?(?![\w'’])|(?<![\w.])[rR] [uwty]", text):
        text = _ARE.sub("are", _SEE.sub("see", text))
        text = _FOR.sub("for", _TO.sub("too", text))
        text = _YOUR_SELVES.sub(_your, text)
        text = _YOU.sub(_you, text)
    text = _CHATTED.sub(_word, text)
    return _FOR.sub("for", text) if "4" in text else text


def _your(match: re.Match[str]) -> str:
    said = "your" if match[2] is not None or not match.string[match.end() :].strip(" ,.!?") else "you're"
    return said.capitalize() if match[1][0] == "U" else said


def _you(match: re.Match[str]) -> str:
    """``u`` alone is you in small letters beside words; U is a letter but in a text of small ones."""
    around = match.string[max(0, match.start() - 12) : match.end() + 12]
    beside = re.search(r"[a-z]{2,}\W*$", match.string[: match.start()]) or re.match(
        r"\W*[a-z]{2,}|\W*r\b", match.string[match.end() :]
    )
    if match[1] == "U" or not beside or re.search(r"\d\s?$|[=+]|\bletters?\b|\bvowels?\b", around):
        return match[1]
    return "you"


def _word(match: re.Match[str]) -> str:
    short = match[1]
    if short.lower() in _SMALL_ONLY and not short.islower():
        return short
    if short.isupper() and not re.search("[0-9]", short) and len(short) < 4 and not match.string.isupper():
        return short
    said = _WORDS[short.lower()]
    return said.capitalize() if short[0].isupper() else said

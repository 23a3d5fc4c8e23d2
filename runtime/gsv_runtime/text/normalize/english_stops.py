"""Abbreviations, initials and directions of English whose stop ends no sentence, in words before a text is cut.

``Ave. NW``, ``d. 1519``, ``E. coli``, ``J. K. Rowling``, ``no. 3``, ``2 pkg. yeast``, ``gov't``. What a stop may end,
too (``etc.``, ``St.``), is left to the rules of `english_words` and `split`.
"""

from __future__ import annotations

import re

from gsv_runtime.text.g2p.english_lexicon import pronunciations
from gsv_runtime.text.normalize.numerals import roman_value


def _table(entries: str) -> dict[str, str]:
    return {short: said.replace("_", " ") for short, said in (entry.split(":") for entry in entries.split())}


# Before a figure, in small letters or with a capital.
_BEFORE_FIGURES = _table(
    "arr:arriving dep:departing ca:circa fl:flourished nn:notes fn:footnote ll:lines cols:columns lvl:level lv:level "
    "ref:reference inv:invoice acct:account rte:route temp:temperature resp:respiration alt:altitude elev:elevation "
    "op:opus approx:approximately nos:numbers no:number est:established col:column tbl:table vols:volumes bk:book "
    "chs:chapters chap:chapter figs:figures eqs:equations secs:sections paras:paragraphs ed:edition ep:episode "
    "eps:episodes ser:series lot:lot conf:confirmation pos:position qty:quantity wt:weight ht:height dia:diameter "
    "max:maximum min:minimum avg:average tot:total bal:balance amt:amount pymt:payment sect:section lbl:label "
    "app:appendix ex:example exs:examples div:division pop:population cap:capacity incl:including excl:excluding "
    "tel:telephone ext:extension sc:scene err:error mm:measures susp:suspension conc:concentration"
)
_YEARS = _table("c:circa d:died b:born r:reigned")
_LETTERS_BEFORE_FIGURES = _table("n:note l:line")
# Before a name.
_BEFORE_NAMES = _table(
    "fr:Father pres:President maj:Major cpl:Corporal pvt:Private adm:Admiral cmdr:Commander cdr:Commander "
    "supt:Superintendent det:Detective insp:Inspector amb:Ambassador atty:Attorney messrs:Messieurs mme:Madame "
    "mlle:Mademoiselle ofc:Officer brig:Brigadier lieut:Lieutenant cllr:Councillor sec:Secretary pt:Point "
    "pte:Private sra:Senora srta:Senorita"
)
# Anywhere before the end of a text.
_ANYWHERE = _table(
    "esq:Esquire eds:editors ibid:ibid pkg:package pkgs:packages doz:dozen att:attached encl:enclosed cont:continued "
    "mgr:manager mfg:manufacturing sched:schedule conf:confirmation acct:account appt:appointment ref:reference "
    "temp:temperature inv:invoice rgds:regards fwd:forward elev:elevation lvl:level approx:approximately "
    "susp:suspension err:error rep:repeat reps:reps soln:solution govt:government natl:national orig:original "
    "hosp:hospital dir:director mgmt:management admin:admin tech:tech attn:attention "
    "adj:adjective adv:adverb"
)
# Whose stops the rules of `english_words` take with them.
LEFT_TO_OTHERS = frozenset(
    "etc vs inc ltd corp dept esp incl excl misc univ cf viz govt intl natl assoc asst qty bros approx est fig vol "
    "ch no pp "
    "para sec eq tel ext avg mr mrs ms dr prof st mt ft jr sr gen col capt lt sgt gov sen rep rev hon blvd ave rd ln "
    "ct sq "
    "pkwy hwy bldg rm ste apt jan feb mar apr jun jul aug sept sep oct nov dec mon tue tues wed thu thur thurs fri "
    "sat sun "
    "lb lbs oz yd yds mi hr hrs min mins sec secs yr yrs wk wks tsp tsps tbsp tbsps qt qts gal gals kg kgs cir supp "
    "phd msc bsc".split()
)
_GREETINGS = re.compile(r"\b(?:(Rgds)|(Fwd|FWD|FW))(?=[,:])")
# Behind a figure: one, many.
_BEHIND_FIGURES = {
    "pkg": ("package", "packages"), "pkgs": ("package", "packages"), "doz": ("dozen", "dozen"),
    "pc": ("piece", "pieces"), "pcs": ("piece", "pieces"), "ea": ("each", "each"), "pt": ("pint", "pints"),
    "c": ("cup", "cups"), "T": ("tablespoon", "tablespoons"), "t": ("teaspoon", "teaspoons"),
    "Tbsp": ("tablespoon", "tablespoons"), "Tbs": ("tablespoon", "tablespoons"), "Tsp": ("teaspoon", "teaspoons"),
    "pp": ("page", "pages"), "mo": ("month", "months"), "env": ("envelope", "envelopes"),
    "ct": ("count", "count"), "bu": ("bushel", "bushels"), "gr": ("gram", "grams"),
}  # fmt: skip
_CONTRACTED = _table(
    "gov't:government int'l:international nat'l:national cont'd:continued dep't:department ass'n:association "
    "sec'y:secretary rec'd:received acc't:account assoc'd:associated w/in:within b/w:between c/o:care_of w/e:whatever"
)
_STREETS = _table(
    "Ave:Avenue St:Street Rd:Road Blvd:Boulevard Dr:Drive Ln:Lane Pl:Place Ct:Court Ter:Terrace Cir:Circle Sq:Square "
    "Pkwy:Parkway Hwy:Highway Trl:Trail Aly:Alley Plz:Plaza Way:Way Street:Street Avenue:Avenue Road:Road Lane:Lane "
    "Drive:Drive Boulevard:Boulevard Place:Place Court:Court"
)
_DIRECTIONS = _table("N:North S:South E:East W:West NE:Northeast NW:Northwest SE:Southeast SW:Southwest")
_PLACES = (
    "America|Americans?|Korea|Koreans?|Africa|Africans?|Carolina|Dakota|Virginia|Ireland|Irish|Wales|Sudan|Yorkshire|"
    "Asia|Europe|European|Germany|German|Timor|London|Hemisphere|Coast|Side|Pole|Sea|Atlantic|Pacific|Bank|Australia"
)
_ANY_STREET = "|".join(_STREETS)
_STREET_NAME = r"(?:[A-Z][a-z]+|\d+(?:st|nd|rd|th))"
_BOOKS = _table(
    "Gen:Genesis Ex:Exodus Exod:Exodus Lev:Leviticus Num:Numbers Deut:Deuteronomy Josh:Joshua Judg:Judges Sam:Samuel "
    "Kgs:Kings Chr:Chronicles Chron:Chronicles Neh:Nehemiah Esth:Esther Ps:Psalm Pss:Psalms Prov:Proverbs "
    "Eccl:Ecclesiastes Isa:Isaiah Jer:Jeremiah Lam:Lamentations Ezek:Ezekiel Dan:Daniel Hos:Hosea Mic:Micah "
    "Zech:Zechariah Mal:Malachi Matt:Matthew Mt:Matthew Mk:Mark Lk:Luke Jn:John Rom:Romans Cor:Corinthians "
    "Gal:Galatians Eph:Ephesians Phil:Philippians Col:Colossians Thess:Thessalonians Tim:Timothy Heb:Hebrews Jas:James "
    "Pet:Peter Rev:Revelation"
)
_NAMED_BOOKS = "|".join(
    dict.fromkeys((*_BOOKS, *_BOOKS.values(), "Mark", "Luke", "Acts", "Ruth", "Job", "Qur'an", "Surah"))
)
_LARGE_ROMAN = r"(M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"
_ROMAN = r"((?:X{1,3}|X?)(?:IX|IV|V?I{1,3}|V)|X{1,3})"

# Species: the epithet is Latin. Names: what begins a sentence behind "plan B." is no name.
_EPITHET = r"(?:[a-z]+(?:us|is|ae|um|ans|ens|ii|oli|ori|ile|ana|osa|ica|ida|ota|ia|ei|ax|ster|olor)|rex)(?![a-z])"
_NO_NAME = (
    "The|It|He|She|They|We|I|You|But|And|Then|This|That|These|Those|If|In|On|At|So|As|A|An|There|Here|What|When|Where|"
    "Who|Why|How|Is|Are|Was|Were|Do|Does|Did|For|From|To|Of|By|With|My|Your|His|Her|Our|Their|Its|No|Not|Yes|Now|Once|"
    "After|Before|Because|While|All|Some|Many|Most|One|Let|Please"
)
_LEADS_A_NAME = (
    r"(?:^|[\"“(,;:–—]\s*|\b(?:by|and|with|author|met|from|for|said|asked|told|saw|called|like|than|"
    r"against|Mr|Mrs|Ms|Dr|Prof|Sir|Lord|Judge|Justice|President|Senator|&)\.?\s)"
)
_LETTERED = (
    "Plan|Vitamin|Hepatitis|Class|Section|Part|Grade|Type|Group|Team|Gate|Schedule|Appendix|Exhibit|Option|"
    "Block|Unit|Room"
)
_INITIAL = r"[A-Z]\."


def _any(table: object) -> str:
    return "|".join(sorted(map(re.escape, table), key=len, reverse=True))  # type: ignore[call-overload]


_RULES = (
    (re.compile(r"(?i)\bi\.\s?e\.,?(?=\s)"), lambda m: "that is"),
    (re.compile(r"(?i)\be\.\s?g\.,?(?=\s)"), lambda m: "for example"),
    (
        re.compile(
            rf"\b(Bowl|Chapter|Psalm|Sonnet|Canto|Act|Part|Book|Volume|Vol\.|Olympiad|Title|Section|Article|Appendix|Episode|"
            rf"WrestleMania) (?=[LCDM]|X[LC])(?!(?:CD|DC|MD|MC|CM|DM|LC)\b){_LARGE_ROMAN}\b"
            rf"|(?<![\w.])()(?=M[MDCLXVI]{{4,}}\b){_LARGE_ROMAN}\b"
        ),
        lambda m: f"{m[1]} {roman_value(m[2])}" if m[1] else str(roman_value(m[4])),
    ),
    (re.compile(r"\bet al\.(?=\s+[(\[a-z0-9]|[,;:])"), lambda m: "et al"),
    (re.compile(r"\bop\. ?cit\."), lambda m: "op cit"),
    (re.compile(r"\ba\.e\.t\."), lambda m: "A E T"),
    (re.compile(r"(?<![\w.])(?:[A-Z]\.){2,3}(?=\s[#(]?\d)"), lambda m: " ".join(m[0].replace(".", ""))),
    (re.compile(r"(?<=\d)(\s?lbs?)\.(?=\s\d+\s?(?:oz|in)\b)"), lambda m: m[1]),
    (re.compile(r"(?<=\d(?:st|nd|rd|th) )ed\.(?=\s+[a-z(]|,)"), lambda m: "edition"),
    (re.compile(r"\(rev\.\)"), lambda m: "(revised)"),
    (re.compile(r"\bRt\.? Hon\.(?= [A-Z])"), lambda m: "Right Honorable"),
    (re.compile(r"(?<=\d(?:st|nd|rd|th) )c\.(?=\s|$)"), lambda m: "century" + ("." if not m.string[m.end() :] else "")),
    (re.compile(r"(?<=\d)ff\.?(?![A-Za-z])"), lambda m: " and following"),
    (
        re.compile(
            rf"\b({_NAMED_BOOKS})(?:\.|(?<=[a-z]{{5}})|(?<=\b[123] [A-Z][a-z]{{2}})|(?<=Acts)|(?<=John)|(?<=Mark)"
            r"|(?<=Luke)) "
            r"(\d{1,3}):(\d{1,3})(?:\s?[-–—]\s?(\d{1,3}))?(?![\d:]|\s?[ap]\.?m)"
        ),
        lambda m: f"{_BOOKS.get(m[1], m[1])} {m[2]} {m[3]}{f' to {m[4]}' if m[4] else ''}",
    ),
    (
        re.compile(
            rf"(?<=\b[Vv]ol)\.? {_ROMAN}\b|(?<=\b[Bb]k)\.? {_ROMAN}\b|(?<=\bch)\.? {_ROMAN}\b|(?<=\bpt)\.? {_ROMAN}\b"
        ),
        lambda m: f". {roman_value(next(filter(None, m.groups())))}",
    ),
    (
        re.compile(rf"(?<![\w.'’])({_any(_YEARS)})\.\s?(?=(?:c(?:a)?\.\s?)?\d{{3,4}}\b)"),
        lambda m: f"{_YEARS[m[1]]} ",
    ),
    (
        re.compile(rf"(?i)(?<![\w.'’])(?P<word>{_any(_BEFORE_FIGURES)})\.\s?(?=#?\d|[A-Z]{{1,4}}-?\d)"),
        lambda m: f"{_BEFORE_FIGURES[m[1].lower()]} ",
    ),
    (
        re.compile(rf"(?<![\w.'’])({_any(_LETTERS_BEFORE_FIGURES)})\.\s?(?=\d)"),
        lambda m: f"{_LETTERS_BEFORE_FIGURES[m[1]]} ",
    ),
    (re.compile(r"\b([Aa]pp|[Ee]x)\.(?=\s[A-Z]\b)"), lambda m: _BEFORE_FIGURES[m[1].lower()]),
    (
        re.compile(
            rf"(?<![\w.])(?P<number>(?:\d[\d.,/ ]*)?[\d½¼¾⅓⅔⅛])\s?(?P<word>{_any(_BEHIND_FIGURES)})\."
            rf"(?=\s+[a-z(@$]|\s*[,;:)]|\s*$)"
        ),
        lambda m: f"{m[1]} {_BEHIND_FIGURES[m[2]][_is_many(m[1])]}",
    ),
    (
        re.compile(rf"(?<![\w.'’])({_any(_BEFORE_NAMES).replace('|', '|')})\.(?=\s+[A-Z])", re.IGNORECASE),
        lambda m: _BEFORE_NAMES[m[1].lower()] if m[1][0].isupper() and _begins_a_name(m) else m[0],
    ),
    (
        re.compile(rf"(?i)(?<![\w.'’@/])({_any(_ANYWHERE)})\.(?=\s+[a-z0-9#($]|[,;:])"),
        lambda m: _ANYWHERE[m[1].lower()],
    ),
    (
        re.compile(rf"({_STREET_NAME}) ({_any(_STREETS)})\.?(,?) ({_any(_DIRECTIONS)})\b(?:\.(?=\s*[,a-z0-9]))?"),
        lambda m: f"{m[1]} {_STREETS[m[2]]} {_DIRECTIONS[m[4]]}",
    ),
    (
        re.compile(
            rf"(?<=\d )({_any(_DIRECTIONS)})\.? (?={_STREET_NAME} (?:[A-Z][a-z]+ )?(?:{_ANY_STREET})\b)"
            rf"|\b([NSEW])\. (?=(?:{_PLACES})\b)"
        ),
        lambda m: f"{_DIRECTIONS[m[1] or m[2]]} ",
    ),
    (
        re.compile(rf"(?<=[a-z] )(St|Dr|Rd|Ln|Ct)\.(?=\s+(?:{_NO_NAME})\b)"),
        lambda m: f"{_STREETS[m[1]]}.",
    ),
    (re.compile(r"(?<=[a-z] )(Pl|Ter|Cir|Trl|Plz|Aly)\.(?=,|\s*$)"), lambda m: _STREETS[m[1]]),
    (re.compile(rf"(?<![\w.])([A-Z])\. (?={_EPITHET})"), lambda m: f"{m[1]} "),
    (re.compile(rf"(?<![\w.])((?:{_INITIAL} ?){{2,}})(?=(?!(?:{_NO_NAME})\b)[A-Z][a-z])"), lambda m: _initials(m[1])),
    (
        re.compile(
            rf"(?P<lead>{_LEADS_A_NAME}|\b(?!(?:{_LETTERED})\b)[A-Z][a-z]+ )({_INITIAL}) "
            rf"(?=(?!(?:{_NO_NAME})\b)[A-Z][a-z]+)"
        ),
        lambda m: f"{m[1]}{_initials(m[2])}",
    ),
)
# In a text that writes capitals, what goes on in small letters has not ended; a word may be followed so by a slip.
_STOPPED = re.compile(r"(?<![\w.'’@/-])([A-Za-z]{2,6})\.(?=,|;|\s+[a-z])(?!\s+(?:com|org|net)\b)")
_MONTHS = {"Mar": "March", "Apr": "April", "Jun": "June", "Jul": "July"}
_MONTH = re.compile(r"\b(Mar|Apr|Jun|Jul)\.(?!\s?\d)")
_MAY_BE = re.compile(r"[A-Za-z]\.(?:[ ,;:]|\d|[A-Za-z]\.)|\d ?ff?\b|\b[MDCLXVI]{3,}\b")
_CONTRACTION = re.compile(rf"(?i)(?<![\w/])({_any(_CONTRACTED)})(?![\w/])")
_LEVEL = re.compile(r"(?i)(?<![\w.])(?:lvl|lv)\.?(?=\s?\d|\s+up\b|\s*[:=]\s?\d)")


def abbreviations_said(text: str) -> str:
    """English text, the whole of it, with these abbreviations in words and without their stops."""
    if _MAY_BE.search(text):
        for pattern, said in _RULES:
            text = pattern.sub(said, text)
        text = _MONTH.sub(lambda m: _MONTHS[m[1]], text)
        if text[:1].isupper() or re.search("[.!?] [A-Z]", text):
            text = _STOPPED.sub(lambda m: m[0] if _is_a_word(m[1]) else m[1], text)
    if "'" in text or "’" in text or "/" in text:
        text = _CONTRACTION.sub(lambda m: _CONTRACTED[m[1].lower()], text.replace("’", "'") if "’t" in text else text)
    text = _GREETINGS.sub(lambda m: "Regards" if m[1] else "Forward", text)
    return _LEVEL.sub("level ", text) if "v" in text or "V" in text else text


def _is_a_word(word: str) -> bool:
    lower = word.lower()
    return (
        lower in pronunciations()
        or lower in LEFT_TO_OTHERS
        or (len(lower) > 3 and _derived_word(lower))
        or word.isupper()
    )


def _derived_word(word: str) -> bool:
    return any(word.endswith(end) and word[: -len(end)] in pronunciations() for end in ("s", "ed", "ing", "ly", "er"))


def _is_many(number: str) -> bool:
    return number.strip() not in ("1", "½", "¼", "¾", "⅓", "⅔", "⅛") and not re.fullmatch(r"\d/\d+", number.strip())


def _begins_a_name(match: re.Match[str]) -> bool:
    behind = match.string[match.end() :]
    return re.match(rf"\s+(?:{_NO_NAME})\b", behind) is None


def _initials(written: str) -> str:
    return " ".join(written.replace(".", " ").split()) + " "

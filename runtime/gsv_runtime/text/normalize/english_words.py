"""Tables of the English normaliser: abbreviations, symbols, acronyms, names of keys."""

from __future__ import annotations

import re

_MONTH_NAMES = "january february march april may june july august september october november december".split()
MONTH_NUMBERS = {name: index for index, name in enumerate(_MONTH_NAMES, 1)} | {
    name[:3]: index for index, name in enumerate(_MONTH_NAMES, 1)
} | {"sept": 9}  # fmt: skip

_STREETS = {"Dr": "drive", "St": "street"}


def _street(match: re.Match[str]) -> str:
    """``12 Elm Dr.`` is no doctor; at the end of a text it keeps the full stop."""
    ends = not match.string[match.end() :].strip()
    return f"{match[1]}{_STREETS[match[2]]}{'.' if ends else ''}"


# Sat and Sun are words, too.
_MONTHS_AFTER = "Jan|Feb|Mar|Apr|May|Ju|Aug|Sep|Oct|Nov|Dec"
_DAY_AFTER = rf"\s*[,–—-]|\s+(?:\d|(?:at|to|and|mornings?|afternoons?|evenings?|nights?)\b|{_MONTHS_AFTER})"
_WEEKDAYS = {"M": "Monday", "Tu": "Tuesday", "W": "Wednesday", "Th": "Thursday", "F": "Friday"}


def _weekday(match: re.Match[str]) -> str:
    """``Wed., Mar. 5`` has no full stop behind the day; ``on Wed. Bring it`` has one."""
    day = next(name for start, name in _WEEKDAYS.items() if match[1].startswith(start))
    ends = re.match(rf"\s+(?!{_MONTHS_AFTER})[A-Z]", match.string[match.end() :])
    return f"{day}." if ends else day


_STOPPED_UNITS = "lbs?|oz|ft|yds?|mi|hrs?|mins?|secs?|yrs?|wks?|tsps?|tbsps?|qts?|gals?|kgs?"

# A period belongs to each; without it these are other words (no, fig, st) or are left to the dictionary.
ABBREVIATIONS = (
    (r"(?i)\be\.\s?g\.,?", "for example"),
    (r"(?i)\bi\.\s?e\.,?", "that is"),
    (r"(?i)\betc\b\.?(?=\s*$)|\betc\.(?=\s+[A-Z])", "et cetera."),
    (r"\bAT&T\b", "A T and T"),
    (r"\bB\.?Sc\b\.?", "B S C"),
    (r"\bM\.?Sc\b\.?", "M S C"),
    (r"(?<!\w)\.NET\b", "dot net"),
    (r"(?i)\betc\b\.?", "et cetera"),
    (r"\bMr\b\.?", "Mister"),
    (r"\bMrs\b\.?", "Missus"),
    (r"\bMs\b\.?", "Miz"),
    (r"\b(\d+[A-Z]? (?:[NSEW]\.? )?(?:[A-Z][a-z]+ ){1,3})(Dr|St)\b\.?(?=,| [A-Z]|\s*$)", _street),
    (
        r"(?<=[a-z] )(?=()(Dr|St)\b)..\.?,?(?= (?:Apt|Apartment|Ste|Suite|Unit|Floor|Room|Rm|No|Bldg|Building)\b)",
        _street,
    ),
    (r"\b[Aa]pt\.(?= ?#?\w)", "apartment"),
    (r"\bSte\.(?= ?#?\d)", "suite"),
    (r"\bRm\.(?= ?\d)", "room"),
    (r"\bBldg\.", "building"),
    (r"\bHwy\.?(?= ?\d|\s*$)", "highway"),
    (r"\bPkwy\.?", "parkway"),
    (r"(?<=[a-z] )Ln\.", "lane"),
    (r"(?<=[a-z] )Ct\.", "court"),
    (r"(?<=[a-z] )Sq\.", "square"),
    (r"\bDr\b\.?(?= [A-Z])", "Doctor"),
    (r"(?<=[a-z] )Dr\.", "Drive"),
    (r"\bProf\.", "Professor"),
    (r"\bSt\.?(?= [A-Z])", "Saint"),
    (r"(?<=[a-z] )St\.(?=\s*$)", "Street."),
    (r"(?<=[a-z] )St\.", "Street"),
    (r"\bAve\.", "Avenue"),
    (r"\bBlvd\.?", "Boulevard"),
    (r"\bRd\.", "Road"),
    (r"\bMt\.", "Mount"),
    (r"\bFt\.", "Fort"),
    (r"\bJr\.?(?![A-Za-z])", "Junior"),
    (r"\bSr\.", "Senior"),
    (r"\bGen\.", "General"),
    (r"\bCol\.", "Colonel"),
    (r"\bCapt\.", "Captain"),
    (r"\bLt\.", "Lieutenant"),
    (r"\bSgt\.", "Sergeant"),
    (r"\bGov\.", "Governor"),
    (r"\bSen\.", "Senator"),
    (r"\bRep\.", "Representative"),
    (r"\bRev\.", "Reverend"),
    (r"\bHon\.", "Honorable"),
    (r"\bInc\b\.?", "Incorporated"),
    (r"\bLtd\b\.?", "Limited"),
    (r"\bCorp\b\.?", "Corporation"),
    (r"\bCo\.", "Company"),
    (r"\b[Dd]ept\.", "department"),
    (r"(?i)\besp\.", "especially"),
    (r"(?i)\bincl\.", "including"),
    (r"(?i)\bexcl\.", "excluding"),
    (r"(?i)\bmisc\.", "miscellaneous"),
    (r"(?i)\buniv\.", "University"),
    (r"(?i)\bcf\.", "compare"),
    (r"(?i)\bviz\.", "namely"),
    (r"(?i)\bgovt\.", "government"),
    (r"(?i)\bintl\.", "international"),
    (r"(?i)\bnatl\.", "national"),
    (r"(?i)\bassoc\.", "association"),
    (r"(?i)\basst\.", "assistant"),
    (r"(?i)\bqty\.", "quantity"),
    (r"\bBros\.", "Brothers"),
    (r"(\d)\s?sq\.? (?=ft|in\b|mi|yds?|km|m\b)", r"\1 sq "),
    (r"(\d)\s?in\.(?=\s+[a-z(]|,)", r"\1in"),
    (r"(\d)-hr\.?(?= [a-z])", r"\1-hour"),
    (rf"(\d\s?(?:sq )?(?:{_STOPPED_UNITS}))\.(?=\s+[a-z(]|\s*,)", r"\1"),
    (r"(\d\s?ft\.?,? \d+)\s?in\.", r"\1in"),
    (r"(\d\s?ft)\.(?= +\d)", r"\1"),
    (r"\b[Vv]s\b\.?", "versus"),
    (r"\b[Aa]pprox\.", "approximately"),
    (r"\b[Ee]st\.(?=\s*\d)", "established"),
    (r"\b[Ff]ig\.", "figure"),
    (r"\b[Vv]ol\.", "volume"),
    (r"\b[Cc]h\.(?=\s*\d)", "chapter"),
    (r"\bNo\.(?=\s*\d)", "number"),
    (r"\b[Pp]p\.(?=\s*\d)", "pages"),
    (r"\bp\.(?=\s*\d)", "page"),
    (r"\bArt\.(?=\s*\d)", "article"),
    (r"(?<!\d )\b[Ss]ec\.(?=\s*\d)", "section"),
    (r"\b[Pp]ara\.(?=\s*\d)", "paragraph"),
    (r"\b[Pp]t\.(?=\s*\d)", "part"),
    (r"\b[Cc]l\.(?=\s*\d)", "clause"),
    (r"\b[Ee]q\.(?=\s*\d)", "equation"),
    (r"\bCir\.", "Circuit"),
    (r"\bSupp\.(?= |$)", "Supplement"),
    (r"\b[Tt]el\.", "telephone"),
    (r"\b[Ee]xt\.(?=\s*\d)", "extension"),
    (r"\b[Mm]in\.(?=\s*\d)", "minimum"),
    (r"\b[Mm]ax\.(?=\s*\d)", "maximum"),
    (r"\b[Aa]vg\.", "average"),
    (r"(?i)\bet al\.", "et al"),
    (r"\bPh\.?D\b\.?", "P H D"),
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s|$)", "with"),
    (r"\b[Aa]\.?[Kk]\.?[Aa]\.", "also known as"),
    (r"\bJan\.", "January"),
    (r"\bFeb\.", "February"),
    (r"\bAug\.", "August"),
    (r"\bSept?\.", "September"),
    (r"\bOct\.", "October"),
    (r"\bNov\.", "November"),
    (r"\bDec\.", "December"),
    (r"\b(Mon|Tues?|Wed|Thu(?:rs?)?|Fri)\.", _weekday),
    (rf"\bSat\.(?={_DAY_AFTER})|(?<=\b[oO]n )Sat\.", "Saturday"),
    (rf"\bSun\.(?={_DAY_AFTER})|(?<=\b[oO]n )Sun\.", "Sunday"),
    (r"(?<![A-Za-z.])((?:[A-Z]\.){2,})(?=\s+[A-Z]?[a-z]|['’,]|\s*$)", lambda m: " ".join(m[1].replace(".", ""))),
    (r"(?<![A-Za-z.])((?:[A-Z]\.){2,})", lambda m: " ".join(m[1].replace(".", "")) + " "),
    (r"\b([A-Z])\. (?=[A-Z][a-z])", r"\1 "),
)

# Words with a stop that figures may be written against: Fig.3.2.
BEFORE_FIGURES = {
    "fig": "figure", "figs": "figures", "no": "number", "nos": "numbers", "nr": "number", "vol": "volume",
    "ver": "version", "v": "version", "p": "page", "pp": "pages", "ch": "chapter", "chap": "chapter", "sec": "section",
    "eq": "equation", "art": "article", "approx": "approximately", "ext": "extension", "est": "established",
    "min": "minimum", "max": "maximum", "tel": "telephone", "tab": "table", "ep": "episode", "pt": "part",
    "ca": "circa", "ed": "edition", "app": "appendix", "ref": "reference", "lv": "level", "lvl": "level",
    "op": "opus", "rev": "revision", "rs": "rupees",
}  # fmt: skip
SYMBOLS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "%": "percent", "°": "degrees",
    "±": "plus or minus", "≈": "about", "≤": "less than or equal to", "≥": "greater than or equal to",
    "≠": "does not equal", "√": "square root of", "∞": "infinity", "$": "dollars", "£": "pounds", "€": "euros",
    "¥": "yuan", "§": "section", "∫": "integral of", "∂": "partial", "∀": "for all", "∃": "there exists",
    "∈": "in", "∉": "not in", "∑": "sum of", "∏": "product of", "∇": "nabla", "∝": "is proportional to",
    "∴": "therefore", "∵": "because", "⊂": "is a subset of", "⊆": "is a subset of", "∪": "union", "∩": "intersection",
    "∅": "the empty set", "∛": "cube root of", "≡": "is equivalent to", "∠": "angle", "⊥": "is perpendicular to",
    "⌘": "command", "⌥": "option", "⇧": "shift", "⌃": "control", "⏎": "enter", "⌫": "delete",
}  # fmt: skip

# Read by their names before a ZIP code.
STATES = dict(
    each.split(":")
    for each in (
        "AL:Alabama AK:Alaska AZ:Arizona AR:Arkansas CA:California CO:Colorado CT:Connecticut DE:Delaware FL:Florida "
        "GA:Georgia HI:Hawaii ID:Idaho IL:Illinois IN:Indiana IA:Iowa KS:Kansas KY:Kentucky LA:Louisiana ME:Maine "
        "MD:Maryland MA:Massachusetts MI:Michigan MN:Minnesota MS:Mississippi MO:Missouri MT:Montana NE:Nebraska "
        "NV:Nevada NH:New_Hampshire NJ:New_Jersey NM:New_Mexico NY:New_York NC:North_Carolina ND:North_Dakota OH:Ohio "
        "OK:Oklahoma OR:Oregon PA:Pennsylvania RI:Rhode_Island SC:South_Carolina SD:South_Dakota TN:Tennessee TX:Texas "
        "UT:Utah VT:Vermont VA:Virginia WA:Washington WV:West_Virginia WI:Wisconsin WY:Wyoming DC:D_C"
    )
    .replace("_", "\u00a0")
    .split(" ")
)

DOMAIN_NAMES = {"org": "org"} | {
    name: " ".join(name.upper())
    for name in "io ai edu uk us cn jp kr hk tw de fr eu tv id ip url uri api php asp html htm faq utm en zh ja".split()
}
FILE_TYPES = (
    "txt|pdf|docx?|xlsx?|pptx?|jpe?g|png|gif|svg|webp|mp[34]|m4a|wav|flac|ogg|webm|avi|mov|zip|rar|html?|css|csv|tsv|"
    "json|ya?ml|toml|ini|xml|md|py|js|ts|sh|exe|dmg|apk|iso|log|srt|ckpt|pth|onnx"
)

GREEK_LETTERS = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
        "phi chi psi omega".split(),
        strict=True,
    )
) | {"ς": "sigma", "\u00b5": "mu"}

# Acronyms said as words; other capitals of up to three letters are spelled, longer ones when no dictionary has them.
WORD_ACRONYMS = frozenset(
    "NASA NATO UNESCO UNICEF OPEC FIFA UEFA ASEAN AIDS COVID SARS RAM ROM PIN LASER RADAR SONAR SWAT IKEA LEGO NAFTA "
    "JPEG GIF YAML BIOS SIM VIP-LIKE CAPTCHA FEMA NASDAQ DARPA SAT LAN WAN CAD SCUBA GUI WASM CUDA ASCII LIDAR".split()
) - {"VIP-LIKE"}
ALWAYS_SPELLED = frozenset("HTTP HTML HTTPS ISBN UCLA USSR NAACP ESPN ASAP YMCA IEEE".split())
# Spelled where everything around them is in capitals, too, although the dictionary has words like them.
ALWAYS_SPELLED_SHORT = frozenset(
    "UN EU UK AI VR AR UI UX IP LA DC AC ID HR PR TV PC CD DVD DJ OK USB GPS SMS PDF URL SQL XML CSS API SDK "
    "IDE CPU GPU SSD HDD LED LCD RGB DIY FAQ FYI ASAP ETA RSVP VIP CEO CFO CTO COO FBI CIA NSA DNA RNA HIV BBC "
    "CNN NBC ABC CBS MTV HBO NBA NFL MLB NHL UFC BMW IBM AMD HP LG GM GE KFC ATM GDP IPO MBA PHD BSC MIT UCLA "
    "NYC USA UAE UFO IQ EQ IRS FDA EPA DMV SUV RPM MPH BC AD CE OS NPC MVP RPG FPS MMO PVP HD VS MC ER "
    "ICU MRI CT EKG JR SR ENT IRA PIN-LESS".split()
) - {"PIN-LESS"}
# Short words in capitals that are shouted, not spelled, where small letters are around them: not IT, US, WHO, AM.
COMMON_SHORT_WORDS = frozenset(
    "NO SO GO DO ON IF IS TO OF BY MY ME HE WE BE AT AN AS UP OR IN OH AH HI EH UH UM YO HA HO OX AX AYE NOT "
    "YES THE AND YOU ALL FOR NEW BUT CAN ARE WAS HAS HAD HIM HER HIS OUR OUT NOW HOW WHY ONE TWO DAY GET GOT "
    "LET SAY SEE TOO TRY ANY BAD BIG OLD OWN PUT RUN SET USE WAY SIX TEN ACE ACT ADD AGE AGO AID AIM AIR ALE "
    "ANT APE APP ARM ART ASH ASK ATE AXE BAG BAN BAR BAT BAY BED BEE BEG BET BID BIT BOO BOW BOX BOY BUD BUG "
    "BUN BUS BUY BYE CAB CAP CAR CAT COP COW CRY CUB CUE CUP CUT DAD DAM DEN DEW DIE DIG DIM DIP DOG DOT DRY "
    "DUE DUG DYE EAR EAT EEL EGG EGO ELF ELK END ERA EVE EVIL EYE FAN FAR FAT FED FEE FEW FIG FIT FIX FLU FLY "
    "FOE FOG FOX FRY FUN FUR GAP GAS GEL GEM GIG GOD GUM GUN GUT GUY GYM HAM HAT HAY HEN HEX HEY HID HIP HIT "
    "HOG HOP HOT HUB HUG HUH HUT ICE ICY ILL INK INN ITS IVY JAM JAR JAW JET JOB JOG JOY JUG KEY KID KIN KIT "
    "LAB LAD LAG LAP LAW LAY LED LEG LID LIE LIP LIT LOG LOT LOW MAD MAN MAP MAT MAY MEN MET MIX MOB MOM MOP "
    "MUD MUG MUM NAP NET NIL NOD NOR NUN NUT OAK ODD OFF OIL OUR OWE OWL PAD PAL PAN PAT PAW PAY PEA PEN PET "
    "PIE PIG PIT POP POT PRO PUB RAG RAN RAT RAW RAY RED RIB RID RIG RIM ROB ROD ROT ROW RUB RUG SAD SAT SAW "
    "SEA SEW SEX SHE SHY SIN SIP SIR SIT SKI SKY SLY SOB SON SOW SPY SUM SUN TAG TAN TAP TAX TEA THY TIE TIN "
    "TIP TOE TON TOP TOW TOY TUB TUG UGH VAN VET VOW WAR WAX WEB WED WET WIG WIN WIT WON WOW WOO YAM YAY YEP "
    "YET YUM ZAP ZIP ZOO".split()
)

ROMAN_AFTER_COUNT = [
    form
    for word in "Chapter Part War Volume Section Phase Type Act Book Article Appendix Bowl Title Level Episode".split()
    for form in (word, word.upper())
]
ROMAN_AFTER_NAME = (
    "Henry Louis George Edward Charles James William Richard Philip Elizabeth Pius Napoleon Francis John Paul Benedict "
    "Leo Alexander Nicholas Catherine Frederick Ivan Mary Otto Robert Malcolm Constantine Ramses Harald Olaf Harold "
    "Alfonso Victor Carlos Felipe Umberto Gustav Haakon Christian Albert Leopold Rama Selim Mehmed Suleiman Murad "
    "Ptolemy "
    "Darius Xerxes Artaxerxes Theodosius Justinian Basil Innocent Clement Gregory Urban Boniface Julius Sixtus Pedro "
    "Juan "
    "Ferdinand Maximilian Rudolf Franz Wilhelm Friedrich Ludwig Casimir Sigismund Stephen Matthias Edmund Edgar Eric "
    "Canute Magnus Isabella Margaret Abdul Hassan Mohammed Hussein Michael Peter Joseph Ramesses Thutmose Amenhotep "
    "Nebuchadnezzar Sargon Cyrus Tiberius Valentinian Manuel Andrew Adolf Frederik Eugene Celestine Honorius Callixtus "
    "Adrian Martin Nerses Bayezid Mahmud Osman".split()
)

# Names of keys, in any case; of commands and files, in small letters.
KEYS = {
    "ctrl": "control", "esc": "escape", "cmd": "command", "pgup": "page up", "pgdn": "page down",
    "prtsc": "print screen", "prtscn": "print screen", "nginx": "engine x", "kubectl": "kube control",
}  # fmt: skip
COMMANDS = {
    "systemctl": "system control", "src": "source", "tmp": "temp", "usr": "user", "cfg": "config", "pkg": "package",
    "mkdir": "make dir", "chmod": "change mod", "chown": "change own", "stdin": "standard in",
    "stdout": "standard out", "stderr": "standard error", "zsh": "Z shell", "wget": "W get", "psql": "P sequel",
    "btw": "by the way", "pls": "please", "plz": "please", "thx": "thanks", "msg": "message", "img": "image",
    "README": "read me", "pct": "percent", "TODO": "to do", "txt": "text", "btn": "button", "mgmt": "management",
}  # fmt: skip

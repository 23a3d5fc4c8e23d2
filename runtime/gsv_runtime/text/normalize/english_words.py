"""Tables of the English normaliser: abbreviations, units, symbols, acronyms."""

from __future__ import annotations

_MONTH_NAMES = "january february march april may june july august september october november december".split()
MONTH_NUMBERS = {name: index for index, name in enumerate(_MONTH_NAMES, 1)} | {
    name[:3]: index for index, name in enumerate(_MONTH_NAMES, 1)
} | {"sept": 9}  # fmt: skip

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
    (r"\b[Vv]s\b\.?", "versus"),
    (r"\b[Aa]pprox\.", "approximately"),
    (r"\b[Ee]st\.(?=\s*\d)", "established"),
    (r"\b[Ff]ig\.", "figure"),
    (r"\b[Vv]ol\.", "volume"),
    (r"\b[Cc]h\.(?=\s*\d)", "chapter"),
    (r"\bNo\.(?=\s*\d)", "number"),
    (r"\b[Pp]p\.(?=\s*\d)", "pages"),
    (r"\bp\.(?=\s*\d)", "page"),
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
    (r"\bMon\.(?=,)", "Monday"),
    (r"\bTues?\.", "Tuesday"),
    (r"\bWed\.", "Wednesday"),
    (r"\bThurs?\.", "Thursday"),
    (r"\bFri\.", "Friday"),
    (r"(?<![A-Za-z.])((?:[A-Z]\.){2,})(?=\s+[A-Z]?[a-z]|['’,]|\s*$)", lambda m: " ".join(m[1].replace(".", ""))),
    (r"(?<![A-Za-z.])((?:[A-Z]\.){2,})", lambda m: " ".join(m[1].replace(".", "")) + " "),
    (r"\b([A-Z])\. (?=[A-Z][a-z])", r"\1 "),
)

# Read after a figure, with or without a space.
UNITS = {
    "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "kg": ("kilogram", "kilograms"), "mg": ("milligram", "milligrams"), "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"), "µm": ("micrometer", "micrometers"),
    "µg": ("microgram", "micrograms"), "µs": ("microsecond", "microseconds"), "nm": ("nanometer", "nanometers"),
    "ft": ("feet", "feet"), "lb": ("pound", "pounds"), "lbs": ("pounds", "pounds"), "oz": ("ounce", "ounces"),
    "mph": ("mile per hour", "miles per hour"), "tbsp": ("tablespoon", "tablespoons"), "tsp": ("teaspoon", "teaspoons"),
    "ms": ("millisecond", "milliseconds"), "sec": ("second", "seconds"), "min": ("minute", "minutes"),
    "hr": ("hour", "hours"), "hrs": ("hours", "hours"), "mins": ("minutes", "minutes"), "secs": ("seconds", "seconds"),
    "Hz": ("hertz", "hertz"), "kHz": ("kilohertz", "kilohertz"), "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"), "KB": ("kilobyte", "kilobytes"), "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"), "GB": ("gigabyte", "gigabytes"), "TB": ("terabyte", "terabytes"),
    "kbps": ("kilobit per second", "kilobits per second"), "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"), "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"), "kWh": ("kilowatt hour", "kilowatt hours"),
    "mAh": ("milliamp hour", "milliamp hours"),
    "dB": ("decibel", "decibels"), "kPa": ("kilopascal", "kilopascals"), "kcal": ("kilocalorie", "kilocalories"),
    "°C": ("degree celsius", "degrees celsius"), "°F": ("degree fahrenheit", "degrees fahrenheit"),
    "°": ("degree", "degrees"), "sq ft": ("square foot", "square feet"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s²": ("meter per second squared", "meters per second squared"), "m/s": ("meter per second", "meters per second"),
    "¢": ("cent", "cents"), "fps": ("frame per second", "frames per second"),
    "rpm": ("revolution per minute", "revolutions per minute"),
}  # fmt: skip
# Read only when written against the figure: "5 m" may be anything.
ATTACHED_UNITS = {
    "m": ("meter", "meters"), "g": ("gram", "grams"), "L": ("liter", "liters"), "l": ("liter", "liters"),
    "h": ("hour", "hours"), "s": ("second", "seconds"), "in": ("inch", "inches"), "W": ("watt", "watts"),
    "V": ("volt", "volts"), "x": ("times", "times"), "yd": ("yard", "yards"),
}  # fmt: skip
PER_UNITS = {"h": "hour", "hr": "hour", "s": "second", "sec": "second", "min": "minute", "day": "day", "kg": "kilogram",
             "m": "meter", "km": "kilometer", "L": "liter", "mL": "milliliter", "ml": "milliliter", "month": "month",
             "year": "year", "week": "week"}  # fmt: skip

SYMBOLS = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "%": "percent", "°": "degrees",
    "±": "plus or minus", "≈": "about", "≤": "less than or equal to", "≥": "greater than or equal to",
    "≠": "does not equal", "√": "square root of", "∞": "infinity", "$": "dollars", "£": "pounds", "€": "euros",
    "¥": "yuan", "§": "section",
}  # fmt: skip

DOMAIN_NAMES = {"org": "org", "io": "I O", "ai": "A I", "edu": "E D U", "uk": "U K", "cn": "C N"}

GREEK_LETTERS = dict(
    zip(
        "αβγδεζηθικλμνξοπρστυφχψω",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
        "phi chi psi omega".split(),
        strict=True,
    )
) | {"ς": "sigma"}

# Acronyms said as words; other capitals of up to three letters are spelled, longer ones when no dictionary has them.
WORD_ACRONYMS = frozenset(
    "NASA NATO UNESCO UNICEF OPEC FIFA UEFA ASEAN AIDS COVID SARS RAM ROM PIN LASER RADAR SONAR SWAT IKEA LEGO NAFTA "
    "JPEG GIF YAML BIOS SIM VIP-LIKE CAPTCHA FEMA NASDAQ DARPA SAT LAN WAN CAD SCUBA GUI WASM CUDA ASCII LIDAR".split()
) - {"VIP-LIKE"}
ALWAYS_SPELLED = frozenset("HTTP HTML HTTPS ISBN UCLA USSR NAACP ESPN ASAP YMCA IEEE".split())
# Short words in capitals that are shouted, not spelled. US, IT, AM, PM, OR, IN, WHO stay letters.
EMPHASIS = frozenset(
    "NO SO GO DO ON IF IS TO OF BY MY ME HE WE BE AT AN AS UP NOT YES THE AND YOU ALL FOR NEW BUT CAN ARE WAS HAS HAD "
    "HIM HER HIS OUR OUT NOW HOW WHY ONE TWO DAY GET GOT LET SAY SEE TOO TRY ANY BAD BIG OLD OWN PUT RUN SET USE WAY "
    "ONLY MUST STOP NEVER ALWAYS EVERY VERY".split()
)

ROMAN_AFTER_COUNT = "Chapter Part War Volume Section Phase Type Act Book Article Appendix Bowl Title Level".split()
ROMAN_AFTER_NAME = (
    "Henry Louis George Edward Charles James William Richard Philip Elizabeth Pius Napoleon Francis".split()
)

"""Units of measurement behind a figure, and their names in Chinese, Japanese and Korean.

A unit is an atom (``km``, ``μg``), with a power if it has one (``m²``, ``cm3``), or several of them with ``/`` or ``·``
between (``μg/m³``, ``mmol/L``). Names are put together the same way: 微克 每 立方米, マイクログラム 毎 立方メートル.
"""

from __future__ import annotations

import functools
import re
import unicodedata

LANGUAGES = ("zh", "ja", "ko")
_PREFIXES = {
    "": ("", "", ""), "k": ("千", "キロ", "킬로"), "M": ("兆", "メガ", "메가"), "G": ("吉", "ギガ", "기가"),
    "T": ("太", "テラ", "테라"), "m": ("毫", "ミリ", "밀리"), "μ": ("微", "マイクロ", "마이크로"),
    "n": ("纳", "ナノ", "나노"), "c": ("厘", "センチ", "센티"), "d": ("分", "デシ", "데시"),
    "h": ("百", "ヘクト", "헥토"),
    "p": ("皮", "ピコ", "피코"),
}  # fmt: skip
# Symbol, the prefixes that it is written with, and its names.
_BASES = (
    ("m", " k m μ n c d", ("米", "メートル", "미터")),
    ("g", " k m μ n", ("克", "グラム", "그램")),
    ("L", " m μ d c", ("升", "リットル", "리터")),
    ("W", " k M G m", ("瓦", "ワット", "와트")),
    ("Wh", " k M", ("瓦时", "ワット時", "와트시")),
    ("V", " k m μ", ("伏", "ボルト", "볼트")),
    ("A", " m μ", ("安", "アンペア", "암페어")),
    ("Ah", " m", ("安时", "アンペア時", "암페어시")),
    ("Hz", " k M G", ("赫兹", "ヘルツ", "헤르츠")),
    ("Pa", " k M h", ("帕", "パスカル", "파스칼")),
    ("J", " k M", ("焦", "ジュール", "줄")),
    ("cal", " k", ("卡", "カロリー", "칼로리")),
    ("mol", " m μ n", ("摩尔", "モル", "몰")),
    ("B", "k M G T", ("字节", "バイト", "바이트")),
    ("bps", " k M G", ("比特每秒", "ビーピーエス", "비피에스")),
    ("eV", " k M", ("电子伏", "エレクトロンボルト", "전자볼트")),
    ("F", "μ n p", ("法", "ファラド", "패럿")),
    ("Ω", " k M", ("欧姆", "オーム", "옴")),
    ("Sv", " m μ n", ("希沃特", "シーベルト", "시버트")),
    ("Bq", " k M G", ("贝可勒尔", "ベクレル", "베크렐")),
    ("Gy", " m", ("戈瑞", "グレイ", "그레이")),
    ("IU", " ", ("国际单位", "国際単位", "국제단위")),
)  # fmt: skip
_OTHERS = {
    "N": ("牛", "ニュートン", "뉴턴"), "kN": ("千牛", "キロニュートン", "킬로뉴턴"), "t": ("吨", "トン", "톤"),
    "min": ("分钟", "分", "분"), "h": ("小时", "時間", "시간"), "s": ("秒", "秒", "초"),
    "ms": ("毫秒", "ミリ秒", "밀리초"),
    "sec": ("秒", "秒", "초"), "dB": ("分贝", "デシベル", "데시벨"), "ha": ("公顷", "ヘクタール", "헥타르"),
    "mmHg": ("毫米汞柱", "ミリメートル水銀柱", "밀리미터수은주"),
    "ppb": ("十亿分之一", "ピーピービー", "피피비"),
    "ppm": ("百万分之一", "ピーピーエム", "피피엠"),
    "rpm": ("转每分钟", "回転毎分", "알피엠"), "fps": ("帧每秒", "フレーム毎秒", "프레임 퍼 세컨드"),
    "lx": ("勒克斯", "ルクス", "럭스"), "lm": ("流明", "ルーメン", "루멘"), "ft": ("英尺", "フィート", "피트"),
    "lb": ("磅", "ポンド", "파운드"), "oz": ("盎司", "オンス", "온스"),
    "mph": ("英里每小时", "マイル毎時", "마일 퍼 아워"),
    "°C": ("度", "度", "도"), "°F": ("华氏度", "度華氏", "도 화씨"), "°": ("度", "度", "도"),
    "bar": ("巴", "バール", "바"),
    "PB": ("拍字节", "ペタバイト", "페타바이트"), "kgf": ("千克力", "キログラム重", "킬로그램힘"),
}  # fmt: skip
_ATOMS = {
    (prefix or "") + symbol: tuple(p + n for p, n in zip(_PREFIXES[prefix], names, strict=True))
    for symbol, prefixes, names in _BASES
    for prefix in ([""] if prefixes.startswith(" ") else []) + prefixes.split()
} | _OTHERS
# The units of time behind "per".
_PER_KOREAN = {"h": "아워", "s": "세크", "min": "미닛"}
_SPELLINGS = {
    "µ": "μ", "\u2126": "Ω", "㎞": "km", "㎝": "cm", "㎜": "mm", "㎡": "m²", "㎥": "m³", "㎏": "kg", "㎎": "mg",
    "㎖": "ml",
    "㏄": "cc", "℃": "°C", "℉": "°F", "ℓ": "L", "㎾": "kW", "㎐": "Hz", "㎢": "km²", "㎍": "μg", "㎉": "kcal",
    "㏈": "dB",
    "º": "°", "˚": "°", "㎠": "cm²", "㎤": "cm³", "㎟": "mm²", "㎑": "kHz", "㎒": "MHz", "㎓": "GHz",
    "㎅": "kB", "㎆": "MB", "㎇": "GB", "㎃": "mA", "㎷": "mV", "㎸": "kV", "㎽": "mW", "㎿": "MW", "㎪": "kPa",
    "㍱": "hPa",
}  # fmt: skip
SIGNS = "".join(_SPELLINGS) + "μ°Ω"  # what is no letter and may begin a unit
_EXPONENTS = {"²": 2, "³": 3, "2": 2, "3": 3, "^2": 2, "^3": 3}
_POWERS = {2: ("平方", "平方", "제곱"), 3: ("立方", "立方", "세제곱")}
# In capitals or small letters otherwise than they should be: 5KG, 500ML; single letters mean what they are.
_FOLDED = {atom.lower(): atom for atom in reversed(_ATOMS) if len(atom) > 1} | {
    "l": "L", "mw": "mW", "mpa": "MPa", "mb": "MB", "gb": "GB", "kb": "kB", "cc": "cc",
}  # fmt: skip
_ATOMS["cc"] = ("毫升", "シーシー", "시시")

_CASELESS = "|".join(sorted(map(re.escape, _FOLDED), key=len, reverse=True))
_ONE_LETTER = "|".join(re.escape(atom) for atom in _ATOMS if len(atom) == 1)
_ATOM = f"(?:[{''.join(_SPELLINGS)}]|(?i:{_CASELESS})|°(?i:[CF])|{_ONE_LETTER})(?:[²³]|\\^?[23](?![0-9]))?"
# Nothing else may follow but the figures of a smaller unit (1m50cm); 5A级, A型 and the like are letters.
_END = r"(?![A-Za-z]|[0-9](?![0-9]*\s?(?:cm|mm|min|g|s|ml|A|W|Hz)(?![A-Za-z])))"
_NO_LETTER = r"(?<![0-9]\s[ABFJN])(?!(?<=A)[级級景股座卷区栋类類型型面罩])"
UNIT = rf"(?:{_ATOM}(?:\s?[/·⋅]\s?{_ATOM})*){_END}{_NO_LETTER}"
_ATOM_PARTS = re.compile(rf"((?:[{''.join(_SPELLINGS)}]|[A-Za-zμµΩ\u2126°]+))([²³23]|\^[23])?")


def _atom(written: str) -> str:
    """The symbol as `_ATOMS` has it."""
    folded = _SPELLINGS.get(written) or written.replace("µ", "μ").replace("\u2126", "Ω")
    if folded in _ATOMS:
        return folded
    return _FOLDED.get(folded.lower(), folded)


@functools.lru_cache(maxsize=1024)
def unit_said(unit: str, language: str) -> str:
    """A unit's name.

    Args:
        unit: what `UNIT` matches.
        language: ``zh``, ``ja`` or ``ko``.
    """
    parts = re.split(r"\s?([/·⋅])\s?", unit)
    said = _power_said(parts[0], language, first=True)
    for mark, part in zip(parts[1::2], parts[2::2], strict=True):
        per = mark == "/"
        name = _power_said(part, language, first=not per)
        said += {"zh": "每", "ja": "毎", "ko": " 퍼 "}[language] + name if per else name
    return said


def _power_said(part: str, language: str, first: bool) -> str:
    match = _ATOM_PARTS.match(_SPELLINGS.get(part, part))
    if match is None:
        return ""
    atom = _atom(match[1])
    if atom not in _ATOMS:
        return atom  # μ without a unit is a letter
    column = LANGUAGES.index(language)
    name = _ATOMS[atom][column]
    if language == "ko" and not first:
        name = _PER_KOREAN.get(atom, name)
    if language == "ja" and not first:
        name = {"時間": "時"}.get(name, name)
    if not match[2]:
        return name
    power = _EXPONENTS[match[2]]
    if atom == "s":
        return {"ja": "秒毎秒", "ko": "제곱초"}.get(language, "二次方秒")
    return _POWERS[power][column] + name


def folded(text: str) -> str:
    """Text whose full-width letters and figures are half-width, as `UNIT` expects them."""
    return re.sub("[\uff01-\uff5e]+", lambda m: unicodedata.normalize("NFKC", m[0]), text)

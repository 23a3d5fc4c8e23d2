"""Figures to Chinese characters: cardinals, digit by digit, years, decimals, fractions, times."""

from __future__ import annotations

import functools

_DIGITS = "零一二三四五六七八九"
_TELEPHONE_DIGITS = "零幺二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "兆")
_MAX_NAMED_DIGITS = 16


def digits(figures: str) -> str:
    """``2024`` → 二零二四, for years and what follows a decimal point."""
    return "".join(_DIGITS[int(figure)] for figure in figures if figure.isdecimal())


def telephone_digits(figures: str) -> str:
    """``110`` → 幺幺零: figures of telephones, rooms and codes, where 1 is 幺."""
    return "".join(_TELEPHONE_DIGITS[int(figure)] for figure in figures if figure.isdecimal())


def _group(figures: str) -> str:
    """Four figures without their group name: ``0305`` → 零三百零五."""
    said = ""
    for place, figure in zip(reversed(_PLACES), figures.zfill(4), strict=True):
        if figure != "0":
            said += _DIGITS[int(figure)] + place
        elif not said.endswith("零"):
            said += "零"
    return said.rstrip("零")


@functools.lru_cache(maxsize=4096)
def cardinal(figures: str) -> str:
    """``1010`` → 一千零一十, ``12`` → 十二, ``2000`` → 两千; a leading zero means digit by digit."""
    figures = figures.replace(",", "").replace("，", "")
    if len(figures) > _MAX_NAMED_DIGITS or (len(figures) > 1 and figures[0] == "0"):
        return telephone_digits(figures) if len(figures) > _MAX_NAMED_DIGITS else digits(figures)
    if int(figures) == 0:
        return "零"
    groups = [figures[max(0, end - 4) : end] for end in range(len(figures), 0, -4)]
    said = ""
    for name, group in zip(reversed(_GROUPS[: len(groups)]), reversed(groups), strict=True):
        if int(group):
            gap = "" if not said or group[0] != "0" else "零"
            said += gap + _group(group).lstrip("零") + name
    said = said.removeprefix("一") if said.startswith("一十") else said
    return _say_liang(said)


def _say_liang(said: str) -> str:
    for place in ("千", "万", "亿"):
        said = said.replace(f"二{place}", f"两{place}").replace(f"十两{place}", f"十二{place}")
    return said


def decimal(figures: str) -> str:
    """``3.20`` → 三点二零; ``.5`` → 零点五; no point: a cardinal."""
    whole, point, fraction = figures.replace(",", "").partition(".")
    said = cardinal(whole.lstrip("0") or "0") if point else cardinal(whole)
    return f"{said}点{digits(fraction)}" if fraction else said


def signed(sign: str, figures: str, negative: str = "负") -> str:
    """A number with its sign."""
    return (negative if sign in ("-", "−", "－") and sign else "") + decimal(figures)


def counted(figures: str) -> str:
    """A number before a measure word: 2 is 两."""
    return "两" if figures == "2" else decimal(figures)


def month_or_day(figures: str) -> str:
    """``05`` → 五."""
    return cardinal(figures.lstrip("0") or "0")


def clock(hours: str, minutes: str, seconds: str | None = None) -> str:
    """``14:30`` → 十四点半, ``10:05`` → 十点零五分, ``14:30:05`` → 十四点三十分零五秒."""
    said = f"{month_or_day(hours)}点"
    if hours.lstrip("0") == "2":
        said = "两点"
    if seconds is None and int(minutes) == 30:
        return said + "半"
    if int(minutes) or seconds is not None:
        said += f"{_two_figures(minutes)}分"
    return said + (f"{_two_figures(seconds)}秒" if seconds is not None else "")


def _two_figures(figures: str) -> str:
    value = int(figures)
    return ("零" if value < 10 and value else "") + cardinal(str(value))

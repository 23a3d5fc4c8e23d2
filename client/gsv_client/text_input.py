"""Texts that people give to `gsv`: files and stdin as any system writes them, arguments that begin with a dash."""

from __future__ import annotations

import codecs
import re
import sys
from pathlib import Path
from typing import Any

import click

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# An argument that can only be text: -5 degrees, "- Hello there." No option holds a space or begins with a figure.
_TEXT = re.compile(r"-\d|-(?!-[a-z-]+=)[^=]*\s")


def decoded(data: bytes, name: str) -> str:
    """Text of a file in UTF-8, or in UTF-16 with its mark as Windows calls Unicode; a mark is no part of the text.

    Raises:
        ValueError: it is neither.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is no UTF-8 at byte {error.start}; convert it, such as with iconv -t UTF-8") from None


def text_of_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The text of the file that an option names, - for stdin; for `callback` of the option."""
    if value is None:
        return None
    try:
        return decoded(sys.stdin.buffer.read() if value == "-" else Path(value).read_bytes(), value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


class TextCommand(click.Command):
    """A command whose TEXT may begin with a dash."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a text that looks like an option behind --, where click looks for no options."""
        if "--" in args:
            return super().parse_args(ctx, args)
        options = {name: param for param in self.params if isinstance(param, click.Option) for name in param.opts}
        texts = [
            index
            for index, arg in enumerate(args)
            if _TEXT.match(arg) and not _takes_value(options.get(args[index - 1]) if index else None)
        ]
        rest = [arg for index, arg in enumerate(args) if index not in texts]
        return super().parse_args(ctx, [*rest, "--", *(args[index] for index in texts)] if texts else rest)


def _takes_value(option: Any) -> bool:
    return isinstance(option, click.Option) and not option.is_flag and not option.count

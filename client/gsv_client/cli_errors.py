"""What the command line says when something fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from gsv_client.errors import SynthesisError


class Failed(click.ClickException):
    """Something went wrong that the user can read about in one line; exit 1."""

    exit_code = 1


@contextmanager
def friendly_errors() -> Iterator[None]:
    """Say what went wrong in one line instead of a traceback."""
    try:
        yield
    except SynthesisError as error:
        raise Failed(f"{type(error).__name__}: {error}") from None
    except OSError as error:
        raise Failed(f"{error.filename or 'file'}: {error.strerror or error}") from None

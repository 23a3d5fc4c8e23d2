"""What commands of `gsv` speak with when they run on this device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gsv_client import Client
from gsv_client.cli_errors import Failed
from gsv_client.connection import Connection
from gsv_local.bundle import Bundle, chosen_bundle, open_bundle
from gsv_local.clients import ADDRESS, LocalTransport
from gsv_local.engine import LocalEngine


@contextmanager
def readable() -> Iterator[None]:
    """Tell of a bundle that cannot be used in one line."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as failure:
        raise Failed(str(failure)) from None


@dataclass(frozen=True)
class LocalConnection(Connection):
    """A connection that ends in this process; the bundle is opened when it is first needed.

    Attributes:
        path: Of the bundle; None: the chosen one.
        home: Where bundles are unpacked; None: the user's folder for data.
        max_words: Words that one request may have; None: as the bundle says.
        threads: Of one operator; 0: as the bundle says.
        graph_engine: Of the graphs; empty: as the bundle says.
        device: Of the graphs; empty: as the bundle says.
    """

    path: Path | None = None
    home: Path | None = None
    max_words: int | None = None
    threads: int = 0
    graph_engine: str = ""
    device: str = ""

    @cached_property
    def bundle(self) -> Bundle:
        """What to run."""
        with readable():
            return open_bundle(self.path, self.home) if self.path else chosen_bundle(self.home)

    @property
    def voice(self) -> str | None:
        """Who speaks where no voice is named: the bundle's default."""
        return self.bundle.default_voice

    def engine(self) -> LocalEngine:
        """Open the bundle's models."""
        bundle = self.bundle
        with readable():
            return LocalEngine(bundle, self.max_words, self.threads, self.graph_engine, self.device)

    def open(self) -> Client:
        """Open a client of an engine of its own."""
        return Client(ADDRESS, transport=LocalTransport(self.engine()))

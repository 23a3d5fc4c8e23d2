"""Commands of `gsv` that other packages bring, by entry points in `gsv.commands`: the client knows no server."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

_GROUP = "gsv.commands"
_ON_THE_SERVER = (
    "works on the files of a server and comes with the package gsv-runtime, which is not installed here; "
    "run it on the server's machine"
)
_ELSEWHERE = {
    "keys": "works on the file of a gateway's API keys and comes with the package gsv-gateway, which is not installed "
    "here; run it on the gateway's machine",
    "cache": f"{_ON_THE_SERVER}, where `python -m gsv_runtime.cache` is the same",
    "voices export": _ON_THE_SERVER,
    "voices import": _ON_THE_SERVER,
}


class Commands(click.Group):
    """The commands of this package, then those of others that are installed."""

    def __init__(self, *args: Any, within: str = "", aliases: Mapping[str, str] | None = None, **more: Any) -> None:
        """Take what a group takes.

        Args:
            *args: see click.Group.
            within: the command whose commands these are; empty: of `gsv` itself.
            aliases: maps second names, which help does not list, to the first.
            **more: see click.Group.
        """
        super().__init__(*args, **more)
        self._within = within
        self._aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted({*super().list_commands(ctx), *self._registered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; one that is not here, or cannot be loaded, says so when it is run."""
        command = super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))
        if command is not None:
            return command
        registered, full_name = self._registered().get(cmd_name), f"{self._within} {cmd_name}".strip()
        if registered is not None:
            return _loaded(registered)
        return _Missing(full_name, _ELSEWHERE[full_name]) if full_name in _ELSEWHERE else None

    def _registered(self) -> dict[str, EntryPoint]:
        group = f"{_GROUP}.{self._within}" if self._within else _GROUP
        return {found.name: found for found in entry_points(group=group)}


def _loaded(registered: EntryPoint) -> click.Command:
    try:
        return registered.load()
    except Exception as failure:  # another package's; the rest of gsv works without
        return _Missing(registered.name, f"cannot be loaded: {type(failure).__name__}: {failure}")


class _Missing(click.Command):
    """Whatever it is given, it says why it is not there; exit 1."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, help="Not available here.", add_help_option=False, params=[])
        self.context_settings = {"ignore_unknown_options": True, "allow_extra_args": True}
        self._why = why

    def invoke(self, ctx: click.Context) -> None:
        """Say it."""
        raise click.ClickException(f"gsv {self.name} {self._why}")

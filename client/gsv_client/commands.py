"""Commands of `gsv` that other packages bring, by the entry point group `gsv.commands`: the client knows no server."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

_GROUP = "gsv.commands"
_ELSEWHERE = {
    "keys": "works on the file of a gateway's API keys and comes with the package gsv-gateway, which is not installed "
    "here; run it on the gateway's machine",
    "cache": "works on the files of a server and comes with the package gsv-runtime, which is not installed here; "
    "run it on the server's machine, where `python -m gsv_runtime.cache` is the same",
}


class Commands(click.Group):
    """The commands of this package, then those of others that are installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted({*super().list_commands(ctx), *_registered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; one that is not here, or cannot be loaded, says so when it is run."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        registered = _registered().get(cmd_name)
        if registered is not None:
            return _loaded(registered)
        return _Missing(cmd_name, _ELSEWHERE[cmd_name]) if cmd_name in _ELSEWHERE else None


class Aliases(click.Group):
    """A group some of whose commands answer to a second name, which help does not list."""

    def __init__(self, *args: Any, aliases: Mapping[str, str], **more: Any) -> None:
        """Take what a group takes; `aliases` maps a second name to the first."""
        super().__init__(*args, **more)
        self._aliases = aliases

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by either name."""
        return super().get_command(ctx, self._aliases.get(cmd_name, cmd_name))


def _registered() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=_GROUP)}


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

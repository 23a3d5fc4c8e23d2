"""`gsv keys add|list|revoke`: who may use a gateway. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from gsv_gateway.keys import ApiKey, KeyStore, KeysUnreadable
from gsv_gateway.settings import DEFAULT_KEYS_FILE

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
_WITHOUT = "no keys; whoever reaches the gateway may do everything"
_NONE_LEFT = (
    "no key is left, and the gateway lets nobody in; make one, or remove {} to let in everybody on this machine"
)


@contextmanager
def _friendly() -> Iterator[None]:
    try:
        yield
    except (KeysUnreadable, OSError) as error:
        raise click.ClickException(str(error)) from None


@click.group(context_settings=_CONTEXT)
@click.option(
    "--file",
    "path",
    envvar="GSV_GATEWAY_KEYS",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_KEYS_FILE,
    show_envvar=True,
    help="Where the keys are kept, hashed.",
)
@click.pass_context
def keys(context: click.Context, path: Path) -> None:
    """Make, list and take back the API keys of a gateway.

    \b
    While there is none, whoever reaches the gateway may do everything. A running gateway
    sees a change within a second. Works on the machine whose gateway reads the file:
      gsv keys add phone --rate 60 --streams 2
      gsv keys list
      gsv keys revoke 1f2e3d4c
    """
    context.obj = KeyStore(path)


@keys.command(context_settings=_CONTEXT)
@click.argument("name")
@click.option("--voices", multiple=True, default=("*",), help="Pattern of shared voices that it may use; repeatable.")
@click.option("--no-register", is_flag=True, help="It may register no voices of its own.")
@click.option("--shared", is_flag=True, help="It looks after the shared voices: registers and deletes those.")
@click.option("--rate", "requests_per_minute", type=click.IntRange(0), default=0, help="Requests a minute; 0: any.")
@click.option("--streams", type=click.IntRange(0), default=0, help="Answers at once; 0: any.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def add(
    store: KeyStore,
    name: str,
    voices: tuple[str, ...],
    no_register: bool,
    shared: bool,
    requests_per_minute: int,
    streams: int,
    as_json: bool,
) -> None:
    """Make a key for NAME and print it, this once."""
    with _friendly():
        key, secret = store.add(
            name,
            voices=voices,
            may_register=not no_register,
            may_change_shared=shared,
            requests_per_minute=requests_per_minute,
            streams=streams,
        )
    click.echo(json.dumps({**shown(key), "key": secret}) if as_json else secret)
    click.echo(f"made key {key.key_id} for {name}; it is printed here and nowhere else", err=True)


@keys.command("list", context_settings=_CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_keys(store: KeyStore, as_json: bool) -> None:
    """List the keys: id, name, when made, and what each may; tab-separated."""
    with _friendly():
        found = store.all()
    if as_json:
        click.echo(json.dumps([shown(key) for key in found]))
        return
    for key in found:
        click.echo("\t".join((key.key_id, key.name, key.created, _allowed(key))))
    if not found:
        click.echo(_WITHOUT if store.is_new else _NONE_LEFT.format(store.path), err=True)


@keys.command(context_settings=_CONTEXT)
@click.argument("key_id")
@click.pass_obj
def revoke(store: KeyStore, key_id: str) -> None:
    """Take back the key with this id; the voices that it registered stay, and nobody sees them."""
    with _friendly():
        if not store.revoke(key_id):
            raise click.ClickException(f"no key has the id {key_id!r}; see `gsv keys list`")
        click.echo(f"revoked {key_id}", err=True)
        if not store.all():
            click.echo(_NONE_LEFT.format(store.path), err=True)


def shown(key: ApiKey) -> dict[str, object]:
    """A key for a program, without its hash."""
    return {name: value for name, value in asdict(key).items() if name != "sha256"}


def _allowed(key: ApiKey) -> str:
    parts = [f"voices {','.join(key.voices)}"]
    parts += ["registers none"] if not key.may_register else []
    parts += ["changes shared voices"] if key.may_change_shared else []
    parts += [f"{key.requests_per_minute}/min"] if key.requests_per_minute else []
    parts += [f"{key.streams} at once"] if key.streams else []
    return ", ".join(parts)

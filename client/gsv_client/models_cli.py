"""`gsv models list|load|unload|pin|unpin`, which ask a server, and `add|remove`, which work on its machine."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import click

from gsv_client.cli_errors import friendly_errors
from gsv_client.client import Client
from gsv_client.connection import Connection
from gsv_client.fine_tunes import FineTune

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
_BUILDER = "gsv_build"
_FIRST = "default"  # of a repository whose build named none


@click.group("models", context_settings=_CONTEXT)
def command() -> None:
    """List, load and unload the fine-tuned models of a server; add and remove them on its machine.

    \b
    A request names its model (gsv say --model ann); it is loaded when it is first needed.
      gsv models add ann --s1 ann-e15.ckpt --s2 ann_e8_s96.pth
      gsv models list
      gsv models pin ann
    """


def _client(context: click.Context) -> Client:
    connection: Connection = context.obj
    return connection.open()


@command.command("list", context_settings=_CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_models(context: click.Context, as_json: bool) -> None:
    """List the models: name, version, MiB, state, the files that it was built from; tab-separated."""
    with friendly_errors(), _client(context) as client:
        found = client.list_models()
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    for each in found:
        size = f"{each.nbytes / 2**20:.1f}"
        click.echo("\t".join((each.model, each.version, size, state_of(each), each.s1, each.s2)))


def state_of(found: FineTune) -> str:
    """What is to be known of a model in a few words."""
    words = ["loaded" if found.loaded else "on disk"]
    words += ["first"] if found.first else ["pinned"] if found.pinned else []
    words += [f"{found.in_use} in use"] if found.in_use else []
    words += [f"{found.waiting} waiting"] if found.waiting else []
    return ", ".join(words)


@command.command("load", context_settings=_CONTEXT)
@click.argument("name")
@click.pass_context
def load(context: click.Context, name: str) -> None:
    """Load model NAME and wait for it; it stays until others need its room."""
    with friendly_errors(), _client(context) as client:
        client.load_model(name)
    click.echo(f"loaded {name} at {context.obj.url}", err=True)


@command.command("unload", context_settings=_CONTEXT)
@click.argument("name")
@click.pass_context
def unload(context: click.Context, name: str) -> None:
    """Unload model NAME, unless a request uses it; its files stay."""
    with friendly_errors(), _client(context) as client:
        client.unload_model(name)
    click.echo(f"unloaded {name} at {context.obj.url}", err=True)


@command.command("pin", context_settings=_CONTEXT)
@click.argument("name")
@click.pass_context
def pin(context: click.Context, name: str) -> None:
    """Load model NAME and keep it until the server's end; `add --pin` is for every start."""
    with friendly_errors(), _client(context) as client:
        client.load_model(name, pin=True)
    click.echo(f"pinned {name} at {context.obj.url}", err=True)


@command.command("unpin", context_settings=_CONTEXT)
@click.argument("name")
@click.pass_context
def unpin(context: click.Context, name: str) -> None:
    """Let model NAME go when others need its room."""
    with friendly_errors(), _client(context) as client:
        client.unpin_model(name)
    click.echo(f"unpinned {name} at {context.obj.url}", err=True)


def _checked_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise click.BadParameter(f"{name[:64]!r} is no name; need 1 to 64 of a-z A-Z 0-9 _ -, no sign first")
    return name


def _first_of(repository: Path) -> str:
    """Name of a repository's first model; empty where nothing was built yet."""
    try:
        return str(json.loads((repository / "build.json").read_text(encoding="utf-8")).get("name") or _FIRST)
    except (OSError, ValueError, AttributeError):
        return ""


@command.command("add", context_settings=_CONTEXT)
@click.argument("name", callback=_checked_name)
@click.option("--weights", type=click.Path(exists=True, file_okay=False), help="Directory that holds its two files.")
@click.option("--s1", type=click.Path(exists=True, dir_okay=False), help="Its .ckpt (GPT, s1).")
@click.option("--s2", type=click.Path(exists=True, dir_okay=False), help="Its .pth (SoVITS, s2).")
@click.option("--base", type=click.Path(exists=True, file_okay=False), help="Encoders, if not those of the first.")
@click.option("--repository", type=click.Path(file_okay=False), default="model_repository", help="Model repository.")
@click.option(
    "--preset", type=click.Choice(["cpu", "cuda"]), help="Of a new repository; else it has one. [default: cpu]"
)
@click.option("--pin", is_flag=True, help="Load it at the server's start, and keep it.")
def add(
    name: str,
    weights: str | None,
    s1: str | None,
    s2: str | None,
    base: str | None,
    repository: str,
    preset: str | None,
    pin: bool,
) -> None:
    """Build a fine-tune into the repository of this machine as model NAME; a running server finds it.

    \b
    What all models share (HuBERT, BERT, speaker encoder, text front end) is not built again.
    """
    if not (weights or s1 or s2):
        raise click.UsageError("no checkpoints; give --weights DIR, or --s1 FILE.ckpt --s2 FILE.pth")
    if name == _first_of(Path(repository)):
        raise click.UsageError(
            f"{name} is the first model of {repository}; `make build` with its files replaces that, and then `make up`"
        )
    folder = weights or str(Path(s1 or s2 or ".").parent)
    options = {"--t2s": s1, "--sovits": s2, "--base": base, "--repository": repository, "--preset": preset}
    words = [word for option, value in options.items() if value for word in (option, value)]
    _build("build", "--model", name, "--weights", folder, *words, *(["--pin"] if pin else []))


@command.command("remove", context_settings=_CONTEXT)
@click.argument("name")
@click.option("--repository", type=click.Path(file_okay=False), default="model_repository", help="Model repository.")
def remove(name: str, repository: str) -> None:
    """Remove model NAME from the repository of this machine; requests that use it end well."""
    _build("remove", name, "--repository", repository)


def _build(*words: str) -> None:
    """Call the builder, which is a program of its own, and end as it ends."""
    if importlib.util.find_spec(_BUILDER) is None:
        raise click.ClickException(
            "models are added and removed on the server's machine, by the package gsv-build, which is not here"
        )
    status = subprocess.run([sys.executable, "-m", _BUILDER, *words], check=False).returncode
    if status:
        sys.exit(status)

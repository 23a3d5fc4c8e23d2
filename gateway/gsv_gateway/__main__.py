"""`python -m gsv_gateway`: serve until told to stop. Talk goes to stderr; exit 0 done, 1 failed, 2 misuse."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from gsv_client import SynthesisError
from gsv_client.transport import parse_url
from gsv_gateway import tracing
from gsv_gateway.app import create_app
from gsv_gateway.choices import open_choices
from gsv_gateway.serving import check_access, serve
from gsv_gateway.settings import (
    DEFAULT_HOST,
    DEFAULT_KEYS_FILE,
    DEFAULT_PORT,
    DEFAULT_TRITON,
    OFFICIAL_WEIGHTS,
    Limits,
    Settings,
)

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}

logger = logging.getLogger("gsv.gateway")


def _aliases(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    aliases = {}
    for pair in given:
        alias, equals, voice = pair.partition("=")
        if not (alias and equals and voice):
            raise click.BadParameter(f"{pair!r}; need NAME=VOICE, such as alloy=ann")
        aliases[alias] = voice
    return aliases


@click.command(context_settings=_CONTEXT)
@click.option("--host", envvar="GSV_GATEWAY_HOST", default=DEFAULT_HOST, show_envvar=True, help="Address to listen on.")
@click.option(
    "--port",
    envvar="GSV_GATEWAY_PORT",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_envvar=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--triton",
    "tritons",
    envvar="GSV_GATEWAY_TRITON",
    multiple=True,
    default=(DEFAULT_TRITON,),
    show_envvar=True,
    help="A server behind, host:port of its gRPC; give it again for each further one.",
)
@click.option("--timeout", "timeout_s", type=click.FloatRange(1), default=60.0, help="Longest silence of a server, s.")
@click.option(
    "--default-voice",
    envvar="GSV_GATEWAY_VOICE",
    default="",
    show_envvar=True,
    help='Voice where none is named. [default: "demo", else the first registered]',
)
@click.option("--alias", "aliases", multiple=True, callback=_aliases, help="NAME=VOICE: another name of a voice.")
@click.option(
    "--origin",
    "origins",
    envvar="GSV_GATEWAY_ORIGINS",
    multiple=True,
    show_envvar=True,
    help="A web origin whose pages may call, such as https://example.org; * is every page. This machine's always may.",
)
@click.option(
    "--keys",
    "keys_file",
    envvar="GSV_GATEWAY_KEYS",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_KEYS_FILE,
    show_envvar=True,
    help="File of the API keys, see `gsv keys --help`.",
)
@click.option(
    "--choices",
    envvar="GSV_GATEWAY_CHOICES",
    default="",
    show_envvar=True,
    help="Where the weights that callers set are kept: a file, or redis://host:6379/0. [default: beside the keys]",
)
@click.option(
    "--reference-folder",
    envvar="GSV_GATEWAY_REFERENCES",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_envvar=True,
    help="Folder whose files GPT-SoVITS clients may name as references; without it they may name none.",
)
@click.option(
    "--weights",
    multiple=True,
    default=OFFICIAL_WEIGHTS,
    help="Pattern of the names of the loaded weights, for GPT-SoVITS clients that set theirs; may be repeated.",
)
@click.option(
    "--bundle",
    envvar="GSV_GATEWAY_BUNDLE",
    type=click.Path(exists=True, path_type=Path),
    show_envvar=True,
    help="A file of `make bundle`: devices fetch its vocoder and make the audio themselves.",
)
@click.option(
    "--web-runtime",
    envvar="GSV_GATEWAY_WEB_RUNTIME",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_envvar=True,
    help="Folder of `make web-runtime`, so that browsers can do so, too.",
)
@click.option(
    "--encodec",
    envvar="GSV_GATEWAY_ENCODEC",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_envvar=True,
    help="Folder of `python -m gsv_build encodec`: EnCodec is a format, too.",
)
@click.option(
    "--max-streams",
    "streams",
    envvar="GSV_GATEWAY_STREAMS",
    type=click.IntRange(1),
    default=Limits.streams,
    show_envvar=True,
    help="Answers spoken at once.",
)
@click.option(
    "--share",
    envvar="GSV_GATEWAY_SHARE",
    type=click.FloatRange(0, 1, min_open=True),
    default=Limits.share,
    show_envvar=True,
    help="Largest part of them that one key, or address without keys, may have while others ask; 1: all.",
)
@click.option(
    "--stall", "stall_s", type=click.FloatRange(1), default=Limits.stall_s, help="Cut off who takes nothing so long, s."
)
@click.option(
    "--crowded-stall",
    "crowded_stall_s",
    type=click.FloatRange(1),
    default=Limits.crowded_stall_s,
    help="The same while others are refused or half of the streams are taken, s.",
)
@click.option(
    "--drain", "drain_s", type=click.IntRange(0), default=30, help="Seconds that streams may take to end at a stop."
)
@click.option(
    "--without-keys",
    is_flag=True,
    help="Serve everybody although no key is set and other machines can reach this address.",
)
def main(drain_s: int, streams: int, share: float, stall_s: float, crowded_stall_s: float, **options: Any) -> None:
    """Serve OpenAI, GPT-SoVITS and WebSocket clients, and a page, from a gsv-triton server.

    \b
    Examples:
      python -m gsv_gateway
      python -m gsv_gateway --triton 127.0.0.1:8001 --port 9880 --alias alloy=ann
      gsv keys add phone && python -m gsv_gateway --host 0.0.0.0
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s %(message)s")
    settings = Settings(
        **options, limits=Limits(streams=streams, share=share, stall_s=stall_s, crowded_stall_s=crowded_stall_s)
    )
    for url in settings.tritons:
        _check_url(url)
    check_access(settings)
    _check_choices(settings)
    tracing.configure(os.environ)
    logger.info("gateway http://%s:%d triton=%s", settings.host, settings.port, ",".join(settings.tritons))
    try:
        app = create_app(settings)
    except ValueError as error:  # of the bundle, or of EnCodec
        raise click.UsageError(str(error)) from None
    sys.exit(serve(app, settings, drain_s))


def _check_choices(settings: Settings) -> None:
    try:
        open_choices(settings.choices, settings.keys_file)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _check_url(url: str) -> None:
    try:
        parse_url(url)
    except SynthesisError as error:
        raise click.UsageError(str(error)) from None


if __name__ == "__main__":
    main()

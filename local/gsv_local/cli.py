"""`gsv-local`: speak and serve on this device, from one file. Data goes to stdout, talk to stderr.

Exit 0: done; 1: failed; 2: misuse.
"""

from __future__ import annotations

import copy
import logging
import sys
from pathlib import Path
from typing import Any

import click

from gsv_client import cli
from gsv_client.cli_errors import Failed
from gsv_local.bundle import choose_bundle
from gsv_local.connection import LocalConnection, readable

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_HERE = "this device"


@click.group(context_settings=_CONTEXT)
@click.option(
    "--bundle",
    "path",
    envvar="GSV_BUNDLE",
    type=_FILE,
    show_envvar=True,
    help="The file to run. [default: as `use` chose]",
)
@click.option(
    "--home",
    envvar="GSV_LOCAL_HOME",
    type=click.Path(file_okay=False, path_type=Path),
    show_envvar=True,
    help="Folder of unpacked bundles, their voices and caches. [default: the user's folder for data]",
)
@click.option(
    "--max-words", type=click.IntRange(0), help="Words of one request; 0: any number. [default: the bundle's]"
)
@click.option("--threads", type=click.IntRange(0), default=0, help="Threads of one operator; 0: as the bundle says.")
@click.option(
    "--engine",
    "graph_engine",
    type=click.Choice(["onnxruntime", "openvino", "openvino-bf16"]),
    help="What runs the graphs; OpenVINO needs gsv-local[openvino]. [default: the bundle's]",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    help="Where the graphs run; cuda needs onnxruntime-gpu in place of onnxruntime, T2S stays here. [default: cpu]",
)
@click.option("--verbose", is_flag=True, help="Tell what happens, on stderr.")
@click.version_option(package_name="gsv-local")
@click.pass_context
def main(
    context: click.Context, /, verbose: bool, graph_engine: str | None, device: str | None, **options: Any
) -> None:
    """Speak on this device, without a server.

    \b
    A bundle is one file with graphs and voices; `make bundle` of gsv-triton writes one:
      gsv-local use voice.gsv
      gsv-local say "Hello, 你好!" -o hello.wav
      gsv-local serve

    Exit status: 0 done, 1 failed, 2 misuse. Data goes to stdout, talk to stderr.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(levelname).1s %(name)s %(message)s")
    context.obj = LocalConnection(_HERE, 0.0, graph_engine=graph_engine or "", device=device or "", **options)


@main.command(context_settings=_CONTEXT)
@click.argument("file", type=_FILE)
@click.pass_context
def use(context: click.Context, file: Path) -> None:
    """Unpack FILE, a bundle, and take it from now on where no --bundle is given."""
    with readable():
        bundle = choose_bundle(file, context.obj.home)
    voices = ", ".join(bundle.manifest["voices"])
    click.echo(f"{file} is used from now on; voices: {voices}; unpacked in {bundle.folder}", err=True)


def _local(command: click.Command, examples: str) -> click.Command:
    """A command of `gsv` with examples of this program; it is the same but for who answers."""
    ours = copy.copy(command)
    ours.help = f"{(command.help or '').partition(chr(8))[0].strip()}\n\n\b\nExamples:\n{examples}"
    return ours


main.add_command(_local(cli.say, '  gsv-local say "Good morning." -o morning.flac\n  gsv-local say "Listen." --play'))
main.add_command(_local(cli.phones, '  gsv-local phones "He read 3 books."'))
main.add_command(
    _local(
        cli.voices, '  gsv-local voices register ann ann.wav --text "What is said in ann.wav."\n  gsv-local voices list'
    )
)


@main.command(context_settings=_CONTEXT)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=9880, help="Port to listen on; 0 takes a free one.")
@click.option("--default-voice", default="", help="Voice where none is named. [default: the bundle's]")
@click.option(
    "--keys", "keys_file", type=click.Path(dir_okay=False, path_type=Path), help="File of API keys, see `gsv keys`."
)
@click.option(
    "--web-runtime",
    envvar="GSV_GATEWAY_WEB_RUNTIME",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_envvar=True,
    help="Folder of `make web-runtime`, so that browsers can make the sound themselves.",
)
@click.option("--drain", "drain_s", type=click.IntRange(0), default=30, help="Seconds that streams may take to end.")
@click.option("--without-keys", is_flag=True, help="Serve everybody although other machines can reach this address.")
@click.pass_context
def serve(context: click.Context, /, **options: Any) -> None:
    """Serve OpenAI, GPT-SoVITS and WebSocket clients, and the page, from this process.

    \b
    Needs the extra: pip install 'gsv-local[serve]'
    Example: gsv-local serve --port 9880
    """
    try:
        from gsv_local.serving import serve_bundle
    except ImportError as failure:
        raise Failed(f"{failure}; pip install 'gsv-local[serve]'") from None
    sys.exit(serve_bundle(context.obj, **options))


if __name__ == "__main__":
    main()

"""What the operator decides, read once at the start."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gsv_client.long_texts import MAX_REQUEST_CHARACTERS

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 9880  # the port that GPT-SoVITS users know
DEFAULT_TRITON = "127.0.0.1:8001"
DEFAULT_KEYS_FILE = Path("var") / "gateway-keys.json"
# Pages on the same machine, such as SillyTavern's.
LOOPBACK_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
OPENAI_VOICES = (
    "alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar",
)  # fmt: skip
OFFICIAL_WEIGHTS = ("s1*.ckpt", "s2*.pth")

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one request may bring and take.

    Attributes:
        text_characters: Longest text, in characters; the server has the same limit.
        json_bytes: Largest JSON body.
        json_depth: Deepest nesting of a JSON body.
        upload_bytes: Largest multipart body; a reference is at most 10 MiB, as at OpenAI.
        header_bytes: Largest head of a request.
        head_s: Longest time for a head to arrive, in seconds.
        body_s: Longest time for a body to arrive, in seconds.
        stall_s: How long a client may take none of its answer before it is cut off, in seconds.
        crowded_stall_s: The same where others are refused meanwhile, or half of the streams are taken.
        rest_s: How long it may take nothing of what is left when all was spoken, in seconds.
        unread_bytes: How much of that may be held for all clients before `crowded_stall_s` is the limit.
        streams: Answers being spoken at once, over all clients.
        share: The largest part of them that one key, or without keys one address, may have while others ask.
    """

    text_characters: int = MAX_REQUEST_CHARACTERS
    json_bytes: int = MIB
    json_depth: int = 32
    upload_bytes: int = 12 * MIB
    header_bytes: int = 32 << 10
    head_s: float = 30.0
    body_s: float = 30.0
    stall_s: float = 60.0
    crowded_stall_s: float = 5.0
    rest_s: float = 600.0
    unread_bytes: int = 256 * MIB
    streams: int = 256
    share: float = 0.75


@dataclass(frozen=True)
class Settings:
    """One gateway.

    Attributes:
        host: Address to listen on.
        port: TCP port to listen on.
        tritons: The servers behind, each ``host:port`` as `gsv_client.Client` takes it.
        timeout_s: Longest silence of a server, in seconds.
        default_voice: Voice of requests that name none; empty: "demo", else the first that is registered.
        aliases: Other names of voices; OpenAI's names stand for the default voice unless given here.
        origins: Web origins whose pages may call, beside those of the same machine; "*" is every page.
        keys_file: Where `gsv keys` keeps the API keys; where it is missing everybody may do everything.
        without_keys: Serve everybody where there is no key, though other machines reach the address.
        choices: Where is kept what callers chose by `/set_gpt_weights` and `/set_sovits_weights`: a file, or a URL such
            as redis://host:6379/0; empty: a file beside the keys.
        reference_folder: Folder whose files requests may name as references; None: none.
        weights: Patterns of the file names of the weights that the servers were built from: GPT-SoVITS clients ask
            for theirs to be loaded, and are told whether they are.
        bundle: File of `make bundle`, of the servers' weights, whose vocoder and codec are offered to devices.
        web_runtime: Folder with onnxruntime-web's files, so that browsers can be such devices.
        encodec: Folder of `python -m gsv_build encodec`, so that EnCodec is a format, too.
        limits: What one request may bring and take.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    tritons: tuple[str, ...] = (DEFAULT_TRITON,)
    timeout_s: float = 60.0
    default_voice: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    keys_file: Path = DEFAULT_KEYS_FILE
    choices: str = ""
    without_keys: bool = False
    reference_folder: Path | None = None
    weights: tuple[str, ...] = OFFICIAL_WEIGHTS
    bundle: Path | None = None
    web_runtime: Path | None = None
    encodec: Path | None = None
    limits: Limits = field(default_factory=Limits)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

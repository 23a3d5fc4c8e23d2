"""`gsv doctor`: looks at what is installed and at the server, and says what is wrong and what to do.

Where a server's own package is installed, it adds what it finds on this machine, by entry points in `gsv.doctor`.

Each check is a function that returns its findings; none raises. The order is that of a path to speech: what
comes later is not asked where it cannot succeed.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import numpy as np
import urllib3

from gsv_client import loudspeaker, protocol
from gsv_client.audio import Playback
from gsv_client.client import model_states
from gsv_client.errors import ServerBusy, SynthesisError
from gsv_client.phones import PHONES_INPUTS, PHONES_MODEL, phones_inputs
from gsv_client.server_info import NOT_READY, READY
from gsv_client.transport import Address, Transport, open_transport, parse_url

_REQUIRED = ("gsv-client", "numpy", "tritonclient", "grpcio", "aiohttp", "urllib3", "soundfile")
_MODELS = (protocol.TTS_MODEL, protocol.VOICES_MODEL)
_START = "start a server with `make up` in a gsv-triton checkout, or point --url or GSV_URL at one"

_RESTART = "wait a few seconds, the server loads a dead model again; if it stays so: make logs, make down, make up"
_WORD = "Yes."


class Verdict(str, Enum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found and, where it is not well, what to do."""

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


def diagnose(url: str, timeout_s: float) -> Iterator[Finding]:
    """Look at everything, in order, and yield each finding as it is made."""
    yield from installed()
    try:
        address = parse_url(url)
    except SynthesisError as error:
        yield Finding("address", Verdict.FAILED, str(error), "set --url or GSV_URL, such as localhost:8001")
        return
    transport = open_transport(address, timeout_s)
    try:
        yield from served(address, transport, timeout_s)
    finally:
        transport.close()


def of_this_machine() -> Iterator[Finding]:
    """What packages of a server find here: its folder, its settings, its process."""
    for registered in importlib.metadata.entry_points(group="gsv.doctor"):
        try:
            for subject, verdict, found, advice in registered.load()():
                yield Finding(subject, Verdict(verdict), found, advice)
        except Exception as failure:  # another package's; the rest can still be looked at
            yield Finding(registered.name, Verdict.WARNING, f"cannot look: {type(failure).__name__}: {failure}")


def gateway(url: str, timeout_s: float) -> Iterator[Finding]:
    """The HTTP gateway, which a server can do without."""
    if not url.startswith(("http://", "https://")):
        yield Finding("gateway", Verdict.WARNING, f"its address is {url!r}", "need http://host:port")
        return
    pool = urllib3.PoolManager(timeout=timeout_s, retries=False)
    try:
        status = pool.request("GET", f"{url.rstrip('/')}/readyz").status
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        if isinstance(error, urllib3.exceptions.NewConnectionError):
            yield Finding("gateway", Verdict.OK, f"none at {url}", "`make up` starts one; only HTTP clients need it")
        else:
            yield Finding("gateway", Verdict.WARNING, f"{url}: {error}", "look at its log, var/gateway.log")
    else:
        yield _gateway_status(url, status)
    finally:
        pool.clear()


def _gateway_status(url: str, status: int) -> Finding:
    if status == 200:
        return Finding("gateway", Verdict.OK, f"ready at {url}")
    if status == 503:
        advice = "its --triton must be the gRPC address of a server that is ready"
        return Finding("gateway", Verdict.WARNING, f"at {url}, but no server behind it is ready", advice)
    advice = "set --gateway or GSV_GATEWAY_URL to the gateway, or stop what listens there"
    return Finding("gateway", Verdict.WARNING, f"something else answers at {url} (status {status})", advice)


def installed() -> Iterator[Finding]:
    """Python and the packages that the client stands on."""
    yield Finding("python", Verdict.OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in _REQUIRED:
        try:
            yield Finding(package, Verdict.OK, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, Verdict.FAILED, "not installed", f"pip install {package}")
    plays = loudspeaker.player()
    yield Finding("loudspeakers", Verdict.OK, f"by {plays}" if plays else "none", "" if plays else loudspeaker.ADVICE)


def served(address: Address, transport: Transport, timeout_s: float) -> Iterator[Finding]:
    """The server, its models, and whether they really answer."""
    try:
        name, version = transport.server_version()
    except SynthesisError as error:
        yield Finding("server", Verdict.FAILED, f"{address.url}: {error}", _advice_for_silence(address, timeout_s))
        return
    yield Finding("server", Verdict.OK, f"{name} {version} at {address.url}")
    if not transport.is_ready():
        yield Finding("ready", Verdict.FAILED, "the server is up but not ready", "wait, or look at its log: make logs")
    yield from _model_states(transport)
    for model in _MODELS:
        yield _model_ready(model, transport)
    if transport.is_ready(protocol.TTS_MODEL):
        yield _same_inputs(transport)
    if transport.is_ready(PHONES_MODEL):
        yield from _text_resources(transport)
    if transport.is_ready(protocol.VOICES_MODEL):
        yield from _voices_and_speech(transport)


def _advice_for_silence(address: Address, timeout_s: float) -> str:
    """What to do where nothing answered: perhaps it does over the other protocol."""
    other = Address(address.netloc, http=not address.http, tls=address.tls)
    probe = open_transport(other, min(timeout_s, 2.0))
    try:
        if probe.is_ready():
            return f"this port speaks {'HTTP' if other.http else 'gRPC'}: use {other.url}"
    finally:
        probe.close()
    return _START


def _model_states(transport: Transport) -> Iterator[Finding]:
    """One line for all models; one more for each that a server's own list says has failed."""
    try:
        states = model_states(transport)
    except SynthesisError as error:
        yield Finding("models", Verdict.WARNING, f"cannot be asked for: {error}", "try again")
        return
    ready = [model for model, state in states.items() if state == READY]
    absent = [model for model, state in states.items() if state == NOT_READY]
    found = f"{len(ready)} ready: {', '.join(sorted(ready)) or 'none'}"
    note = f"not served: {', '.join(absent)} (speaker_encoder only with v2Pro, bert only for Chinese)" if absent else ""
    yield Finding("models", Verdict.OK, found, note)
    for model, state in sorted(states.items()):
        if state not in (READY, NOT_READY):
            yield Finding(f"model {model}", Verdict.WARNING, state, "look at the server's log: make logs")


def _model_ready(model: str, transport: Transport) -> Finding:
    if transport.is_ready(model):
        return Finding(f"model {model}", Verdict.OK, "ready")
    advice = "is this a gsv-triton server? build its models with `make build`, then look at `make logs`"
    return Finding(f"model {model}", Verdict.FAILED, "not ready, and every client needs it", advice)


def _same_inputs(transport: Transport) -> Finding:
    """Whether client and server were written for each other."""
    try:
        there = set(transport.model_inputs(protocol.TTS_MODEL))
    except SynthesisError as error:
        return Finding("protocol", Verdict.WARNING, str(error), "")
    here = set(protocol.TTS_INPUTS)
    if missing := sorted(here - there):
        advice = "leave these options out, or install client and server of one version"
        return Finding("protocol", Verdict.WARNING, f"the server does not know {', '.join(missing)}", advice)
    if unknown := sorted(there - here):
        return Finding("protocol", Verdict.WARNING, f"the server also takes {', '.join(unknown)}", "update gsv-client")
    return Finding("protocol", Verdict.OK, "client and server agree on the inputs of tts")


def _text_resources(transport: Transport) -> Iterator[Finding]:
    """Optional files that the server's text front end reads better with."""
    inputs = phones_inputs(_WORD, "en", "none", None)
    try:
        answer = transport.infer(PHONES_MODEL, inputs, PHONES_INPUTS)
    except SynthesisError as error:
        yield Finding("text", Verdict.FAILED, f"READY but does not answer: {error}", _RESTART)
        return
    missing = list(np.asarray(answer.get("missing", ()), dtype=object).reshape(-1))
    for sentence in missing:  # str from JSON, bytes from gRPC
        found, _, advice = (sentence.decode() if isinstance(sentence, bytes) else str(sentence)).partition("; ")
        yield Finding("text", Verdict.OK, found, advice)
    if not missing:
        yield Finding("text", Verdict.OK, "every optional resource is there")


def _voices_and_speech(transport: Transport) -> Iterator[Finding]:
    """Real requests: a model whose process has died may still report READY (docs/triton-findings.md, finding 6)."""
    try:
        inputs = protocol.voices_inputs("list")
        answer = transport.infer(protocol.VOICES_MODEL, inputs, protocol.VOICES_INPUTS)
        voices = protocol.parse_voices(answer)
    except SynthesisError as error:
        yield Finding("voices", Verdict.FAILED, f"READY but does not answer: {error}", _RESTART)
        return
    for warning in protocol.texts_of(answer.get("warnings", ())):
        yield Finding(
            "storage", Verdict.WARNING, warning, "`gsv doctor` on the server's machine says which folder it is"
        )
    if not voices:
        advice = 'register one: gsv voices register NAME clip.wav --text "what is said in it"'
        yield Finding("voices", Verdict.WARNING, "none registered", advice)
        return
    yield Finding("voices", Verdict.OK, f"{len(voices)}: {', '.join(voice.voice for voice in voices[:10])}")
    yield _speech(voices[0].voice, transport)


def _speech(voice: str, transport: Transport) -> Finding:
    """One word through every stage."""
    playback, sent_at_s = Playback(), time.perf_counter()
    playback.request_sent(sent_at_s)
    inputs = protocol.tts_inputs(_WORD, {"voice": voice, "cache": "off"}, transport.encoding)
    duration_s = 0.0
    try:
        for arrival in transport.stream(protocol.TTS_MODEL, inputs):
            chunk = protocol.parse_chunk(arrival.response)
            playback.chunk_arrived(arrival.at_s, chunk.duration_s)
            duration_s += chunk.duration_s
    except ServerBusy as error:
        return Finding("speech", Verdict.WARNING, str(error), "ask again in a few seconds")
    except SynthesisError as error:
        return Finding("speech", Verdict.FAILED, f"{_WORD!r} with voice {voice}: {error}", _RESTART)
    if playback.ttfa_s is None:
        return Finding("speech", Verdict.FAILED, f"{_WORD!r} with voice {voice}: no audio", _RESTART)
    found = (
        f"{_WORD!r} with voice {voice}: {duration_s:.1f} s of audio, the first after {1000 * playback.ttfa_s:.0f} ms"
    )
    return Finding("speech", Verdict.OK, found)


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """The findings for a program: ``ok`` is false where any failed."""
    return {
        "ok": all(finding.verdict is not Verdict.FAILED for finding in findings),
        "findings": [{**asdict(finding), "verdict": finding.verdict.value} for finding in findings],
    }

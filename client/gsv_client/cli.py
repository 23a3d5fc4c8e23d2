"""The command line: `gsv say`, `gsv phones`, `gsv voices`, `gsv doctor`, and what other packages add (commands.py).

Data goes to stdout, talk to stderr. Exit 0: done; 1: failed; 2: misuse.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import click

from gsv_client.audio import Audio, Dropped
from gsv_client.cli_errors import Failed, friendly_errors
from gsv_client.client import DEFAULT_TIMEOUT_S, Client
from gsv_client.commands import Commands
from gsv_client.connection import Connection
from gsv_client.models_cli import command as models_command
from gsv_client.nearby import nearby_gateway, nearby_url
from gsv_client.phones import lines as phone_lines
from gsv_client.pregenerate_cli import command as pregenerate_command
from gsv_client.protocol import ALLOWED
from gsv_client.say import Destination, listen
from gsv_client.subtitles import FORMATS, render
from gsv_client.text_input import TextCommand, decoded, text_of_file
from gsv_client.voice_report import lines as report_lines

_LANGUAGE, _SPLIT = ALLOWED["language"], ALLOWED["split_method"]
_MAX_TOLD = 8  # pieces of a text that are not said
_TEXT_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)
_CLIP = click.Path(dir_okay=False)
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}


@click.group(cls=Commands, context_settings=_CONTEXT)
@click.option(
    "--url",
    envvar="GSV_URL",
    default=nearby_url,
    show_default="the server of this checkout, else localhost:8001",
    show_envvar=True,
    help="Server: host:port or grpc://host:port for gRPC, http://host:port for HTTP.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=DEFAULT_TIMEOUT_S,
    help="Longest silence of the server, in seconds.",
)
@click.option(
    "--busy-wait",
    "busy_wait_s",
    type=click.FloatRange(min=0),
    default=0.0,
    help="How long to wait in all for a server that is busy, in seconds.",
)
@click.version_option(package_name="gsv-client")
@click.pass_context
def main(context: click.Context, url: str, timeout_s: float, busy_wait_s: float) -> None:
    """Speak with a gsv-triton server.

    \b
    Register a voice from 3 to 10 s of speech, then let it say something:
      gsv voices register ann ann.wav --text "What is said in ann.wav."
      gsv say "Hello, 你好!" --voice ann -o hello.wav

    \b
    When something is wrong:
      gsv doctor

    Exit status: 0 done, 1 failed, 2 misuse. Data goes to stdout, talk to stderr.
    """
    context.obj = Connection(url, timeout_s, busy_wait_s)


def _client(context: click.Context) -> Client:
    connection: Connection = context.obj
    return connection.open()


@main.command(cls=TextCommand, context_settings=_CONTEXT)
@click.argument("text")
@click.option("-v", "--voice", help="Id of a registered voice (see `gsv voices list`).")
@click.option(
    "-m", "--model", help="Which fine-tune speaks, see `gsv models list`. [default: the voice's, else the first]"
)
@click.option("--reference", type=_CLIP, help="Imitate this clip (3 to 10 s) instead of a voice.")
@click.option("--prompt-text", help="What is said in --reference.")
@click.option("--prompt-language", help=ALLOWED["prompt_language"].help("Of --prompt-text"))
@click.option("--trim", "trim_reference", is_flag=True, default=None, help="Cut a longer --reference at a silence.")
@click.option("--aux-reference", multiple=True, type=_CLIP, help="One more clip of that speaker; may be repeated.")
@click.option("-o", "--output", help="File to write: .wav, .flac, .ogg or .mp3; - is a WAV on stdout.")
@click.option("--play", is_flag=True, help="Play it as it arrives, by sounddevice, aplay, paplay, ffplay or afplay.")
@click.option("--stream", is_flag=True, help="Write to OUTPUT as audio arrives, instead of when all is there.")
@click.option("--subtitles", type=click.Path(dir_okay=False), help="Write subtitles to this file: .srt, .vtt or .json.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON on stdout.")
@click.option("-l", "--language", "--lang", help=ALLOWED["language"].help("Of the text"))
@click.option("--speed", type=float, help=ALLOWED["speed"].help("How fast"))
@click.option("--seed", type=int, help="The same seed gives the same audio. [default: random]")
@click.option("--top-k", type=int, help=ALLOWED["top_k"].help("Candidates kept, where 1 is greedy"))
@click.option("--top-p", type=float, help=ALLOWED["top_p"].help("Probability mass kept"))
@click.option("--temperature", type=float, help=ALLOWED["temperature"].help("How bold the draw is"))
@click.option(
    "--repetition-penalty",
    type=float,
    help=ALLOWED["repetition_penalty"].help("How much rarer tokens already drawn are, 1 is none"),
)
@click.option("--noise-scale", type=float, help=ALLOWED["noise_scale"].help("How much each take differs"))
@click.option("--pause", "pause_s", type=float, help=ALLOWED["pause_s"].help("Seconds of silence between sentences"))
@click.option("--final-pause", "final_pause_s", type=float, help=ALLOWED["final_pause_s"].help("And after the last"))
@click.option("--split-method", help=ALLOWED["split_method"].help("How text is cut into sentences"))
@click.option("--lexicon", type=_TEXT_FILE, callback=text_of_file, help="Your pronunciations, see `gsv phones --help`.")
@click.option("--streaming", help=ALLOWED["streaming"].help("What a piece of audio holds, off being everything"))
@click.option("--priority", help=ALLOWED["priority"].help("Batch yields to interactive"))
@click.option("--cache", help=ALLOWED["cache"].help("What may be reused, by default audio with --seed, else features"))
@click.option("--timestamps", help=ALLOWED["timestamps"].help("What times --json and --subtitles have"))
@click.option("--retries", type=int, help=ALLOWED["retries"].help("How often a sentence that went wrong is said again"))
@click.option(
    "--loudness",
    type=float,
    help="LUFS to bring it to, such as -16; 0: as the model speaks. [default: the voice's own]",
)
@click.option(
    "--gain", "gain_db", type=click.FloatRange(-60, 40), default=0.0, help="Louder by so many dB, after that."
)
@click.option("--deadline", "deadline_s", type=float, help=ALLOWED["deadline_s"].help("Give up after so many seconds"))
@click.pass_context
def say(
    context: click.Context,
    /,
    text: str,
    output: str | None,
    play: bool,
    stream: bool,
    subtitles: str | None,
    as_json: bool,
    reference: str | None,
    aux_reference: Sequence[str],
    lexicon: str | None,
    gain_db: float,
    **options: Any,
) -> None:
    """Say TEXT, or what is read from stdin where TEXT is a dash. A text may begin with a dash: "-5 degrees."

    \b
    Examples:
      gsv say "Good morning." --voice ann -o morning.flac
      gsv say "It is 9:30." --reference clip.wav --prompt-text "Words of the clip." -o time.wav
      gsv say - --voice ann -o book.ogg < chapter.txt
      gsv say "It costs $5." --voice ann -o price.wav --subtitles price.srt
      gsv say "Listen." --voice ann --stream -o - | ffplay -nodisp -autoexit -
    """
    if not (output or play):
        raise click.UsageError("nowhere to put the audio; give -o FILE, -o - or --play")
    if output == "-" and as_json:
        raise click.UsageError("--json and -o - both want stdout; write the audio to a file")
    if not reference:
        options["voice"] = options["voice"] or context.obj.voice
    if not options["voice"] and not reference:
        raise click.UsageError("no voice; give --voice NAME, or --reference CLIP")
    try:
        destination = Destination(output, incremental=stream, play=play, gain_db=gain_db)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if subtitles and (kind := subtitles.rpartition(".")[2].lower()) not in FORMATS:
        raise click.UsageError(f"--subtitles is {subtitles!r}; need a name that ends in {', '.join(FORMATS)}")
    if subtitles and options["timestamps"] in (None, "off"):
        options["timestamps"] = "word"
    if text == "-":
        text = _text_from_stdin()
    options |= {"reference_audio": reference, "aux_reference_audio": aux_reference or None, "lexicon": lexicon}
    with friendly_errors(), _client(context) as client, client.stream(text, **options) as chunks:
        audio = listen(chunks, destination)
        if subtitles:
            Path(subtitles).write_text(render(text, audio.words, kind), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(figures(audio, output)))
    click.echo(_summary(audio, output, context.obj.url), err=True)
    _tell_dropped(audio.dropped)
    for word in audio.word_faults:
        click.echo(
            f"{word.fault}: {word.text!r} at character {word.start + 1}; another --seed may say it right", err=True
        )
    for warning in audio.warnings:
        click.echo(f"warning: {warning}", err=True)


main.add_command(pregenerate_command)
main.add_command(models_command)


@main.command(cls=TextCommand, context_settings=_CONTEXT)
@click.argument("text")
@click.option(
    "-l",
    "--language",
    "--lang",
    default=_LANGUAGE.default,
    help=f"Of the text: {_LANGUAGE.values}.",
)
@click.option("--lexicon", type=_TEXT_FILE, callback=text_of_file, help="Your pronunciations.")
@click.option("--split-method", default=_SPLIT.default, help=f"How text is cut: {_SPLIT.values}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def phones(
    context: click.Context, text: str, language: str, lexicon: str | None, split_method: str, as_json: bool
) -> None:
    """Show how TEXT (a dash: stdin) would be read: sentences, languages, and the phones of each word.

    \b
    A lexicon has one entry a line, comments after #:
      GSV  JH IY1 EH1 S V IY1     a word and its phones, as printed here
      行长  hang2 zhang3           or pinyin with tone figures
      Siobhan = Shivon            or what to say instead

    \b
    Examples:
      gsv phones "He read 3 books. 他在银行工作。"
      gsv phones "GSV speaks." --lexicon words.txt --json
    """
    text = _text_from_stdin() if text == "-" else text
    with friendly_errors(), _client(context) as client:
        sentences = client.phones(text, language, split_method=split_method, lexicon=lexicon)
    if as_json:
        click.echo(json.dumps([asdict(sentence) for sentence in sentences], ensure_ascii=False))
        return
    for line in phone_lines(sentences):
        click.echo(line)
    _tell_dropped(sentences.dropped)


def _text_from_stdin() -> str:
    try:
        return decoded(sys.stdin.buffer.read(), "stdin")
    except ValueError as error:
        raise Failed(str(error)) from None


def _tell_dropped(dropped: Sequence[Dropped]) -> None:
    """Say on stderr what of the text is not heard."""
    if dropped:
        more = f" and {len(dropped) - _MAX_TOLD} more" if len(dropped) > _MAX_TOLD else ""
        click.echo(f"not said: {', '.join(map(str, dropped[:_MAX_TOLD]))}{more}", err=True)


def figures(audio: Audio, output: str | None) -> dict[str, Any]:
    """What was measured, for a program."""
    return {
        "output": output,
        "duration_s": round(audio.duration_s, 3),
        "ttfa_s": round(audio.ttfa_s, 4),
        "underrun_s": round(audio.underrun_s, 4),
        "rtf": round(audio.rtf, 4),
        "num_chunks": len(audio.chunks),
        "dropped": [asdict(piece) for piece in audio.dropped],
        "warnings": list(audio.warnings),
        **({"words": [asdict(word) for word in audio.words]} if audio.words else {}),
        **({"word_faults": [asdict(word) for word in audio.word_faults]} if audio.word_faults else {}),
        "timing_ms": {stage: round(ms, 1) for stage, ms in audio.timing_ms.items()},
    }


def _summary(audio: Audio, output: str | None, url: str) -> str:
    return (
        f"{output or 'played'}: {audio.duration_s:.2f} s of speech, first audio after {1000 * audio.ttfa_s:.0f} ms, "
        f"RTF {audio.rtf:.2f}, by {url}"
    )


@main.group(cls=Commands, within="voices", aliases={"add": "register", "remove": "delete"}, context_settings=_CONTEXT)
def voices() -> None:
    """Register, list and delete voices, and on the server's machine export and import them.

    `add` and `remove` are other names of `register` and `delete`.
    """


@voices.command("register", context_settings=_CONTEXT)
@click.argument("name")
@click.argument("clip", type=_CLIP)
@click.argument("more", nargs=-1, type=_CLIP)
@click.option("-t", "--text", "prompt_text", help="What is said in CLIP; without it only the timbre is copied.")
@click.option("-l", "--language", "--lang", "prompt_language", help=ALLOWED["prompt_language"].help("Of that text"))
@click.option("--trim", is_flag=True, help="Cut a longer clip at a silence.")
@click.option("--loudness", type=float, help="LUFS to bring its speech to, such as -16. [default: as the model speaks]")
@click.option("-m", "--model", help="Fine-tune that speaks with it (see `gsv models list`). [default: the first]")
@click.option("--json", "as_json", is_flag=True, help="Print the voice, and what was found in CLIP, as JSON.")
@click.pass_context
def voices_register(
    context: click.Context,
    name: str,
    clip: str,
    more: Sequence[str],
    prompt_text: str | None,
    prompt_language: str | None,
    trim: bool,
    loudness: float | None,
    model: str | None,
    as_json: bool,
) -> None:
    """Register CLIP, 3 to 10 s of one speaker, as voice NAME; MORE clips of that speaker, 1 to 30 s, steady its timbre.

    \b
    NAME is 1 to 64 of a-z A-Z 0-9 _ -. CLIP is a WAV, FLAC, OGG or MP3 file, or what phones and browsers record.
    Silence at its ends is cut; what was found in it is told. Examples:
      gsv voices register ann ann.wav --text "What is said in ann.wav." --language en
      gsv voices register ann ann.wav ann2.wav ann3.wav --text "What is said in ann.wav."

    \b
    The way of speaking is that of CLIP; the timbre is the mean of all clips, of which 10 may be MORE.
    """
    with friendly_errors(), _client(context) as client:
        voice = client.register_voice(
            name,
            clip,
            prompt_text,
            prompt_language,
            trim_reference=trim or None,
            aux_reference_audio=more,
            loudness=loudness,
            model=model,
        )
    if as_json:
        click.echo(json.dumps(asdict(voice), ensure_ascii=False))
    click.echo("\n".join([f"registered {voice.voice} at {context.obj.url}", *report_lines(voice.report)]), err=True)


@voices.command("list", context_settings=_CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def voices_list(context: click.Context, as_json: bool) -> None:
    """List the registered voices: id, language, seconds of reference, its text; tab-separated."""
    with friendly_errors(), _client(context) as client:
        found = client.list_voices()
    if as_json:
        click.echo(json.dumps([asdict(voice) for voice in found], ensure_ascii=False))
        return
    for voice in found:
        text = " ".join(voice.prompt_text.split())
        click.echo(f"{voice.voice}\t{voice.prompt_language}\t{voice.seconds:.1f}\t{text}")
    if not found:
        click.echo('no voices; register one: gsv voices register NAME clip.wav --text "what is said in it"', err=True)


@voices.command("delete", context_settings=_CONTEXT)
@click.argument("name")
@click.pass_context
def voices_delete(context: click.Context, name: str) -> None:
    """Delete voice NAME."""
    with friendly_errors(), _client(context) as client:
        client.delete_voice(name)
    click.echo(f"deleted {name} at {context.obj.url}", err=True)


@main.command(context_settings=_CONTEXT)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--gateway",
    "gateway_url",
    envvar="GSV_GATEWAY_URL",
    default=nearby_gateway,
    show_default="the gateway of this checkout, else http://127.0.0.1:9880",
    show_envvar=True,
    help="The HTTP gateway to look at.",
)
@click.pass_context
def doctor(context: click.Context, as_json: bool, gateway_url: str) -> None:
    """Look at what is installed, at this machine's GPU and at the server; say what is wrong and what to do.

    Exit status is 1 where anything failed; warnings do not count.
    """
    from gsv_client import doctor as examination
    from gsv_client import gpu

    url, limit_s = context.obj.url, min(context.obj.timeout_s, 10.0)
    findings = []
    gateway = examination.gateway(gateway_url, limit_s)
    here = chain(examination.of_this_machine(), gpu.findings(gpu.look()))
    for finding in chain(here, examination.diagnose(url, limit_s), gateway):
        findings.append(finding)
        if not as_json:
            mark = {"ok": "ok  ", "warning": "warn", "failed": "FAIL"}[finding.verdict.value]
            click.echo(f"{mark}  {finding.subject:<18} {finding.found}")
            if finding.advice:
                click.echo(f"{'':6}{'':<18} -> {finding.advice}")
    report = examination.as_json(findings)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    sys.exit(0 if report["ok"] else 1)

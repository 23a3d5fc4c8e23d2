"""`python -m gsv_client.demo`: three sentences through a running server, and a table of where the time went.

WAV files go to a folder, the table to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from gsv_client.audio import Audio
from gsv_client.cli_errors import friendly_errors
from gsv_client.client import Client
from gsv_client.loudspeaker import player
from gsv_client.nearby import nearby_url

WARM_UP_TEXT = "Warming up."
DEMO_VOICE = "demo"
DEMO_LUFS = -16.0  # as loud as podcasts
_REST = "everything else"


@dataclass(frozen=True)
class Line:
    """One sentence of the demo: its file's name, language and text."""

    name: str
    language: str
    text: str


_ENGLISH = Line("english", "en", "The quick brown fox jumps over the lazy dog, and nobody minds.")
LINES = (
    _ENGLISH,
    Line("mandarin", "zh", "今天天气很好，我们一起去公园散步吧。"),
    Line("mixed", "auto", "我的 computer 今天早上 crash 了两次。"),
)
ENGLISH_LINES = (
    _ENGLISH,
    Line("figures", "en", "The train leaves at 9:30, and a ticket costs 12 dollars."),
    Line("question", "en", "Would you like some tea, or is it too late for that?"),
)


@dataclass(frozen=True)
class Spoken:
    """One line and what came of it."""

    line: Line
    audio: Audio


def stage_table(spoken: Sequence[Spoken]) -> list[tuple[str, float, float]]:
    """Where the time went, over all lines.

    Returns:
        Rows (stage, milliseconds, share of the total), the largest first; then what no stage accounts for. Stages that
        overlap can add up to more than the time waited; the shares are then of their sum, and nothing is left over.
    """
    stages: Counter[str] = Counter()
    for one in spoken:
        stages.update(one.audio.timing_ms)
    waited_ms = 1000 * sum(one.audio.elapsed_s for one in spoken)
    counted_ms = float(sum(stages.values()))
    total_ms = max(waited_ms, counted_ms) or 1.0
    rows = [(stage, float(ms), ms / total_ms) for stage, ms in stages.most_common()]
    return [*rows, (_REST, total_ms - counted_ms, (total_ms - counted_ms) / total_ms)]


def report(spoken: Sequence[Spoken], weights_note: str) -> str:
    """Both tables as text: stages, then sentences."""
    rows = stage_table(spoken)
    lines = [f"{'stage':<34} {'ms':>9} {'share':>7}"]
    lines += [f"{stage:<34} {ms:>9.1f} {100 * share:>6.1f}%" for stage, ms, share in rows]
    lines += [f"{'total':<34} {sum(ms for _, ms, _ in rows):>9.1f} {100:>6.1f}%", ""]
    lines += [f"{'sentence':<12} {'speech':>8} {'first audio':>12} {'RTF':>6}"]
    for one in spoken:
        audio = one.audio
        lines.append(f"{one.line.name:<12} {audio.duration_s:>6.2f} s {1000 * audio.ttfa_s:>9.0f} ms {audio.rtf:>6.2f}")
    if weights_note:
        lines += ["", f"Weights: {weights_note}"]
    return "\n".join(lines)


def figures(spoken: Sequence[Spoken], weights_note: str) -> dict[str, Any]:
    """The same for a program."""
    return {
        "weights": weights_note,
        "stages_ms": {stage: round(ms, 1) for stage, ms, _ in stage_table(spoken)},
        "sentences": {
            one.line.name: {
                "text": one.line.text,
                "duration_s": round(one.audio.duration_s, 3),
                "ttfa_s": round(one.audio.ttfa_s, 4),
                "underrun_s": round(one.audio.underrun_s, 4),
                "rtf": round(one.audio.rtf, 4),
            }
            for one in spoken
        },
    }


def draw(spoken: Sequence[Spoken], path: Path) -> bool:
    """Waveform and spectrogram of each line as a PNG; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.mlab import specgram
    except ImportError:
        return False
    figure = Figure(figsize=(4 * len(spoken), 5), layout="constrained")
    for column, (one, (wave, spectrum)) in enumerate(
        zip(spoken, figure.subplots(2, len(spoken), squeeze=False).T, strict=True)
    ):
        samples, rate = one.audio.samples, one.audio.sample_rate
        wave.plot(np.arange(len(samples)) / rate, samples, linewidth=0.3)
        wave.set(title=one.line.name, ylim=(-1, 1), xlim=(0, one.audio.duration_s))
        power, _, _ = specgram(samples, NFFT=1024, Fs=rate, noverlap=768)
        level_db = 10 * np.log10(np.asarray(power, dtype=np.float64) + 1e-14)  # digital silence has no logarithm
        extent = (0, one.audio.duration_s, 0, rate / 2)
        spectrum.imshow(level_db, origin="lower", aspect="auto", extent=extent)
        spectrum.set(xlabel="s", ylim=(0, 12_000), ylabel="Hz" if column == 0 else "")
    figure.savefig(path, dpi=110)
    return True


def speak(client: Client, lines: Sequence[Line], folder: Path, *, voice: str, seed: int) -> list[Spoken]:
    """Say each line, save it as WAV; a first request, not counted, wakes the server's sessions."""
    folder.mkdir(parents=True, exist_ok=True)
    client.synthesize(WARM_UP_TEXT, language="en", voice=voice, seed=seed, cache="off")
    spoken = []
    for line in lines:
        # Computed anew, so that it can be told where the time goes.
        with client.stream(line.text, language=line.language, voice=voice, seed=seed, cache="off") as chunks:
            audio = chunks.collect()
        audio.save(folder / f"{line.name}.wav")
        click.echo(f"{folder / line.name}.wav  {line.text}", err=True)
        spoken.append(Spoken(line, audio))
    return spoken


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--url", envvar="GSV_URL", default=nearby_url, show_envvar=True, help="The server.")
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), default=Path("var/demo"), help="Folder for the files."
)
@click.option("--voice", help="Id of a registered voice; or give --reference.")
@click.option("--reference", type=click.Path(dir_okay=False), help="Clip to register as voice `demo`, 3 to 10 s.")
@click.option("--prompt-text", help="What is said in --reference.")
@click.option("--prompt-language", help="Its language.")
@click.option("--english-only", is_flag=True, help="The voice has learned English only: say three English sentences.")
@click.option("--seed", type=int, default=0, help="The same seed gives the same audio.")
@click.option(
    "--weights-note", default="", help='Printed under the table, such as "random: this is noise, not speech".'
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the tables.")
def main(
    url: str,
    folder: Path,
    voice: str | None,
    reference: str | None,
    prompt_text: str | None,
    prompt_language: str | None,
    english_only: bool,
    seed: int,
    weights_note: str,
    as_json: bool,
) -> None:
    """Say an English, a Mandarin and a mixed sentence, and show where the time went."""
    lines = ENGLISH_LINES if english_only else LINES
    if (voice is None) == (reference is None):
        raise click.UsageError("give either --voice NAME or --reference CLIP")
    with friendly_errors(), Client(url) as client:
        if reference is not None:
            made = client.register_voice(DEMO_VOICE, reference, prompt_text, prompt_language, loudness=DEMO_LUFS)
            voice = made.voice
        spoken = speak(client, lines, folder, voice=str(voice), seed=seed)
        drawn = draw(spoken, folder / "demo.png")
    if weights_note:
        click.echo(f"Weights: {weights_note}", err=True)
    click.echo(json.dumps(figures(spoken, weights_note)) if as_json else report(spoken, weights_note))
    click.echo(f"{folder / 'demo.png'}" if drawn else "no picture: pip install matplotlib", err=True)
    click.echo("\n" + next_steps(folder / f"{lines[0].name}.wav", str(voice)), err=True)


def next_steps(file: Path, voice: str) -> str:
    """What to type next: hear it, say something else, clone somebody."""
    gsv, plays = _command(), player()
    by_hand = f"open {file} with any player of sound"
    played_by = {"sounddevice": by_hand, "ffplay": f"ffplay -nodisp -autoexit {file}"}
    hear = played_by.get(plays or "", f"{plays} {file}" if plays else by_hand)
    rows = (
        ("hear it", hear),
        ("your own words", f'{gsv} say "Good morning." --voice {voice} {"--play" if plays else "-o morning.wav"}'),
        ("your own voice", f'{gsv} voices add me clip.wav --text "What is said in clip.wav, 3 to 10 s of it."'),
        ("what is wrong", f"{gsv} doctor"),
    )
    return "\n".join(f"{name + ':':<16} {command}" for name, command in rows)


def _command() -> str:
    """How `gsv` is called here: by its name where it is on the path, else by its file."""
    beside = Path(sys.executable).parent / "gsv"
    if shutil.which("gsv") == str(beside) or not beside.exists():
        return "gsv"
    inside = beside.is_relative_to(Path.cwd())
    return shlex.quote(str(beside.relative_to(Path.cwd()) if inside else beside))


if __name__ == "__main__":
    sys.exit(main())

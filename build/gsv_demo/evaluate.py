"""`python -m gsv_demo.evaluate`: how well the demo voice speaks, on held-out sentences through a running server.

Each sentence is spoken by one of the four voices in turn, three times: by flite itself (original), from the codes of
that original (resynthesised: what the decoder loses), and from the text (what the whole system loses). A table goes to
stdout and its last line is JSON; talk goes to stderr. The same arguments give the same figures.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from gsv_build.checks.served_stages import ServedStages
from gsv_client import Client
from gsv_demo import data, metrics, plots, sentences
from gsv_demo.recogniser import Recogniser
from gsv_demo.references import FILE as REFERENCES_FILE
from gsv_demo.resynthesis import Resynthesis
from gsv_runtime.contract import SAMPLE_RATE_HZ
from gsv_runtime.model_files import DEFAULT_REPOSITORY
from gsv_runtime.settings import CheckpointFacts

Samples = NDArray[np.float32]

SOURCES = ("original", "resynthesised", "text-to-speech")
DEFAULT_REFERENCES = Path(__file__).parent / "weights" / "references"
DEFAULT_PLOT = Path("docs/demo-voice.webp")
MAX_WER_LOSS = 0.15  # issue: at most this much above the original's
_SPACE_SENTENCES, _SPACE_SEED = 12, 30_000  # for each voice, none of them evaluated
_SEED = 1

logger = logging.getLogger("gsv.demo")


@dataclass(frozen=True)
class Reference:
    """A voice's shipped clip."""

    voice: str
    audio: Path
    prompt_text: str
    prompt_language: str


@dataclass(frozen=True)
class JudgedUtterance:
    """One sentence from one source, and what was found."""

    voice: str
    source: str
    text: str
    heard: str
    seconds: float
    fault: str
    distance_db: float  # mel-cepstral, to the original
    similarities: dict[str, float]
    rtf: float | None


def read_references(directory: Path) -> list[Reference]:
    """The clips that ship beside the weights."""
    entries = json.loads((directory / REFERENCES_FILE).read_text(encoding="utf-8"))
    return [Reference(**{**entry, "audio": directory / entry["audio"]}) for entry in entries]


def at_16k(samples: Samples, rate_hz: int) -> Samples:
    """Samples as the measures take them."""
    return np.asarray(soxr.resample(samples, rate_hz, metrics.RATE_HZ), dtype=np.float32)


def assigned(texts: Sequence[str], voices: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each text with the voice that speaks it, in turn."""
    for index, text in enumerate(texts):
        yield text, voices[index % len(voices)]


@dataclass(frozen=True)
class SpokenSentence:
    """One sentence from one source, before it is measured."""

    voice: str
    source: str
    text: str
    samples: Samples  # 16 kHz
    original: Samples
    rtf: float | None


class Speaker:
    """Speaks sentences through the server."""

    def __init__(self, url: str, facts: CheckpointFacts, references: Sequence[Reference]) -> None:
        """Connect and register the voices."""
        self._client = Client(url)
        self._resynthesis = Resynthesis(ServedStages(url), facts, {one.voice: one.audio for one in references})
        for one in references:
            self._client.register_voice(one.voice, one.audio, one.prompt_text, one.prompt_language)

    def speak(self, text: str, voice: str) -> Iterator[SpokenSentence]:
        """The sentence from each source."""
        original = data.original(text, voice)
        resynthesised = at_16k(self._resynthesis.speak(original, text, voice), SAMPLE_RATE_HZ)
        spoken = self._client.synthesize(text, voice=voice, language="en", seed=_SEED, cache="off")
        sources = (original, None), (resynthesised, None), (at_16k(spoken.samples, spoken.sample_rate), spoken.rtf)
        for source, (samples, rtf) in zip(SOURCES, sources, strict=True):
            yield SpokenSentence(voice, source, text, samples, original, rtf)


class Judge:
    """Listens and measures; one a process."""

    def __init__(self, space: metrics.SpeakerSpace) -> None:
        """Load the recogniser."""
        self._recogniser, self._space = Recogniser(), space

    def measure(self, spoken: SpokenSentence) -> JudgedUtterance:
        """Everything that is measured of one utterance."""
        heard = self._recogniser.words(spoken.samples)
        seconds, original_s = (len(samples) / metrics.RATE_HZ for samples in (spoken.samples, spoken.original))
        return JudgedUtterance(
            spoken.voice,
            spoken.source,
            spoken.text,
            heard,
            seconds,
            metrics.fault(spoken.text, heard, seconds, original_s),
            metrics.mel_cepstral_distance(spoken.samples, spoken.original),
            self._space.similarities(spoken.samples),
            spoken.rtf,
        )


_judges: list[Judge] = []  # of this process: a recogniser cannot be sent to another


def _appoint(space: metrics.SpeakerSpace) -> None:
    _judges.append(Judge(space))


def _judge(spoken: SpokenSentence) -> JudgedUtterance:
    return _judges[0].measure(spoken)


def measure_all(spoken: Sequence[SpokenSentence], space: metrics.SpeakerSpace, workers: int) -> list[JudgedUtterance]:
    """Measure in several processes, after all speech is there: so that measuring does not slow the server down."""
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_appoint, initargs=(space,)) as pool:
        return list(tqdm(pool.map(_judge, spoken), desc="measured", total=len(spoken), mininterval=5))


def summary(utterances: Sequence[JudgedUtterance], voices: Sequence[str]) -> dict[str, Any]:
    """All figures.

    Args:
        utterances: every sentence from every source.
        voices: that were spoken with.

    Returns:
        By source: WER, mel-cepstral distance, share of each fault, RTF, and mean similarity of each voice's
        utterances to each voice; and whether the claims hold: WER, no faults, and every voice most similar to itself.
    """
    sources = {source: _figures([one for one in utterances if one.source == source], voices) for source in SOURCES}
    spoken = sources["text-to-speech"]
    lost = spoken["wer"] - sources["original"]["wer"]
    similarity = spoken["similarity"]
    claims = {
        "wer_within_limit": lost <= MAX_WER_LOSS,
        "no_empty_or_runaway": not {"empty", "run-away"} & spoken["faults"].keys(),
        "cloned_each_voice": all(max(row, key=row.__getitem__) == voice for voice, row in similarity.items()),
    }
    return {"sentences": len(utterances) // len(SOURCES), "sources": sources, "wer_lost": lost, "claims": claims}


def _figures(utterances: Sequence[JudgedUtterance], voices: Sequence[str]) -> dict[str, Any]:
    faults = [one.fault for one in utterances if one.fault]
    speeds = [one.rtf for one in utterances if one.rtf is not None]

    def mean(values: Sequence[float]) -> float:
        return round(float(np.mean(values)), 4)

    by_voice = {voice: [one.similarities for one in utterances if one.voice == voice] for voice in voices}
    return {
        "wer": round(metrics.word_error_rate([one.text for one in utterances], [one.heard for one in utterances]), 4),
        "mel_cepstral_distance_db": mean([one.distance_db for one in utterances]),
        "faults": {kind: faults.count(kind) / len(utterances) for kind in sorted(set(faults))},
        "rtf": mean(speeds) if speeds else None,
        "similarity": {
            voice: {other: mean([row[other] for row in rows]) for other in voices}
            for voice, rows in by_voice.items()
            if rows
        },
    }


def table(found: dict[str, Any]) -> str:
    """The figures for a reader, in Markdown."""
    lines = ["| | WER | mel-cepstral distance | faults | RTF |", "|---|---|---|---|---|"]
    for source, figures in found["sources"].items():
        faults = ", ".join(f"{kind} {share:.0%}" for kind, share in figures["faults"].items()) or "none"
        rtf = "–" if figures["rtf"] is None else f"{figures['rtf']:.2f}"
        distance = figures["mel_cepstral_distance_db"]
        lines.append(f"| {source} | {figures['wer']:.1%} | {distance:.2f} dB | {faults} | {rtf} |")
    for source, figures in found["sources"].items():
        voices = list(figures["similarity"])
        lines += ["", f"| {source}, similarity to | " + " | ".join(voices) + " |", "|---" * (len(voices) + 1) + "|"]
        for voice, row in figures["similarity"].items():
            lines.append(f"| {voice} | " + " | ".join(f"{row[other]:.2f}" for other in voices) + " |")
    return "\n".join(lines)


def learn_space(voices: Sequence[str], texts: Sequence[str]) -> metrics.SpeakerSpace:
    """The space of speaker similarity, from originals of texts that are not evaluated."""
    speak: Callable[[str, str], Samples] = data.original
    return metrics.SpeakerSpace.learn({voice: [speak(text, voice) for text in texts] for voice in voices})


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m gsv_demo.evaluate`."""
    top = argparse.ArgumentParser(prog="python -m gsv_demo.evaluate", description=__doc__)
    top.add_argument("--sentences", type=int, default=100, help="held-out sentences, spoken by the voices in turn")
    top.add_argument("--url", default="localhost:8001", help="gRPC address of the server")
    top.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY, help="what the server serves")
    top.add_argument("--references", type=Path, default=DEFAULT_REFERENCES)
    top.add_argument("--plot", type=Path, default=DEFAULT_PLOT, help="where the spectrograms go")
    top.add_argument("--audio", type=Path, help="folder for every utterance as WAV")
    top.add_argument("--utterances", type=Path, help="file for every utterance's figures, one JSON object a line")
    top.add_argument("--workers", type=int, default=2, help="processes that measure")
    top.add_argument("--json", action="store_true", help="print the JSON line only")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate; 0 when every claim holds, 1 when not."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    asked = parser().parse_args(argv)
    references = read_references(asked.references)
    voices = [one.voice for one in references]
    held_out = data.held_out()
    others = sentences.held_out_texts(_SPACE_SENTENCES, set(held_out), seed=_SPACE_SEED)
    facts = CheckpointFacts.from_repository(asked.repository)
    speaker = Speaker(asked.url, facts, references)
    pairs = tqdm(list(assigned(held_out[: asked.sentences], voices)), desc="spoken", mininterval=5)
    spoken = [one for text, voice in pairs for one in speaker.speak(text, voice)]
    for index, one in enumerate(spoken if asked.audio else ()):
        _save(one.samples, asked.audio / f"{index // len(SOURCES):03d}-{one.voice}-{one.source}.wav")
    measured = measure_all(spoken, learn_space(voices, others), asked.workers)
    if asked.utterances:
        lines = [json.dumps(asdict(utterance)) for utterance in measured]
        asked.utterances.write_text("\n".join(lines) + "\n", encoding="utf-8")
    panels = {one.source: one.samples for one in spoken[: len(SOURCES)]}
    plots.spectrograms(panels, metrics.RATE_HZ, f"{held_out[0]} ({voices[0]})", asked.plot)
    found = summary(measured, voices)
    sys.stdout.write(("" if asked.json else table(found) + "\n\n") + json.dumps(found) + "\n")
    return 0 if all(found["claims"].values()) else 1


def _save(samples: Samples, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, metrics.RATE_HZ)


if __name__ == "__main__":
    sys.exit(main())

"""Where spoken audio goes: a file at the end, a file as it arrives, stdout, loudspeakers (loudspeaker.py)."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import tqdm

from gsv_client.audio import Audio, Chunk, Samples, join_chunks
from gsv_client.client import SpeechStream
from gsv_client.errors import SynthesisError
from gsv_client.loudspeaker import loudspeaker

_OPEN_LENGTH_BYTES = 0xFFFFFFFF - 36  # what players take for "until the stream ends"

Sink = Callable[[Samples], None]


@dataclass(frozen=True)
class Destination:
    """What to do with the audio.

    Attributes:
        path: File to write, "-" for a WAV on stdout, None for neither.
        incremental: Write as audio arrives; a request that fails leaves what came before.
        play: Play through the default device as audio arrives.
        gain_db: How much louder; what would be beyond full scale is clipped.

    Raises:
        ValueError: The path's ending names no audio format.
    """

    path: str | None
    incremental: bool = False
    play: bool = False
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if self.path and self.path != "-" and _format(self.path) not in soundfile.available_formats():
            raise ValueError(f"output is {self.path!r}; need a name that ends in .wav, .flac, .ogg or .mp3")


def listen(chunks: SpeechStream, destination: Destination) -> Audio:
    """Take every chunk to its destination, with a progress line on a terminal's stderr.

    Returns:
        The whole utterance.

    Raises:
        SynthesisError: Any leaf of `gsv_client.errors`.
        OSError: The file cannot be written.
    """
    taken: list[Chunk] = []
    try:
        _take(chunks, taken, destination)
    except SynthesisError as error:
        raise _kept(error, taken, chunks, destination) from error.__cause__
    audio = join_chunks(taken, chunks.playback)
    if destination.path and not destination.incremental:
        _write_whole(audio, destination.path)
    return audio


def _take(chunks: SpeechStream, taken: list[Chunk], destination: Destination) -> None:
    """Fill `taken` and the destination's sinks."""
    with ExitStack() as stack:
        progress = stack.enter_context(
            tqdm.tqdm(unit="s", desc="speaking", disable=None, bar_format="{desc}: {n:.1f} s [{elapsed}]")
        )
        sinks: list[Sink] = []
        for chunk in chunks:
            chunk = _louder(chunk, destination.gain_db)
            if not taken:
                sinks = _sinks(destination, chunk.sample_rate, stack)
            taken.append(chunk)
            if chunks.parts.total > 1:
                part = min(chunks.parts.done + 1, chunks.parts.total)
                progress.set_description(f"speaking, part {part} of {chunks.parts.total}", refresh=False)
            progress.update(chunk.duration_s)
            for sink in sinks:
                sink(chunk.samples)


def _louder(chunk: Chunk, gain_db: float) -> Chunk:
    """The chunk as it is heard; without a gain its samples stay as they are."""
    if not gain_db:
        return chunk
    samples = np.clip(chunk.samples * 10 ** (gain_db / 20), -1, 1)
    return replace(chunk, samples=samples.astype(np.float32))


def _kept(error: SynthesisError, taken: list[Chunk], chunks: SpeechStream, destination: Destination) -> SynthesisError:
    """Keep what was said of a text of several parts before one failed, and say where it is."""
    if not taken or chunks.parts.total == 1 or not destination.path or destination.path == "-":
        return error
    audio = join_chunks(taken, chunks.playback)
    if not destination.incremental:
        _write_whole(audio, destination.path)
    return type(error)(f"{error}; the {audio.duration_s:.1f} s before it are in {destination.path}")


def _sinks(destination: Destination, sample_rate: int, stack: ExitStack) -> list[Sink]:
    """Open, once the sample rate is known, what takes audio as it arrives."""
    sinks: list[Sink] = []
    if destination.path and destination.incremental:
        if destination.path == "-":
            sinks.append(_stdout_sink(sys.stdout.buffer, sample_rate))
        else:
            file = soundfile.SoundFile(destination.path, "w", samplerate=sample_rate, channels=1)
            stack.enter_context(file)
            sinks.append(file.write)
    if destination.play:
        sinks.append(stack.enter_context(loudspeaker(sample_rate)))
    return sinks


def _stdout_sink(stdout: BinaryIO, sample_rate: int) -> Sink:
    stdout.write(open_wav_header(sample_rate))

    def write(samples: Samples) -> None:
        stdout.write((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        stdout.flush()

    return write


def open_wav_header(sample_rate: int) -> bytes:
    """The 44 bytes before mono 16-bit samples whose number is not known yet."""
    sizes = struct.pack("<I", _OPEN_LENGTH_BYTES + 36)
    layout = struct.pack("<IHHIIHH", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return b"RIFF" + sizes + b"WAVEfmt " + layout + b"data" + struct.pack("<I", _OPEN_LENGTH_BYTES)


def _write_whole(audio: Audio, path: str) -> None:
    """Write the file in one go, so that a failed request leaves none."""
    if path == "-":
        file = io.BytesIO()
        soundfile.write(file, audio.samples, audio.sample_rate, format="WAV")
        sys.stdout.buffer.write(file.getvalue())
        return
    with open(path, "wb") as opened:
        soundfile.write(opened, audio.samples, audio.sample_rate, format=_format(path))


def _format(path: str) -> str:
    return Path(path).suffix.removeprefix(".").upper()

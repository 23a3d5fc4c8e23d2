"""Loudspeakers: the package sounddevice, or the first player that this machine has."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import soundfile

from gsv_client.audio import Samples
from gsv_client.errors import InvalidRequest

Play: TypeAlias = Callable[[Samples], None]

# Players that take little-endian 16-bit samples on stdin, and their arguments; {rate} is in Hz.
STREAMING: dict[str, Sequence[str]] = {
    "aplay": ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", "{rate}", "-"),
    "paplay": ("--raw", "--format=s16le", "--channels=1", "--rate={rate}"),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-f", "s16le", "-ar", "{rate}", "-i", "-"),
}
WHOLE_FILE = "afplay"  # of macOS: it plays a file, so it begins when all is there
ADVICE = (
    "install a player (Debian: sudo apt-get install alsa-utils) or `pip install sounddevice` "
    "(Debian: also libportaudio2), or write a file with -o"
)


def player() -> str | None:
    """What `loudspeaker` would use: "sounddevice", or a program; None where there is nothing."""
    if _sounddevice() is not None:
        return "sounddevice"
    return next(filter(shutil.which, (*STREAMING, WHOLE_FILE)), None)


@contextmanager
def loudspeaker(sample_rate: int) -> Iterator[Play]:
    """Open the loudspeakers; at the end all has been heard.

    Args:
        sample_rate: Hz.

    Yields:
        A function that plays [N] float32 samples in [-1, 1].

    Raises:
        InvalidRequest: Nothing here can play; with what to do.
    """
    found = player()
    if found is None:
        raise InvalidRequest(f"cannot play: neither sounddevice nor {', '.join(STREAMING)} is here; {ADVICE}")
    if found == "sounddevice":
        with _through_device(sample_rate) as play:
            yield play
    elif found == WHOLE_FILE:
        with _through_file(sample_rate) as play:
            yield play
    else:
        with _through_program(found, sample_rate) as play:
            yield play


def _sounddevice() -> Any | None:
    """The package, where it has its library and a device to play on."""
    try:
        import sounddevice

        sounddevice.query_devices(kind="output")
    except (ImportError, OSError, ValueError):  # no package; no PortAudio; no device
        return None
    except Exception as failure:
        if type(failure).__name__ == "PortAudioError":
            return None
        raise
    return sounddevice


@contextmanager
def _through_device(sample_rate: int) -> Iterator[Play]:
    sounddevice = _sounddevice()
    assert sounddevice is not None
    try:
        device = sounddevice.OutputStream(samplerate=sample_rate, channels=1, dtype="float32")
    except sounddevice.PortAudioError as failure:
        raise InvalidRequest(f"cannot play: {failure}; {ADVICE}") from None
    with device:
        yield lambda samples: device.write(np.ascontiguousarray(samples).reshape(-1, 1))


@contextmanager
def _through_program(name: str, sample_rate: int) -> Iterator[Play]:
    command = [name, *(argument.format(rate=sample_rate) for argument in STREAMING[name])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        stdin, stderr = process.stdin, process.stderr
        assert stdin is not None
        assert stderr is not None

        def play(samples: Samples) -> None:
            with contextlib.suppress(BrokenPipeError):  # its exit status tells
                stdin.write((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
                stdin.flush()

        yield play
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        told = stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise InvalidRequest(f"cannot play: {name}: {told or f'exit status {process.returncode}'}; {ADVICE}")


@contextmanager
def _through_file(sample_rate: int) -> Iterator[Play]:
    pieces: list[Samples] = []
    yield pieces.append
    if not pieces:
        return
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, np.concatenate(pieces), sample_rate)
        subprocess.run([WHOLE_FILE, file.name], check=False)

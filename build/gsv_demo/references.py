"""The reference clips that ship beside the weights: one for each voice, with what is said in it."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile

from gsv_demo.data import SAMPLE_RATE_HZ, VOICES, original

FILE = "references.json"
_TEXTS = {
    "slt": "The young woman found a good book on the table, and the children laughed.",
    "rms": "The captain watched the blue boat near the river, because the weather was so cold.",
    "awb": "My grandmother brought fresh milk and some bread to the small village.",
    "kal16": "The engineer fixed the machine on the second floor, and the work was easy.",
}


def write_references(directory: Path) -> None:
    """Write a FLAC file a voice and `references.json`, which says what each holds.

    Args:
        directory: made if need be.

    Raises:
        ValueError: a clip is not 3 to 10 s long.
    """
    directory.mkdir(parents=True, exist_ok=True)
    about = []
    for voice in VOICES:
        audio = original(_TEXTS[voice], voice)
        seconds = len(audio) / SAMPLE_RATE_HZ
        if not 3.0 <= seconds <= 10.0:
            raise ValueError(f"reference of {voice} is {seconds:.1f} s; need 3 to 10 s; change its text")
        soundfile.write(directory / f"{voice}.flac", audio, SAMPLE_RATE_HZ)
        about.append({"voice": voice, "audio": f"{voice}.flac", "prompt_text": _TEXTS[voice], "prompt_language": "en"})
    (directory / FILE).write_text(json.dumps(about, indent=2) + "\n")

"""Recordings to speak like, as callers hand them over, and as the bytes of a file."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile

from gsv_client.audio import Samples
from gsv_client.errors import InvalidRequest

ReferenceAudio: TypeAlias = "str | os.PathLike[str] | bytes | tuple[Samples, int]"


def reference_bytes(reference: ReferenceAudio) -> bytes:
    """Read a reference as the bytes of an audio file.

    Raises:
        InvalidRequest: The file cannot be read.
    """
    if isinstance(reference, bytes):
        return reference
    if isinstance(reference, tuple):
        samples, sample_rate = reference
        file = io.BytesIO()
        soundfile.write(file, np.asarray(samples, dtype=np.float32), sample_rate, format="WAV", subtype="FLOAT")
        return file.getvalue()
    try:
        return Path(reference).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"reference audio {str(reference)!r}: {error.strerror}; need a readable file") from None


def clips_of(references: ReferenceAudio | Sequence[ReferenceAudio]) -> Sequence[ReferenceAudio]:
    """Several recordings; one alone is a list of one."""
    if isinstance(references, str | bytes | os.PathLike):
        return [references]
    if isinstance(references, tuple) and len(references) == 2 and isinstance(references[1], int | np.integer):
        return [references]
    return references

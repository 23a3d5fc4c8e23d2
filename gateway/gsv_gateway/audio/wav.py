"""WAV: 44 bytes, then 16-bit samples."""

from __future__ import annotations

import struct

UNKNOWN_LENGTH = 0xFFFFFFFF  # what players take for "until the stream ends", as OpenAI's service sends it
HEADER_BYTES = 44


def wav_header(rate_hz: int, num_samples: int | None = None) -> bytes:
    """The header of mono 16-bit samples.

    Args:
        rate_hz: Sample rate.
        num_samples: How many follow; None where that is not known yet, as in a stream.
    """
    if num_samples is None:
        riff_bytes, data_bytes = UNKNOWN_LENGTH, UNKNOWN_LENGTH
    else:
        riff_bytes, data_bytes = 2 * num_samples + HEADER_BYTES - 8, 2 * num_samples
    layout = struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    return b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVEfmt " + layout + b"data" + struct.pack("<I", data_bytes)

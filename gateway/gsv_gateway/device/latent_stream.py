"""Latents as bytes: records, one after the other, each a head in JSON and numbers.

    4 bytes: length of the head, little-endian | head | 4 G bytes: condition | numbers of the frames

The head says how many numbers follow: `condition` and `frames` times `width`, each of `frame_bytes` bytes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from gsv_client.latents import LatentPart
from gsv_gateway.spoken_words import fault_object, word_object

MEDIA_TYPE = "application/x-gsv-latents"
CODE_BYTES, FLOAT_BYTES = 1, 4


def record_of(part: LatentPart) -> bytes:
    """One part as it is sent."""
    coded = part.codes.shape[1] > 0
    numbers = part.codes if coded else part.latents.astype("<f4")
    head: dict[str, Any] = {
        "frames": numbers.shape[0],
        "width": numbers.shape[1],
        "frame_bytes": CODE_BYTES if coded else FLOAT_BYTES,
        "heard": part.heard_frames,
        "condition": part.condition.size,
        "final": part.final,
    }
    head |= {"reason": part.finish_reason} if part.finish_reason else {}
    head |= {"words": [word_object(word) for word in part.words]} if part.words else {}
    head |= {"word_faults": [fault_object(fault) for fault in part.word_faults]} if part.word_faults else {}
    head |= {"decoding": dict(part.decoding), "sentence": part.sentence} if part.decoding is not None else {}
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    return len(text).to_bytes(4, "little") + text + part.condition.astype("<f4").tobytes() + numbers.tobytes()


async def records(parts: AsyncIterator[LatentPart]) -> AsyncIterator[bytes]:
    """Every part as it is sent."""
    async for part in parts:
        yield record_of(part)

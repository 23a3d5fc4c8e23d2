"""Client of gsv-triton: text and a voice in, speech out.

>>> from gsv_client import Client
>>> with Client("localhost:8001") as client:                                    # doctest: +SKIP
...     client.synthesize("Hello there.", voice="ann").save("hello.wav")
"""

from __future__ import annotations

from gsv_client.aio import AsyncClient, AsyncSpeechStream
from gsv_client.audio import Audio, Chunk, Dropped, Phone, Playback, Word, WordFault
from gsv_client.client import Client, SpeechStream
from gsv_client.errors import (
    Cancelled,
    ConnectionFailed,
    ConnectionLost,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    ServerBusy,
    ServerStopping,
    SynthesisError,
    VoiceNotFound,
)
from gsv_client.fine_tunes import FineTune
from gsv_client.protocol import Options, ReferenceAudio, Voice
from gsv_client.server_info import ServerInfo

__all__ = [
    "AsyncClient",
    "AsyncSpeechStream",
    "Audio",
    "Cancelled",
    "Chunk",
    "Client",
    "ConnectionFailed",
    "ConnectionLost",
    "DeadlineExceeded",
    "Dropped",
    "FineTune",
    "InternalError",
    "InvalidRequest",
    "Options",
    "Phone",
    "Playback",
    "ReferenceAudio",
    "ServerBusy",
    "ServerInfo",
    "ServerStopping",
    "SpeechStream",
    "SynthesisError",
    "Voice",
    "VoiceNotFound",
    "Word",
    "WordFault",
]

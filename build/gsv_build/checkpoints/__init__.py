"""Official checkpoint files to our networks and back, without ever running what is in a file.

Read: `load_t2s`, `load_sovits`, `load_hubert`, `load_bert`, `load_speaker_encoder`, each giving a `Checkpoint`;
`load_vocabulary`.
Write: `save_t2s`, `save_sovits`, `save_hubert`, `save_bert`, `save_speaker_encoder`.
Every failure is a `CheckpointError` whose message says what was found, what is needed and what to do.
"""

from gsv_build.checkpoints.errors import (
    CheckpointError,
    HostileCheckpoint,
    KeyMismatch,
    UnreadableCheckpoint,
    UnsupportedCheckpoint,
)
from gsv_build.checkpoints.loading import (
    Checkpoint,
    load_bert,
    load_hubert,
    load_sovits,
    load_speaker_encoder,
    load_t2s,
)
from gsv_build.checkpoints.saving import (
    save_bert,
    save_hubert,
    save_sovits,
    save_speaker_encoder,
    save_t2s,
)
from gsv_build.checkpoints.vocabulary import load_vocabulary

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "HostileCheckpoint",
    "KeyMismatch",
    "UnreadableCheckpoint",
    "UnsupportedCheckpoint",
    "load_bert",
    "load_hubert",
    "load_sovits",
    "load_speaker_encoder",
    "load_t2s",
    "load_vocabulary",
    "save_bert",
    "save_hubert",
    "save_sovits",
    "save_speaker_encoder",
    "save_t2s",
]

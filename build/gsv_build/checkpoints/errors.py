"""What can be wrong with a checkpoint. Every message says what was found, what is needed and what to do."""

from __future__ import annotations


class CheckpointError(Exception):
    """A checkpoint cannot be used."""


class UnreadableCheckpoint(CheckpointError):
    """The file is absent, truncated, too large or of another format."""


class HostileCheckpoint(CheckpointError):
    """The pickle inside asks for something that a checkpoint has no need of; nothing of it was run."""


class UnsupportedCheckpoint(CheckpointError):
    """A model variant that we know and do not serve."""


class KeyMismatch(CheckpointError):
    """Tensors are missing, surplus or of another shape."""

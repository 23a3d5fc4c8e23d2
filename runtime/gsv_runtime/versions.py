"""Model variants of GPT-SoVITS and what differs between them at inference."""

from __future__ import annotations

from enum import Enum


class ModelVersion(Enum):
    """A variant, by its name on the wire."""

    V1 = "v1"
    V2 = "v2"
    V2_PRO = "v2Pro"
    V2_PRO_PLUS = "v2ProPlus"
    V3 = "v3"
    V4 = "v4"

    @property
    def uses_speaker_embedding(self) -> bool:
        """Whether the global condition also takes an ERes2NetV2 speaker embedding."""
        return self in (ModelVersion.V2_PRO, ModelVersion.V2_PRO_PLUS)

    @property
    def symbols(self) -> str:
        """Name of the phone table: v1 has 322 phones, all later variants 732."""
        return "v1" if self is ModelVersion.V1 else "v2"

    @property
    def reference_bins(self) -> int:
        """Spectrogram bins that the reference encoder reads, counted from the lowest."""
        return 1025 if self is ModelVersion.V1 else 704


SUPPORTED = (ModelVersion.V1, ModelVersion.V2, ModelVersion.V2_PRO, ModelVersion.V2_PRO_PLUS)

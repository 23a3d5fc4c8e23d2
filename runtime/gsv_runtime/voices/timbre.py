"""The timbre of one clip or of several of one speaker: what each gives, their mean, and how alike they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.stages import Stages
from gsv_runtime.tensors import Array
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.references import ReferenceAudio, read_reference
from gsv_runtime.voices.report import ReferenceReport


@dataclass(frozen=True)
class Timbre:
    """What one clip says of a voice.

    Attributes:
        condition: [1, global_dim] float32.
        voiceprint: [D] float32, what clips of different speakers are told apart by.
        compared_by: which vector that is.
    """

    condition: Array
    voiceprint: Array
    compared_by: str


def read_aux_references(clips: Sequence[bytes], trim: bool) -> list[ReferenceAudio]:
    """Read the clips beside the first.

    Args:
        clips: files.
        trim: as of `read_reference`.

    Raises:
        InvalidRequest: one of them cannot be used; with which.
    """
    read = []
    for number, clip in enumerate(clips, 1):
        try:
            read.append(read_reference(clip, trim, aux=True))
        except InvalidRequest as error:
            message = re.sub(r"reference[_ ]audio", f"aux_reference_audio {number}", str(error), count=1)
            raise InvalidRequest(message) from None
    return read


def timbre_of(reference: ReferenceAudio, stages: Stages, version: ModelVersion) -> Timbre:
    """Ask the encoders of a version about one clip."""
    inputs: dict[str, Any] = {"linear_spectrogram": reference.linear_spectrogram}
    if not version.uses_speaker_embedding:
        condition = stages.call(contract.REFERENCE_ENCODER, **inputs)["global_condition"]
        return Timbre(condition, condition[0], "global condition")
    embedding = stages.call(contract.SPEAKER_ENCODER, fbank=reference.fbank)["speaker_embedding"]
    condition = stages.call(contract.REFERENCE_ENCODER, **inputs, speaker_embedding=embedding)["global_condition"]
    return Timbre(condition, embedding[0], "speaker embedding")


def mean_condition(timbres: Sequence[Timbre]) -> Array:
    """The condition of all clips: their mean, each with the same weight.

    Returns:
        [1, global_dim] float32.

    Source: upstream SynthesizerTrn.decode, where `refer` is a list: the first is the prompt's clip, the others are
    `aux_ref_audio_paths` (TTS.run at 48b1a01).
    """
    if len(timbres) == 1:
        return timbres[0].condition
    return np.stack([timbre.condition for timbre in timbres]).mean(axis=0, dtype=np.float32)


def similarities(timbres: Sequence[Timbre]) -> list[float]:
    """Of each clip, the mean cosine between its voiceprint and those of the others; of two clips or more."""
    prints = np.stack([timbre.voiceprint.astype(np.float64) for timbre in timbres])
    prints /= np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    cosines = prints @ prints.T
    return [float((row.sum() - row[index]) / (len(row) - 1)) for index, row in enumerate(cosines)]


def compared(reports: Sequence[ReferenceReport], timbres: Sequence[Timbre]) -> ReferenceReport:
    """The report of the first clip, with those of the others and how alike they are.

    Args:
        reports: of each clip, the prompt's first.
        timbres: likewise.
    """
    first, *others = reports
    if not others:
        return first
    found = similarities(timbres)
    told = [replace(report, similarity=alike) for report, alike in zip(others, found[1:], strict=True)]
    numbered = (f"clip {number}: {warning}" for number, clip in enumerate(told, 2) for warning in clip.warnings)
    whole = replace(first, similarity=found[0], similarity_by=timbres[0].compared_by, others=tuple(told))
    return whole.noticed(*numbered)

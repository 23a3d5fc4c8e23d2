"""Whether the files of a voice belong together; told at the build, so that no request fails for it."""

from __future__ import annotations

from gsv_build.checkpoints import CheckpointError
from gsv_build.checkpoints.keys_bert import bert_sizes
from gsv_build.checkpoints.keys_hubert import hubert_sizes
from gsv_build.checkpoints.loading import CONFIG_FILE
from gsv_build.checkpoints.reading import read_config
from gsv_build.checkpoints.text_students import text_student_sizes
from gsv_build.sizes import SovitsSizes, T2SSizes
from gsv_build.weights import WeightFiles
from gsv_runtime.versions import ModelVersion

_V2_PHONES = 732  # of the table that v2 brought; v1's s1 has 512 rows for 322 phones


def check_pair(files: WeightFiles, t2s: T2SSizes, sovits: SovitsSizes) -> None:
    """Refuse files that were not trained together.

    Args:
        files: where they lie.
        t2s: sizes of the s1.
        sovits: sizes of the s2.

    Raises:
        CheckpointError: with both files, what each is, and which to replace.
    """
    first, second = files.t2s.name, files.sovits.name
    s1_is_v1, s2_is_v1 = t2s.num_phones < _V2_PHONES, sovits.version is ModelVersion.V1
    if s1_is_v1 != s2_is_v1 or t2s.num_phones < sovits.num_phones:
        raise CheckpointError(
            f"{first} is {'v1' if s1_is_v1 else 'v2 or later'} ({t2s.num_phones} phones), {second} is "
            f"{sovits.version.value} ({sovits.num_phones}): they are not of one voice; use the .ckpt that was trained "
            "with it"
        )
    if t2s.vocabulary != sovits.codebook + 1:
        raise CheckpointError(
            f"{first} speaks {t2s.vocabulary - 1} semantic tokens, {second} knows {sovits.codebook}: they are "
            "not of one voice; use the .ckpt that was trained with it"
        )
    _check_encoders(files, t2s, sovits)


def _check_encoders(files: WeightFiles, t2s: T2SSizes, sovits: SovitsSizes) -> None:
    """Hold the widths of HuBERT and BERT against what the voice was trained with."""
    hubert = hubert_sizes(read_config(files.hubert / CONFIG_FILE)).hidden
    if hubert != sovits.ssl_dim:
        raise CheckpointError(
            f"{files.hubert} gives {hubert} features, {files.sovits.name} needs {sovits.ssl_dim}; it is another HuBERT "
            "than the voice was trained with; name the directory of the right one: make build BASE=dir"
        )
    if files.text_student is not None:
        width = text_student_sizes(files.text_student).bert_dim
        if width != t2s.bert_dim:
            raise CheckpointError(
                f"{files.text_student} gives {width} features, {files.t2s.name} needs {t2s.bert_dim}; it is a student "
                "of another BERT; make it again from this voice's (make compress)"
            )
        return
    if files.bert is None:
        return
    bert = bert_sizes(read_config(files.bert / CONFIG_FILE)).hidden
    if bert != t2s.bert_dim:
        raise CheckpointError(
            f"{files.bert} gives {bert} features, {files.t2s.name} needs {t2s.bert_dim}; it is another BERT than the "
            "voice was trained with; name the directory of the right one: make build BASE=dir"
        )

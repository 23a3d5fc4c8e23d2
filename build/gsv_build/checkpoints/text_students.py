"""Students of BERT in a weights directory: a folder with sizes, tensors, pieces and BERT's vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.module_folder import CONFIG_FILE, load_module, save_module, sizes_in
from gsv_build.checkpoints.reading import read_config
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import TextStudentSizes
from gsv_runtime.model_files import PIECE_FILE, VOCABULARY_FILE

_KIND = "sentencepiece"
_LARGEST = 65_536  # size in a configuration
MAX_PIECE_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class TextStudentCheckpoint:
    """A student as it was read: float32, in evaluation mode."""

    sizes: TextStudentSizes
    module: TextStudent
    pieces: str


def save_text_student(folder: Path, student: TextStudent, pieces: str, vocabulary: Sequence[str]) -> None:
    """Write a student.

    Args:
        folder: made if need be.
        student: the network.
        pieces: lines of `text_piece_stage.parsed_pieces`.
        vocabulary: BERT's tokens, in the order of their ids.
    """
    save_module(folder, student, {"text_student": _KIND, **asdict(student.sizes)})
    (folder / PIECE_FILE).write_text(pieces, encoding="utf-8")
    (folder / VOCABULARY_FILE).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")


def text_student_sizes(folder: Path) -> TextStudentSizes:
    """Read the sizes of a student.

    Raises:
        CheckpointError: the configuration cannot be read, or is of another kind.
    """
    config = read_config(folder / CONFIG_FILE)
    kind = config.pop("text_student", None)
    if kind != _KIND:
        raise CheckpointError(f"{folder} holds a text student {kind!r}; need {_KIND}; make it again (make compress)")
    sizes: TextStudentSizes = sizes_in(folder, config, TextStudentSizes, _LARGEST)
    if sizes.hidden % sizes.heads:
        raise CheckpointError(f"a text student of {sizes.hidden} channels cannot have {sizes.heads} heads")
    return sizes


def load_text_student(folder: Path) -> TextStudentCheckpoint:
    """Read a student.

    Raises:
        CheckpointError: a file is missing or damaged, or its tensors are not those of its sizes.
    """
    sizes = text_student_sizes(folder)
    module = load_module(folder, lambda: TextStudent(sizes), "text student")
    model = folder / PIECE_FILE
    if not model.is_file() or model.stat().st_size > MAX_PIECE_BYTES:
        raise UnreadableCheckpoint(f"{model} is not there or has more than {MAX_PIECE_BYTES:,} bytes")
    return TextStudentCheckpoint(sizes, module, model.read_text(encoding="utf-8"))

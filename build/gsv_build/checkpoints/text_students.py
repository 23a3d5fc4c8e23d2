"""Students of BERT in a weights directory: a folder with sizes, tensors, pieces and BERT's vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.keys import check_keys, float32, shapes_of
from gsv_build.checkpoints.reading import read_config, read_tensors
from gsv_build.modules.text_student import TextStudent
from gsv_build.sizes import TextStudentSizes
from gsv_runtime.model_files import PIECE_FILE, VOCABULARY_FILE

CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"
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
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{TENSOR_FILE}.part"
    save_file({key: tensor.detach().half().contiguous() for key, tensor in student.state_dict().items()}, partial)
    partial.replace(folder / TENSOR_FILE)
    (folder / PIECE_FILE).write_text(pieces, encoding="utf-8")
    (folder / VOCABULARY_FILE).write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    config = {"text_student": _KIND, **asdict(student.sizes)}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def text_student_sizes(folder: Path) -> TextStudentSizes:
    """Read the sizes of a student.

    Raises:
        CheckpointError: the configuration cannot be read, or is of another kind.
    """
    config = read_config(folder / CONFIG_FILE)
    kind = config.pop("text_student", None)
    if kind != _KIND:
        raise CheckpointError(f"{folder} holds a text student {kind!r}; need {_KIND}; make it again (make compress)")
    names = {field.name for field in fields(TextStudentSizes)}
    wrong = [name for name in names if type(config.get(name)) is not int or not 0 < config[name] <= _LARGEST]
    if config.keys() != names or wrong:
        raise UnreadableCheckpoint(
            f"{folder / CONFIG_FILE} gives {', '.join(sorted(config))}; need whole numbers from 1 to {_LARGEST} for "
            f"{', '.join(sorted(names))}"
        )
    return _sizes(config)


def load_text_student(folder: Path) -> TextStudentCheckpoint:
    """Read a student.

    Raises:
        CheckpointError: a file is missing or damaged, or its tensors are not those of its sizes.
    """
    sizes = text_student_sizes(folder)
    with torch.device("meta"):  # no memory is taken before the tensors have been seen
        module = TextStudent(sizes)
    tensors = check_keys(read_tensors(folder / TENSOR_FILE), shapes_of(module), subject="text student")
    module.load_state_dict({key: float32(tensor) for key, tensor in tensors.items()}, assign=True)
    model = folder / PIECE_FILE
    if not model.is_file() or model.stat().st_size > MAX_PIECE_BYTES:
        raise UnreadableCheckpoint(f"{model} is not there or has more than {MAX_PIECE_BYTES:,} bytes")
    return TextStudentCheckpoint(sizes, module.eval(), model.read_text(encoding="utf-8"))


def _sizes(config: dict[str, Any]) -> TextStudentSizes:
    sizes = TextStudentSizes(**config)
    if sizes.hidden % sizes.heads:
        raise CheckpointError(f"a text student of {sizes.hidden} channels cannot have {sizes.heads} heads")
    return sizes

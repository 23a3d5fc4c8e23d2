"""Files of a model repository: the names inside a model's version directory, and digests of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

DEFAULT_REPOSITORY = Path("model_repository")
CONFIG_FILE = "config.pbtxt"

GRAPH_FILE = "model.onnx"
SPECTRUM_GRAPH_FILE = "spectrum.onnx"  # of a vocoder whose graph ends at a spectrum, in place of it
ENGINE_FILE = "model.plan"
VOCABULARY_FILE = "vocab.txt"  # of BERT, beside text_frontend, and beside a student
PIECE_GRAPH_FILE = "pieces.onnx"  # of a text student, in place of BERT's graph
PIECE_FILE = "pieces.tsv"  # found by SentencePiece, beside it
TEXT_RESOURCES = "resources"  # a directory of optional files, beside it
G2PW_FOLDER = "G2PWModel"  # one of those: tells readings of a Mandarin character apart
LARGE_LANGUAGE_MODEL_FILE = "lid.176.bin"  # another: tells languages apart
PHONE_TABLE_FILE = "phone_table.npy"  # how well tokens fit phones, beside tts
PHONE_DURATIONS_FILE = "phone_durations.npy"  # how many tokens phones last, beside it
LATENT_CODEC_FILE = "latent_codec.npz"  # writes latents in few bits, beside it
T2S_GRAPH_FILE = "t2s.onnx"  # both phases, for ONNX Runtime on a CPU
T2S_PREFILL_FILE = "t2s_prefill.onnx"  # the phases for a GPU, by ONNX Runtime or TensorRT
T2S_DECODE_STEP_FILE = "t2s_decode_step.onnx"
T2S_DECODE_SAMPLE_FILE = "t2s_decode_sample.onnx"  # with the draw of the next token
T2S_MOVE_SLOT_FILE = "t2s_move_slot.onnx"  # one slot of the cache to another
T2S_WEIGHTS_FILE = "t2s.weights"  # of the first
T2S_TENSORS_FILE = "t2s_tensors.json"  # where each tensor lies in it, for who has no ONNX

WEIGHTS_FOLDER = "weights"  # of fine-tunes that were added to the first, by their ids

_BLOCK_BYTES = 1 << 20


def t2s_rounded_weights_file(precision: str) -> str:
    """Name the weight file of T2S's graph for a CPU; `precision` is int8 or int4."""
    return f"t2s_{precision}.weights"


def t2s_gpu_weights_file(precision: str) -> str:
    """Name the weight file of T2S's graphs for a GPU; `precision` is fp32, fp16 or bf16."""
    return f"t2s_{precision}.weights"


def weights_folder(weights: int) -> str:
    """Where a stage keeps the weights of this id, below its version directory."""
    return f"{WEIGHTS_FOLDER}/{weights:015x}"


def file_digest(path: Path) -> str:
    """Hash a file, or every file below a directory with its name.

    Returns:
        SHA-256 in hexadecimal.

    Raises:
        FileNotFoundError: there is nothing at `path`.
    """
    if path.is_dir():
        members = sorted(member for member in path.rglob("*") if member.is_file())
        return joined_digest(f"{member.relative_to(path)} {file_digest(member)}" for member in members)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def joined_digest(parts: Iterable[str]) -> str:
    """Hash several texts; SHA-256 in hexadecimal."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

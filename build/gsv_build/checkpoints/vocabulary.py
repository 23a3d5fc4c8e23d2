"""The characters that BERT knows, in the order of their ids."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.reading import read_config

MAX_VOCABULARY_BYTES = 16 * 1024**2


def load_vocabulary(directory: Path) -> list[str]:
    """Read ``vocab.txt`` or, where there is none, ``tokenizer.json`` of a Hugging Face BERT directory.

    Returns:
        Tokens in the order of their ids.

    Raises:
        CheckpointError: neither file is there, ids have gaps, or a special token is missing.
    """
    plain, tokenizer = directory / "vocab.txt", directory / "tokenizer.json"
    if plain.is_file():
        if plain.stat().st_size > MAX_VOCABULARY_BYTES:
            raise UnreadableCheckpoint(f"{plain} is {plain.stat().st_size:,} bytes; need {MAX_VOCABULARY_BYTES:,}")
        tokens = plain.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        tokens = [token.removesuffix("\r") for token in tokens]
    elif tokenizer.is_file():
        tokens = _tokens_of(read_config(tokenizer, MAX_VOCABULARY_BYTES), tokenizer)
    else:
        raise UnreadableCheckpoint(
            f"{directory} has neither vocab.txt nor tokenizer.json; fetch it with `python -m gsv_build weights`"
        )
    missing = [token for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") if token not in tokens]
    if missing:
        raise CheckpointError(
            f"{directory.name}: the vocabulary lacks {', '.join(missing)}; need BERT's; check the file"
        )
    return tokens


def _tokens_of(content: Mapping[str, Any], path: Path) -> list[str]:
    """Tokens of a tokenizer.json, ordered by id."""
    model = content.get("model")
    ids = model.get("vocab") if isinstance(model, Mapping) else None
    if not isinstance(ids, Mapping) or not all(isinstance(number, int) for number in ids.values()):
        raise CheckpointError(f"{path} has no token ids under model.vocab; need those of BERT; check the file")
    tokens = sorted(ids, key=lambda token: int(ids[token]))
    if [ids[token] for token in tokens] != list(range(len(tokens))):
        raise CheckpointError(f"{path}: token ids are not 0 to {len(tokens) - 1} without gaps; check the file")
    return tokens

"""The file of a codec of latents, beside `tts` in a repository and in a bundle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from gsv_runtime.model_files import file_digest
from gsv_runtime.tts.synthesis.latent_codec import LatentCodec


def read_codec(path: Path) -> LatentCodec:
    """Read a codec.

    Raises:
        ValueError: it is damaged or incomplete.
        OSError: there is none.
    """
    digest = file_digest(path)
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            arrays = {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, EOFError, ValueError, AttributeError, TypeError) as failure:
        raise ValueError(f"{path} cannot be read ({failure}); run `make codec`") from None
    return LatentCodec.of(arrays, digest)


def write_codec(path: Path, codec: LatentCodec) -> LatentCodec:
    """Write a codec, its tables in half precision, whole or not at all; returns it as it will be read."""
    # Row by row, as who reads it without NumPy expects it.
    arrays = {name: np.ascontiguousarray(getattr(codec, name), dtype=np.float32) for name in LatentCodec.ARRAYS}
    arrays["tables"] = arrays["tables"].astype(np.float16)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez(file, **arrays, weights_digest=np.array(codec.weights_digest))
    partial.replace(path)
    return read_codec(path)

"""A codec is read as it was written, and a file that is none is named."""

from dataclasses import replace

import numpy as np
import pytest

from gsv_runtime.tts.codec_file import read_codec, write_codec
from gsv_runtime.tts.synthesis.latent_codec import LatentCodec

from ...small_repositories import random_codec


def test_a_codec_is_read_as_it_was_written(tmp_path):
    path, codec = tmp_path / "codec.npz", random_codec(8, "weights")
    written = write_codec(path, codec)
    for name in LatentCodec.ARRAYS:
        assert np.array_equal(getattr(written, name), getattr(codec, name))
    assert (written.weights_digest, written.digest) == ("weights", read_codec(path).digest)
    assert [file.name for file in tmp_path.iterdir()] == ["codec.npz"]


def test_arrays_lie_row_by_row_for_who_reads_them_without_numpy(tmp_path):
    codec = random_codec(8, "weights")
    turned = replace(codec, leave=np.asfortranarray(codec.leave.astype(np.float64)))
    write_codec(tmp_path / "codec.npz", turned)
    with np.load(tmp_path / "codec.npz") as file:
        found = {name: (file[name].dtype, np.isfortran(file[name])) for name in LatentCodec.ARRAYS}
        assert np.array_equal(file["leave"], codec.leave)
    floats = dict.fromkeys(("mean", "enter", "leave"), (np.float32, False))
    assert found == {**floats, "tables": (np.float16, False)}


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_named(tmp_path, data):
    path = tmp_path / "codec.npz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="make codec"):
        read_codec(path)

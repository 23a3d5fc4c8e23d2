"""What goes into a bundle; the whole of it: tests/e2e/test_bundle.py."""

import logging

from gsv_build.bundle import without_foreign_codec
from gsv_runtime.tts.codec_file import write_codec

from ..small_repositories import random_codec

NAME = "tts/1/latent_codec.npz"


def test_a_codec_of_other_weights_stays_behind_and_is_named(tmp_path, caplog):
    path = tmp_path / "latent_codec.npz"
    write_codec(path, random_codec(6, "w"))
    files = {"symbols.json": tmp_path / "symbols.json", NAME: path}
    assert without_foreign_codec(files, "w") == files
    with caplog.at_level(logging.WARNING):
        assert list(without_foreign_codec(files, "another")) == ["symbols.json"]
    assert "run `make codec` with these" in caplog.text
    assert without_foreign_codec({}, "w") == {}

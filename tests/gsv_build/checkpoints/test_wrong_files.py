"""What is no checkpoint is named for what it is."""

import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.loading import load_sovits, load_t2s
from gsv_build.checkpoints.reading import read_pickled

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32\nsize 148875\n"
WRONG = {
    b"": "is empty: the download broke off, or the disk is full",
    b"<!DOCTYPE html><html><title>Log in</title></html>": "is a web page",
    b"\n <HTML><body>404 Not Found": "is a web page",
    b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>': "is a web page",
    LFS: "is a Git LFS pointer .*git lfs pull",
    b'{"error": "Repository not found"}': "is JSON, no checkpoint",
    b"Entry not found\n": "is text, no checkpoint",
    bytes(4096): "is nothing but zero bytes",
    b"\x1f\x8b\x08\0" + bytes(40): "is a gzip archive; unpack it",
    b"7z\xbc\xaf\x27\x1c" + bytes(40): "is a 7z archive",
    b"Rar!\x1a\x07" + bytes(40): "is a RAR archive",
    b"RIFF\0\0\0\0WAVEfmt ": "is a WAV file, a recording",
    b"GGUF\x03" + bytes(40): "is a GGUF file",
    pickle.dumps({"weight": 1}, 2): "is a file of PyTorch before 1.6; save it anew: python -c",
    b"\x08\x07\x12\x07pytorch\x1a\x051.9.0" + bytes(40): "is an ONNX graph",
    b"\xfe\x01\x02\x03" * 9: "is of no known kind",
}


@pytest.mark.parametrize("content", WRONG, ids=lambda content: repr(content[:12]))
def test_a_file_that_is_no_checkpoint_is_named(content, tmp_path):
    path = tmp_path / "s2.pth"
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpoint, match=f"^s2.pth {WRONG[content]}"):
        read_pickled(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_archive_of_a_download_is_named_with_what_it_holds(compression, tmp_path):
    with zipfile.ZipFile(tmp_path / "ann.pth", "w", compression) as archive:
        archive.writestr("ann/ann_e8_s96.pth", bytes(100))
    with pytest.raises(UnreadableCheckpoint, match=r"a zip archive .* it holds ann/ann_e8_s96\.pth; unpack it"):
        read_pickled(tmp_path / "ann.pth")


@pytest.mark.parametrize("load", [load_t2s, load_sovits])
def test_a_folder_in_place_of_a_file_is_named(load, tmp_path):
    with pytest.raises(UnreadableCheckpoint, match="is a folder; name the file in it"):
        load(tmp_path)


def test_a_voice_of_rvc_and_a_file_without_tensors_are_named(tmp_path):
    torch.save({"weight": {"a": torch.zeros(2)}, "config": [1, 2], "f0": 1, "sr": "40k"}, tmp_path / "rvc.pth")
    with pytest.raises(CheckpointError, match=r"rvc\.pth is a voice of RVC"):
        load_sovits(tmp_path / "rvc.pth")
    torch.save({"weight": {}, "config": {}}, tmp_path / "empty.ckpt")
    with pytest.raises(CheckpointError, match="weight is empty; need a dict of tensors"):
        load_t2s(tmp_path / "empty.ckpt")


def test_safetensors_in_place_of_a_checkpoint_are_named(tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "s2.pth")
    with pytest.raises(UnreadableCheckpoint, match="is a safetensors file"):
        read_pickled(tmp_path / "s2.pth")


def test_a_file_of_the_old_format_is_named(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "s1.ckpt", _use_new_zipfile_serialization=False)
    with pytest.raises(UnreadableCheckpoint, match=r"PyTorch before 1\.6"):
        read_pickled(tmp_path / "s1.ckpt")

"""A file's version is told by its head and its tensors; what is not served is refused with a sentence."""

import hashlib

import pytest
import torch

from gsv_build.checkpoints import versions
from gsv_build.checkpoints.errors import CheckpointError, UnsupportedCheckpoint
from gsv_build.checkpoints.versions import (
    FileClue,
    digits_of,
    file_clue,
    refuse_unsupported,
    version_of_weights,
)
from gsv_runtime.versions import SUPPORTED, ModelVersion

V1, V2, PRO, PLUS, V3, V4 = (
    ModelVersion.V1,
    ModelVersion.V2,
    ModelVersion.V2_PRO,
    ModelVersion.V2_PRO_PLUS,
    ModelVersion.V3,
    ModelVersion.V4,
)


def tensors(**shapes):
    return {name.replace("__", "."): torch.empty(shape) for name, shape in shapes.items()}


PLAIN = {"enc_p__text_embedding__weight": (732, 192), "dec__ups__0__weight_v": (512, 256, 16)}
SPEAKER = {**PLAIN, "sv_emb__weight": (1024, 20480)}


@pytest.mark.parametrize(
    ("head", "version", "lora"),
    [
        (b"00", V1, False),
        (b"01", V2, False),
        (b"02", V3, False),
        (b"03", V3, True),
        (b"04", V4, True),
        (b"05", PRO, False),
        (b"06", PLUS, False),
    ],
)
def test_header_digits_tell_the_version(head, version, lora, tmp_path):
    (tmp_path / "s2.pth").write_bytes(head + b"rest")
    clue = file_clue(tmp_path / "s2.pth")
    assert (clue.version, clue.lora) == (version, lora)


def test_a_plain_zip_says_nothing(tmp_path):
    (tmp_path / "s2.pth").write_bytes(b"PK\x03\x04" + bytes(9000))
    assert file_clue(tmp_path / "s2.pth") is None


def test_unknown_digits_are_an_error(tmp_path):
    (tmp_path / "s2.pth").write_bytes(b"77rest")
    with pytest.raises(CheckpointError, match="version digits 77; need one of 00, 01, 02, 03, 04, 05, 06"):
        file_clue(tmp_path / "s2.pth")


def test_published_files_are_known_by_their_first_8192_bytes(tmp_path, monkeypatch):
    head = bytes(range(256)) * 32
    digest = hashlib.md5(head, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(versions.PUBLISHED, digest, FileClue(V4, False, "it is the published test.pth"))
    (tmp_path / "renamed.pth").write_bytes(head + b"whatever follows")
    assert file_clue(tmp_path / "renamed.pth").version is V4


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_head_that_is_written_reads_as_the_same_version(version, tmp_path):
    (tmp_path / "s2.pth").write_bytes(digits_of(version) + b"rest")
    clue = file_clue(tmp_path / "s2.pth")
    assert clue is None or clue.version is version
    assert (clue is not None) == version.uses_speaker_embedding


@pytest.mark.parametrize(
    ("version", "lora", "sentence"),
    [
        (V3, False, "is a v3 model"),
        (V4, False, "is a v4 model"),
        (V3, True, "is a v3 LoRA"),
        (V4, True, "is a v4 LoRA"),
    ],
)
def test_v3_v4_and_lora_are_refused_with_a_sentence(version, lora, sentence):
    with pytest.raises(UnsupportedCheckpoint, match=rf"^x\.pth {sentence} \(why\).*; only .*v1, v2, v2Pro, v2ProPlus"):
        refuse_unsupported("x.pth", version, lora, "why")


def test_nobody_is_sent_to_a_command_of_upstream_that_does_not_exist():
    with pytest.raises(UnsupportedCheckpoint, match="upstream saves no merged file of it: fine-tune v2Pro"):
        refuse_unsupported("x.pth", V3, lora=True, reason="why")


@pytest.mark.parametrize(
    ("shapes", "config", "expected"),
    [
        (PLAIN, {}, V2),
        ({**PLAIN, "enc_p__text_embedding__weight": (322, 192)}, {}, V1),
        ({"dec__conv_pre__weight": (512, 192, 7)}, {}, V2),
        (SPEAKER, {}, PRO),
        ({**SPEAKER, "dec__ups__0__weight_v": (768, 384, 16)}, {}, PLUS),
        ({**SPEAKER, "dec__ups__0__weight_v": (96, 48, 20)}, {}, PLUS),
        (SPEAKER, {"model": {"version": "v2ProPlus"}}, PLUS),
        (SPEAKER, {"model": {"version": "v2"}}, PRO),  # the tensors are believed, not the config
        (PLAIN, {"model": "nonsense"}, V2),
    ],
)
def test_tensors_tell_the_version(shapes, config, expected):
    assert version_of_weights("s2.pth", tensors(**shapes), config, None) is expected


@pytest.mark.parametrize(
    ("name", "config", "sentence"),
    [
        ("cfm.estimator.proj.weight", {}, "is a v3 model"),
        ("bridge.0.weight", {"model": {"version": "v4"}}, "is a v4 model"),
        ("cfm.base_model.model.attn.to_q.lora_A.default.weight", {}, "LoRA"),
    ],
)
def test_tensors_of_v3_v4_and_lora_are_recognised(name, config, sentence):
    with pytest.raises(UnsupportedCheckpoint, match=sentence):
        version_of_weights("s2.pth", {name: torch.empty(1)}, config, None)


def test_a_head_that_contradicts_the_tensors_is_an_error():
    clue = FileClue(PRO, False, "it starts with the digits 05")
    with pytest.raises(CheckpointError, match=r"says v2Pro .* but its tensors are those of v2; need both to agree"):
        version_of_weights("s2.pth", tensors(**PLAIN), {}, clue)


def test_v1_and_v2_may_be_labelled_as_each_other():
    assert version_of_weights("s2.pth", tensors(**PLAIN), {}, FileClue(V1, False, "digits")) is V2

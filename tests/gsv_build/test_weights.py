"""A weights directory is understood with plain and with published names."""

import pytest

from gsv_build import fetch
from gsv_build.__main__ import main
from gsv_build.checkpoints import UnreadableCheckpoint
from gsv_build.weights import PUBLISHED, find_weights, published_patterns
from gsv_runtime.versions import ModelVersion

SHARED = ("chinese-hubert-base/config.json", "chinese-roberta-wwm-ext-large/config.json")
SPEAKER = "sv/pretrained_eres2netv2w24s4ep4.ckpt"


def fill(directory, *names):
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()


def test_plain_names(tmp_path):
    fill(tmp_path, "s1.ckpt", "s2.pth", *SHARED)
    files = find_weights(tmp_path)
    assert (files.t2s, files.sovits) == (tmp_path / "s1.ckpt", tmp_path / "s2.pth")
    assert files.speaker_encoder is None
    fill(tmp_path, SPEAKER)
    assert find_weights(tmp_path).speaker_encoder == tmp_path / SPEAKER


def test_a_model_that_knows_no_chinese_needs_no_bert(tmp_path):
    fill(tmp_path, "s1.ckpt", "s2.pth", SHARED[0])
    assert find_weights(tmp_path).bert is None


@pytest.mark.parametrize("version", PUBLISHED)
def test_published_names(version, tmp_path):
    fill(tmp_path, *PUBLISHED[version], *SHARED, SPEAKER)
    files = find_weights(tmp_path)
    assert (files.t2s, files.sovits) == tuple(tmp_path / name for name in PUBLISHED[version])


def test_several_published_versions_need_one_to_be_named(tmp_path):
    fill(tmp_path, *PUBLISHED[ModelVersion.V2_PRO], *PUBLISHED[ModelVersion.V2_PRO_PLUS], *SHARED, SPEAKER)
    with pytest.raises(UnreadableCheckpoint, match="holds models of v2Pro, v2ProPlus; name one with --version"):
        find_weights(tmp_path)
    assert find_weights(tmp_path, ModelVersion.V2_PRO).sovits.name == "s2Gv2Pro.pth"


@pytest.mark.parametrize(
    ("names", "version", "message"),
    [
        ((), None, "holds neither s1.ckpt and s2.pth nor a published model"),
        (("s1.ckpt", "s2.pth", SHARED[1]), None, "lacks .*chinese-hubert-base"),
        (("s1.ckpt", "s2.pth", *SHARED), ModelVersion.V2_PRO, "lacks .*pretrained_eres2netv2w24s4ep4.ckpt"),
        (SHARED, ModelVersion.V2, "lacks .*s1bert25hz-5kh.*s2G2333k.pth"),
    ],
)
def test_what_is_missing_is_named(names, version, message, tmp_path):
    fill(tmp_path, *names)
    with pytest.raises(UnreadableCheckpoint, match=message):
        find_weights(tmp_path, version)


def test_only_the_files_of_one_version_are_fetched():
    assert published_patterns(ModelVersion.V2_PRO) == (
        "s1v3.ckpt",
        "v2Pro/s2Gv2Pro.pth",
        "chinese-hubert-base/",
        "chinese-roberta-wwm-ext-large/",
        SPEAKER,
    )
    assert SPEAKER not in published_patterns(ModelVersion.V2)


def test_the_command_prints_the_directory_it_filled(tmp_path, monkeypatch, capsys):
    def fetched(repository, revision, wanted, output):
        assert (repository, revision) == ("lj1995/GPT-SoVITS", "abc")
        fill(output, *(name + "config.json" if name.endswith("/") else name for name in wanted))

    monkeypatch.setattr(fetch, "fetch", fetched)
    assert main(["weights", "--version", "v2Pro", "--revision", "abc", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"


def test_the_command_fails_with_status_1_and_says_why(tmp_path, monkeypatch, caplog):
    def offline(*_):
        raise fetch.FetchError("cannot fetch from the hub (ConnectError)")

    monkeypatch.setattr(fetch, "fetch", offline)
    assert main(["weights", "-o", str(tmp_path)]) == 1
    assert "cannot fetch from the hub" in caplog.text


def test_misuse_has_status_2(tmp_path):
    with pytest.raises(SystemExit) as stop:
        main(["weights", "--version", "v9"])
    assert stop.value.code == 2

"""A weights directory is understood with plain and with published names."""

import subprocess
from pathlib import Path

import pytest

from gsv_build import fetch
from gsv_build.__main__ import main
from gsv_build.checkpoints import UnreadableCheckpoint
from gsv_build.weights import PUBLISHED, Chosen, find_weights, published_patterns
from gsv_runtime.versions import ModelVersion

ROOT = Path(__file__).parents[2]
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


TUNED = {
    "the trainer's names": ("ann-e15.ckpt", "ann_e8_s96.pth"),
    "the trainer's folders": ("GPT_weights_v2/ann-e15.ckpt", "SoVITS_weights_v2/ann_e8_s96.pth"),
    "folders of v2Pro": ("GPT_weights_v2Pro/ann-e15.ckpt", "SoVITS_weights_v2Pro/ann_e8_s96.pth"),
    "folders of v1": ("GPT_weights/ann-e15.ckpt", "SoVITS_weights/ann_e8_s96.pth"),
    "one in a folder, one beside": ("GPT_weights_v2/ann-e15.ckpt", "ann_e8_s96.pth"),
    "capitals": ("ANN.CKPT", "ANN.PTH"),
    "Chinese": ("安-e15.ckpt", "安_e8_s96.pth"),
    "spaces, quotes and dollars": ("ann's $voice.ckpt", "my voice.pth"),
    "plain s1 beside a trainer's s2": ("s1.ckpt", "ann_e8_s96.pth"),
    "a voice from a hub, with its clip": ("voice/../ann.ckpt", "ann.pth"),
}


@pytest.mark.parametrize("how", TUNED)
def test_a_fine_tuned_voice_is_found_under_the_names_that_it_was_given(how, tmp_path):
    (tmp_path / "voice").mkdir()
    fill(tmp_path, *TUNED[how], "ref.wav", "s2D2333k.pth", "G_233333333333.pth", *SHARED)
    files = find_weights(tmp_path)
    assert (files.t2s, files.sovits) == tuple((tmp_path / name).resolve() for name in TUNED[how])


def test_of_several_epochs_one_has_to_be_named_and_all_are_listed(tmp_path):
    fill(tmp_path, "ann-e10.ckpt", "ann-e15.ckpt", "ann_e8_s96.pth", *SHARED)
    with pytest.raises(
        UnreadableCheckpoint, match=r"2 files \.ckpt .*: ann-e10.ckpt, ann-e15.ckpt; choose one: make build S1="
    ):
        find_weights(tmp_path)
    chosen = Chosen(t2s=tmp_path / "ann-e10.ckpt")
    assert find_weights(tmp_path, chosen=chosen).t2s.name == "ann-e10.ckpt"


def test_a_vocoder_beside_the_s2_is_taken_but_one_with_a_name_only_when_it_is_named(tmp_path):
    fill(tmp_path, "s1.ckpt", "s2.pth", "vocoder-light/config.json", *SHARED)
    assert find_weights(tmp_path).vocoder is None
    assert find_weights(tmp_path, chosen=Chosen(vocoder="light")).vocoder == tmp_path / "vocoder-light"
    fill(tmp_path, "vocoder/config.json")
    assert find_weights(tmp_path).vocoder == tmp_path / "vocoder"
    with pytest.raises(UnreadableCheckpoint, match="has no vocoder-lihgt; it has light to choose"):
        find_weights(tmp_path, chosen=Chosen(vocoder="lihgt"))


def test_files_may_be_named_one_by_one_and_the_shared_ones_lie_elsewhere(tmp_path):
    fill(tmp_path, "a/x.ckpt", "b/y.pth", *(f"models/{name}" for name in (*SHARED, SPEAKER)))
    chosen = Chosen(tmp_path / "a/x.ckpt", tmp_path / "b/y.pth", tmp_path / "models")
    files = find_weights(tmp_path / "nowhere", chosen=chosen)
    assert (files.t2s, files.sovits, files.hubert.parent) == (chosen.t2s, chosen.sovits, chosen.base)
    assert files.speaker_encoder == tmp_path / "models" / SPEAKER


@pytest.mark.parametrize(
    "folder", ["ann/pretrained_models", "pretrained_models", "ann/GPT_SoVITS/pretrained_models", "."]
)
def test_shared_encoders_are_found_where_upstream_keeps_them(folder, tmp_path):
    fill(tmp_path, "ann/ann.ckpt", "ann/ann.pth", *(f"{folder}/{name}" for name in SHARED))
    files = find_weights(tmp_path / "ann")
    assert files.hubert == tmp_path / folder / "chinese-hubert-base"
    assert files.bert is not None


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("ann.ckpt", *SHARED), r"there lie ann.ckpt.*S1=voice.ckpt S2=voice.pth"),
        (("ann.pth", *SHARED), r"there lie ann.pth"),
        (("model.safetensors", "notes.txt"), r"there lie model.safetensors, notes.txt"),
    ],
)
def test_what_lies_there_is_named_where_a_voice_is_not_complete(names, told, tmp_path):
    fill(tmp_path, *names)
    with pytest.raises(UnreadableCheckpoint, match=told):
        find_weights(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["my voice", "ann's", 'a "quoted" one', "声音", "a$b", "a;b", "a&b(c)"])
def test_make_hands_a_path_on_as_it_is(path):
    given = [f"WEIGHTS={path}", f"S1={path}/a b.ckpt"]
    script = 'include Makefile\nshow:\n\t@printf "%s\\n" $(VOICE_FILES)\n'
    shown = subprocess.run(
        ["make", "-s", "-f", "-", "show", *given], input=script, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.splitlines() == ["--weights", path, "--t2s", f"{path}/a b.ckpt"]

"""Files that were not trained together are refused, with what each is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gsv_build.checkpoints import CheckpointError
from gsv_build.pairing import check_pair
from gsv_build.sizes import SovitsSizes, T2SSizes
from gsv_build.weights import WeightFiles
from gsv_runtime.versions import SUPPORTED, ModelVersion

S1 = {version: T2SSizes(num_phones=512 if version is ModelVersion.V1 else 732) for version in SUPPORTED}
S2 = {version: SovitsSizes(version, num_phones=322 if version is ModelVersion.V1 else 732) for version in SUPPORTED}


@pytest.fixture
def files(tmp_path):
    def make(hubert=768, bert=1024):
        official = {
            "hubert": {"model_type": "hubert", "hidden_size": hubert},
            "bert": {"model_type": "bert", "hidden_size": bert},
        }
        for name, config in official.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "config.json").write_text(json.dumps(config))
        return WeightFiles(Path("ann.ckpt"), Path("ann.pth"), tmp_path / "hubert", tmp_path / "bert", None)

    return make


@pytest.fixture(autouse=True)
def _sizes_by_hidden_size_alone(monkeypatch):
    from gsv_build import pairing
    from gsv_build.sizes import BertSizes, HubertSizes

    monkeypatch.setattr(pairing, "hubert_sizes", lambda config: replace(HubertSizes(), hidden=config["hidden_size"]))
    monkeypatch.setattr(pairing, "bert_sizes", lambda config: replace(BertSizes(), hidden=config["hidden_size"]))


@pytest.mark.parametrize("s1", SUPPORTED)
@pytest.mark.parametrize("s2", SUPPORTED)
def test_files_of_one_generation_pass_and_others_are_refused(s1, s2, files):
    if (s1 is ModelVersion.V1) == (s2 is ModelVersion.V1):
        check_pair(files(), S1[s1], S2[s2])
        return
    told = rf"ann.ckpt is v[12].* \(\d+ phones\), ann.pth is {s2.value} \(\d+\): they are not of one voice"
    with pytest.raises(CheckpointError, match=told):
        check_pair(files(), S1[s1], S2[s2])


def test_other_phones_other_tokens_and_other_encoders_are_refused(files):
    s1, s2 = S1[ModelVersion.V2], S2[ModelVersion.V2]
    with pytest.raises(CheckpointError, match=r"\(732 phones\), ann.pth is v2 \(800\)"):
        check_pair(files(), s1, replace(s2, num_phones=800))
    with pytest.raises(CheckpointError, match=r"speaks 1024 semantic tokens, ann.pth knows 512"):
        check_pair(files(), s1, replace(s2, codebook=512))
    with pytest.raises(CheckpointError, match=r"gives 1024 features, ann.pth needs 768; .*make build BASE=dir"):
        check_pair(files(hubert=1024), s1, s2)
    with pytest.raises(CheckpointError, match=r"gives 768 features, ann.ckpt needs 1024"):
        check_pair(files(bert=768), s1, s2)

"""The server of the edge benchmark: a bundle with the vocoder that a server has."""

import json
from pathlib import Path

import pytest

from gsv_bench import edge_server
from gsv_bench.edge_server import with_the_servers_vocoder
from gsv_local.bundle import Bundle
from gsv_runtime.settings import CheckpointFacts


class _Facts:
    def __init__(self, weights_digest: str) -> None:
        self.weights_digest = weights_digest

    @classmethod
    def from_repository(cls, folder: Path) -> "_Facts":
        return cls(json.loads((folder / "build.json").read_text())["of"])


def _folder(path: Path, weights: str, graph: str) -> Path:
    (path / "vocoder/1").mkdir(parents=True)
    (path / "build.json").write_text(json.dumps({"of": weights}))
    (path / "vocoder/1/model.onnx").write_text(graph)
    return path


@pytest.fixture(autouse=True)
def _digest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_server, "CheckpointFacts", _Facts)
    monkeypatch.setattr(CheckpointFacts, "from_repository", _Facts.from_repository)


def test_the_vocoder_is_the_repositorys(tmp_path: Path) -> None:
    bundle = Bundle(_folder(tmp_path / "bundle", "a", "without masks"), {})
    with_the_servers_vocoder(bundle, _folder(tmp_path / "repository", "a", "with masks"))
    assert (bundle.folder / "vocoder/1/model.onnx").read_text() == "with masks"


def test_a_repository_of_other_weights_is_refused(tmp_path: Path) -> None:
    bundle = Bundle(_folder(tmp_path / "bundle", "a", "without masks"), {})
    with pytest.raises(ValueError, match="has other weights than the bundle; run `make bundle` again"):
        with_the_servers_vocoder(bundle, _folder(tmp_path / "repository", "b", "with masks"))
    assert (bundle.folder / "vocoder/1/model.onnx").read_text() == "without masks"

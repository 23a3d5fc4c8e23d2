"""Paths that a shell would misread are reached by links."""

from pathlib import Path

import pytest

from gsv_runtime.server import plain_paths


def test_a_plain_path_stays(tmp_path):
    assert plain_paths.plain(Path("/srv/gsv-1.0/models"), tmp_path / "links") == Path("/srv/gsv-1.0/models")
    assert plain_paths.plain(None, tmp_path / "links") is None
    assert not (tmp_path / "links").exists()


@pytest.mark.parametrize("name", ["a b", "it's", 'say "hi"', "中文", "a$b", "a;b", "a&b", "a(b)", "é"])
def test_any_other_is_reached_by_a_plain_link(tmp_path, name):
    (tmp_path / name / "models").mkdir(parents=True)
    (tmp_path / name / "models" / "file").write_text("here")
    links = tmp_path / "links"
    link = plain_paths.plain(tmp_path / name / "models", links)
    assert link == links / "models"
    assert (link / "file").read_text() == "here"
    plain_paths.remove(links)
    assert (tmp_path / name / "models" / "file").read_text() == "here"


def test_links_do_not_go_with_the_servers_shared_memory():
    assert not plain_paths.folder_of("gsv-1234-").name.startswith("gsv-1234-")

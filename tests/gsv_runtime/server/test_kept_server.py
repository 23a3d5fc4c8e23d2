"""Shared memory files are their owner's alone."""

from gsv_runtime.server.kept_server import keep_private


def test_only_files_of_this_server_are_closed_to_others(tmp_path):
    for name in ("gsv-a-1", "gsv-b-1"):
        (tmp_path / name).touch(mode=0o644)
        (tmp_path / name).chmod(0o644)
    keep_private("gsv-a-", tmp_path)
    assert (tmp_path / "gsv-a-1").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "gsv-b-1").stat().st_mode & 0o777 == 0o644

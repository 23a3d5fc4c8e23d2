"""`gsv cache` from a person's side: what is printed where, and how it exits."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gsv_runtime.cache.cli import cache
from gsv_runtime.cache.disk import DiskLevel
from gsv_runtime.cache.disk_files import relative_path

from .entries import entry, key


@pytest.fixture
def folder(tmp_path):
    level = DiskLevel(tmp_path / "cache", 1 << 30)
    for number in range(3):
        level.put(key(number), entry(number))
    return tmp_path / "cache"


def gsv_cache(*arguments, **options):
    return CliRunner().invoke(cache, [str(argument) for argument in arguments], **options)


def test_stats_as_json(folder):
    ran = gsv_cache("stats", "-d", folder, "--json")
    figures = json.loads(ran.stdout)
    assert (ran.exit_code, figures["entries"], figures["bytes"]) == (0, 3, 3 * 4096)
    assert figures["kinds"]["audio"]["entries"] == 3
    assert figures["newest_use"].endswith("+00:00")


def test_stats_print_a_line_for_each_kind(folder):
    ran = gsv_cache("stats", env={"GSV_CACHE": str(folder)})
    assert ran.stdout.splitlines() == [
        "features\t0\t0.00B",
        "voice\t0\t0.00B",
        "tokens\t0\t0.00B",
        "audio\t3\t12.3kB",
        "all\t3\t12.3kB",
    ]


def test_verify_exits_with_1_until_what_is_damaged_is_removed(folder):
    assert gsv_cache("verify", "-d", folder).exit_code == 0
    (folder / relative_path(key(1))).write_bytes(b"damaged")
    ran = gsv_cache("verify", "-d", folder)
    assert (ran.exit_code, ran.stdout) == (1, f"audio {key(1).digest}\n")
    ran = gsv_cache("verify", "-d", folder, "--delete", "--json")
    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == {"good": 2, "damaged": [f"audio {key(1).digest}"], "removed": 1}
    assert gsv_cache("verify", "-d", folder).exit_code == 0


def test_prune_takes_sizes_and_durations_with_units(folder):
    assert json.loads(gsv_cache("prune", "-d", folder, "--older-than", "30d", "--json").stdout)["entries"] == 0
    assert json.loads(gsv_cache("prune", "-d", folder, "--max-bytes", "9k", "--json").stdout)["entries"] == 1
    assert json.loads(gsv_cache("prune", "-d", folder, "--max-bytes", "0", "--json").stdout)["entries"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune"], "nothing to prune by"),
        (["prune", "--max-bytes", "many"], "'many' cannot be read; write bytes, or such as 500M or 2G"),
        (["prune", "--older-than", "-3d"], "cannot be read; write such as 12h"),
        (["prune", "--older-than", "3y"], "cannot be read; write such as 12h"),
        (["export", "-", "--json"], "both want stdout"),
    ],
)
def test_misuse_is_told_and_exits_with_2(folder, arguments, message):
    ran = gsv_cache(*arguments, "-d", folder)
    assert ran.exit_code == 2
    assert message in ran.stderr


@pytest.mark.parametrize("arguments", [["stats"], ["verify"], ["prune", "--max-bytes", "1"], ["export", "x.tar"]])
def test_a_folder_that_is_not_there_is_told_and_nothing_is_made(tmp_path, arguments, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = gsv_cache(*arguments)
    assert ran.exit_code == 1
    assert "there is no folder var/cache; give the server's by --directory or GSV_CACHE" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_library_travels_as_one_file(folder, tmp_path):
    file, other = tmp_path / "phrases.tar", tmp_path / "other"
    assert json.loads(gsv_cache("export", file, "-d", folder, "--json").stdout)["entries"] == 3
    ran = gsv_cache("import", file, "-d", other, "--json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, {"added": 3, "present": 0, "refused": []})
    assert "3 added, 0 were there, 0 refused" in ran.stderr
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.slow
def test_a_library_travels_through_a_pipe(folder, tmp_path):
    command = [sys.executable, "-m", "gsv_runtime.cache"]
    piped = subprocess.run([*command, "export", "-", "-d", folder], capture_output=True, check=True).stdout
    ran = subprocess.run([*command, "import", "-", "-d", tmp_path / "other"], input=piped, capture_output=True)
    assert ran.returncode == 0
    assert b"3 added" in ran.stderr


def test_what_is_no_library_fails_in_one_line(folder, tmp_path):
    (tmp_path / "bad.tar").write_bytes(b"bad" * 1000)
    ran = gsv_cache("import", tmp_path / "bad.tar", "-d", folder)
    assert ran.exit_code == 1
    assert ran.stderr.startswith("Error: this is no exported library")
    assert gsv_cache("import", tmp_path / "none.tar", "-d", folder).stderr.endswith("No such file or directory\n")


def test_an_export_that_fails_leaves_no_file(tmp_path):
    ran = gsv_cache("export", tmp_path / "phrases.tar", "-d", tmp_path / "none")
    assert ran.exit_code == 1
    assert list(tmp_path.iterdir()) == []

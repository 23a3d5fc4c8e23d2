"""`make` takes a Python that works here, or says in one sentence what is missing; what runs needs no package index."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from .test_layout import ROOT

TOOLS = ("awk", "bash", "cat", "chmod", "env", "id", "ln", "make", "mkdir", "sh", "test", "touch", "tr", "true")
FAKE_PYTHON = """#!{real}
import os, sys
version = {version}
if sys.argv[1:2] == ["-c"]:
    sys.version_info = (*version, 0, "final", 0)
    exec(sys.argv[2])
elif sys.argv[1:3] == ["-m", "venv"]:
    os.makedirs(sys.argv[-1] + "/bin")
    for name in ("python", "pip"):
        path = sys.argv[-1] + "/bin/" + name
        open(path, "w").write("#!/bin/sh\\n")
        os.chmod(path, 0o755)
    open(sys.argv[-1] + "/made-by", "w").write("%d.%d" % version)
else:
    print("Python %d.%d.1" % version)
"""
FAKE_UV = """#!/bin/sh
for last; do :; done
mkdir -p "$last/bin"
printf '#!/bin/sh\\n' > "$last/bin/python"; chmod +x "$last/bin/python"
cp "$last/bin/python" "$last/bin/pip"
printf uv > "$last/made-by"
"""


@pytest.fixture
def machine(tmp_path):
    """A PATH with these Pythons, name to version, and nothing else that is called Python."""

    def make(uv=False, **pythons):
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in (*TOOLS, "cp", "printf"):
            (folder / tool).symlink_to(shutil.which(tool))
        (folder / "cc").symlink_to(shutil.which("true"))
        for name, version in pythons.items():
            path = folder / name.replace("_", ".")
            path.write_text(FAKE_PYTHON.format(real=sys.executable, version=version))
            path.chmod(0o755)
        if uv:
            (folder / "uv").write_text(FAKE_UV)
            (folder / "uv").chmod(0o755)
        return folder

    return make


def run_make(folder, tmp_path, *arguments):
    venv = tmp_path / "venv"
    command = ["make", "-C", ROOT, f"VENV={venv}", *arguments, f"{venv}/.server"]
    result = subprocess.run(command, env={"PATH": str(folder)}, capture_output=True, text=True, check=False)
    made_by = venv / "made-by"
    return result, made_by.read_text() if made_by.exists() else None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3": (3, 11)}, "3.11"),
        ({"python3": (3, 12)}, "3.12"),
        ({"python3": (3, 9), "python3_11": (3, 11)}, "3.11"),
        ({"python3": (3, 13), "python3_12": (3, 12), "python3_11": (3, 11)}, "3.12"),
        ({"python3_11": (3, 11)}, "3.11"),
    ],
)
def test_the_first_python_that_works_here_is_taken(machine, tmp_path, pythons, chosen):
    result, made_by = run_make(machine(**pythons), tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert made_by == chosen


def test_uv_makes_the_environment_where_no_python_works(machine, tmp_path):
    result, made_by = run_make(machine(python3=(3, 14), uv=True), tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert made_by == "uv"


@pytest.mark.parametrize("version", [(3, 8), (3, 9), (3, 10), (3, 13), (3, 14)])
def test_without_one_the_first_second_says_what_was_found_and_what_is_needed(machine, tmp_path, version):
    result, made_by = run_make(machine(python3=version), tmp_path)
    assert result.returncode != 0
    assert made_by is None
    told = f"python3 is Python {version[0]}.{version[1]}.1; need Python 3.11 or 3.12, or uv"
    assert told in result.stdout
    assert "installing" not in result.stdout


def test_a_python_that_is_named_is_looked_at_too(machine, tmp_path):
    folder = machine(python3=(3, 11), mine=(3, 13))
    result, made_by = run_make(folder, tmp_path, "PYTHON=mine")
    assert result.returncode != 0
    assert made_by is None
    assert "mine is Python 3.13.1; need Python 3.11 or 3.12" in result.stdout


def test_metadata_says_which_pythons_work():
    for package in ("runtime", "build"):
        assert 'requires-python = ">=3.11,<3.13"' in (ROOT / package / "pyproject.toml").read_text()


RUNNING = ("up", "down", "logs")


@pytest.mark.parametrize("target", RUNNING)
def test_what_runs_installs_nothing_although_requirements_have_changed(tmp_path, target):
    """A `git pull` changed requirements.txt, and there is no network: as seen by make, without running anything."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch(mode=0o755)
    command = ["make", "-n", "-C", str(ROOT), f"VENV={venv}", "-W", "requirements.txt", target]
    planned = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pip install" not in planned
    assert re.search(rf"gsv_runtime.server {target}", planned)


@pytest.mark.slow
def test_without_an_environment_what_runs_says_how_to_make_one(tmp_path):
    command = ["make", "-C", str(ROOT), f"VENV={tmp_path}/none", "down"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert result.returncode != 0
    assert f"no environment in {tmp_path}/none; run `make setup`" in result.stdout


@pytest.mark.parametrize(("variables", "passed"), [((), []), (("VOCODER=light",), ["--vocoder", "light"])])
def test_the_vocoder_that_is_named_reaches_the_build_and_none_does_unasked(tmp_path, variables, passed):
    for planned in (planned_demo(tmp_path / "demo", *variables), planned_build(tmp_path / "build", *variables)):
        (command,) = (line for line in planned.splitlines() if "gsv_build build" in line)
        asked = command[command.index("--weights") :]
        environment = {"BUILD_VOCODER": passed[-1] if passed else "", "PATH": os.environ["PATH"]}
        said = subprocess.run(
            ["bash", "-c", f"printf '%s\\n' {asked}"], capture_output=True, text=True, check=True, env=environment
        ).stdout.split()
        assert said[said.index("--vocoder") :] == passed if passed else "--vocoder" not in said


def planned_build(tmp_path, *variables):
    """The commands of `make build`, likewise."""
    return planned_demo(tmp_path, *variables, target="build")


def planned_demo(tmp_path, *variables, target="demo"):
    """The commands of `make demo` in an environment that is up to date, without running them."""
    venv = tmp_path / "venv"
    venv.mkdir(parents=True)
    for mark in (".server", ".workbench"):
        (venv / mark).touch()
    command = ["make", "-n", "-C", str(ROOT), f"VENV={venv}", *variables, target]
    others = {"PRESET", "ARGS", "MAKEFLAGS", "MAKEOVERRIDES"}  # variables of the make that runs the tests
    clean = {name: value for name, value in os.environ.items() if name not in others}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=clean).stdout


def test_the_demo_asks_what_this_machine_can_run_unless_it_is_told(tmp_path):
    assert "preset=$(" in (planned := planned_demo(tmp_path))
    assert "-m gsv_client.gpu)" in planned
    assert "requirements-cuda.txt" not in planned, "2 GB are not installed unasked"


@pytest.mark.parametrize(("preset", "installs"), [("cuda", True), ("cpu", False)])
def test_a_demo_with_a_preset_takes_it_and_installs_what_that_needs(tmp_path, preset, installs):
    planned = planned_demo(tmp_path, f"PRESET={preset}")
    assert f"preset={preset} &&" in planned
    assert "gsv_client.gpu" not in planned
    assert ("uninstall --quiet --yes onnxruntime" in planned) == installs
    assert ("-r requirements-cuda.txt" in planned) == installs


def test_every_target_is_explained_by_help():
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.* test .*)", text, re.MULTILINE)[1].split()
    explained = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert set(phony) == explained

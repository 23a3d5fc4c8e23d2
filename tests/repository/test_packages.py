"""The packages: one version, complete metadata and dependencies, wheels that work in a clean environment."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from gsv_build.deployment import PRESETS
from gsv_build.graphs.t2s_graphs import write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.pbtxt import parameters
from gsv_build.sizes import T2SSizes
from gsv_runtime import contract
from gsv_runtime.t2s import fused_library

from ..clean_environment import build_wheels, environment_with

pytestmark = pytest.mark.slow

tomllib = pytest.importorskip("tomllib")  # from Python 3.11

ROOT = Path(__file__).parents[2]
PACKAGES = ("runtime", "build", "client", "gateway", "loadtest", "local")
PROJECTS: dict[str, dict[str, Any]] = {
    folder: tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for folder in PACKAGES
}
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
BUILDERS = {"gsv_bench", "gsv_build", "gsv_compress", "gsv_demo"}  # of one distribution
OURS = {*BUILDERS, "gsv_runtime", "gsv_client", "gsv_gateway", "gsv_loadtest", "gsv_local"}
PYTHONS = ("3.9", "3.10", "3.11", "3.12")  # onnxruntime and NumPy below 2 end there
# Brought by who runs the code, and never by a package index.
PROVIDED = {"triton_python_backend_utils", "tensorrt", "setuptools"}


def test_every_package_has_the_version_of_the_one_file() -> None:
    assert {folder: PROJECTS[folder]["version"] for folder in PACKAGES} == dict.fromkeys(PACKAGES, VERSION)


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = rf"\[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d"
    assert re.fullmatch(rf"\[Unreleased\] \({re.escape(VERSION)}\)|{released}", headings[0]), headings[0]


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_package_has_licence_urls_classifiers_and_a_page(folder: str) -> None:
    project = PROJECTS[folder]
    assert project["license"] == "MIT"
    assert (ROOT / folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (ROOT / folder / project["readme"]).read_text(encoding="utf-8").startswith("# ")
    assert project["urls"]
    named = {name.rpartition(" ")[2] for name in project["classifiers"] if re.search(r"Python :: 3\.\d", name)}
    works = SpecifierSet(project["requires-python"])
    assert named == {python for python in PYTHONS if works.contains(python)}


def imported(folder: str) -> set[str]:
    """Top names that a package imports, wherever the import stands, but for those under ``TYPE_CHECKING``."""
    names: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                node.body = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names


def declared(folder: str) -> set[str]:
    """Distributions that a package asks for, its extras included."""
    project = PROJECTS[folder]
    extras = [item for items in project.get("optional-dependencies", {}).values() for item in items]
    names = [re.split(r"[^\w.-]", item)[0] for item in (*project["dependencies"], *extras)]
    return {normal(name) for name in (*names, project["name"])}


def normal(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_package_asks_for_what_it_imports(folder: str) -> None:
    installed = importlib.metadata.packages_distributions()
    ours = {name: {"gsv-build" if name in BUILDERS else f"gsv-{name[4:]}"} for name in OURS}
    missing = []
    for name in sorted(imported(folder) - set(sys.stdlib_module_names) - PROVIDED):
        providers = ours.get(name) or {normal(each) for each in installed.get(name, [])}
        if providers and not providers & declared(folder):
            missing.append(f"{name} ({', '.join(sorted(providers))})")
    assert missing == []


@pytest.mark.parametrize("folder", PACKAGES)
def test_what_an_installation_leaves_behind_is_not_in_git_status(folder: str) -> None:
    left = [f"{folder}/build/lib/x.py", f"{folder}/gsv_{folder}.egg-info/PKG-INFO", f"{folder}/dist/x.whl"]
    ignored = subprocess.run(["git", "check-ignore", *left], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == left


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels of what is installed apart from a checkout."""
    wheels: dict[str, Path] = build_wheels(("runtime", "client", "local"), tmp_path_factory.mktemp("wheels"), pure=True)
    return wheels


@pytest.fixture(scope="module")
def python(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with these wheels."""
    programs: Path = environment_with(wheels.values(), tmp_path_factory.mktemp("clean"))
    return programs / "python"


def run(python: Path, code: str, folder: Path) -> Any:
    """What code prints as JSON, run away from the checkout."""
    result = subprocess.run([str(python), "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("folder", ["runtime", "client", "local"])
def test_a_wheel_has_its_licence_and_metadata_and_nothing_of_the_tests(folder: str, wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels[folder]) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        fields = Parser().parsestr(archive.read(metadata).decode("utf-8"))
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert fields["Version"] == VERSION
    assert fields["License-Expression"] == "MIT"
    assert fields.get_all("Project-URL")
    assert fields.get_all("Classifier")
    assert fields.get_payload()
    assert {name.partition("/")[0] for name in names} == {f"gsv_{folder}", f"gsv_{folder}-{VERSION}.dist-info"}


@pytest.mark.parametrize("folder", ["runtime", "client", "local"])
def test_a_wheel_can_be_made_that_any_machine_takes(folder: str, wheels: dict[str, Path]) -> None:
    assert wheels[folder].name.endswith("-py3-none-any.whl")


def test_the_runtime_reads_text_where_only_its_wheel_is_installed(python: Path, tmp_path: Path) -> None:
    code = (
        "import json, gsv_runtime; from gsv_runtime.text.frontend import TextFrontend; "
        "result = TextFrontend().process('Hello, world. 你好。'); "
        "print(json.dumps([gsv_runtime.__file__, len(result.sentences)]))"
    )
    place, sentences = run(python, code, tmp_path)
    assert str(ROOT) not in place
    assert sentences == 2


def test_every_module_of_the_runtime_is_in_its_wheel_and_can_be_imported(python: Path, tmp_path: Path) -> None:
    code = (
        "import importlib, json, pkgutil, sys, types, gsv_runtime; "
        "sys.modules['triton_python_backend_utils'] = types.ModuleType('triton_python_backend_utils'); "
        "names = [m.name for m in pkgutil.walk_packages(gsv_runtime.__path__, 'gsv_runtime.') "
        "if not m.name.endswith(('__main__', '_preloaded'))]; "
        "[importlib.import_module(name) for name in names]; print(json.dumps(names))"
    )
    here = [path.relative_to(ROOT / "runtime") for path in (ROOT / "runtime" / "gsv_runtime").rglob("*.py")]
    wanted = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in here}
    wanted = {name for name in wanted if not name.endswith("__main__")} - {"gsv_runtime"}
    assert wanted <= set(run(python, code, tmp_path))


def test_the_client_works_where_only_its_wheel_is_installed(python: Path, tmp_path: Path) -> None:
    code = (
        "import json, gsv_client; from importlib.metadata import entry_points; "
        "command = next(iter(entry_points(group='console_scripts', name='gsv'))).load(); "
        "print(json.dumps([gsv_client.__file__, sorted(command.commands)]))"
    )
    place, commands = run(python, code, tmp_path)
    assert str(ROOT) not in place
    assert {"say", "voices", "doctor", "phones", "pregenerate"} <= set(commands)


COMPILES = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make wheels` writes."""
    pytest.importorskip("auditwheel", reason="run `make setup`")
    folder: Path = tmp_path_factory.mktemp("made") / "wheels"
    make = ["make", "--silent", "--old-file=setup", "wheels", f"WHEELS={folder}"]
    offline = {**os.environ, "PIP_NO_BUILD_ISOLATION": "0"}  # in pip's words: no isolation
    made = subprocess.run(make, cwd=ROOT, env=offline, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder


def taken(made: Path, place: Path, *of: str) -> str:
    """The wheel of the runtime that pip takes; `of` names another machine."""
    given = ["--quiet", "--no-deps", "--no-index", "--find-links", str(made), "--dest", str(place), *of]
    subprocess.run([sys.executable, "-m", "pip", "download", *given, "gsv-runtime"], check=True)
    (wheel,) = (path.name for path in place.glob("*.whl"))
    return wheel


@pytest.mark.skipif(not COMPILES, reason="compiled for Linux on x86-64")
def test_pip_takes_the_compiled_runtime_where_it_fits_and_the_pure_one_elsewhere(made: Path, tmp_path: Path) -> None:
    assert re.fullmatch(r"gsv_runtime-\S+-cp311-abi3-manylinux_2_\d+_x86_64\.whl", taken(made, tmp_path / "here"))
    for machine in ("macosx_14_0_arm64", "win_amd64", "manylinux2014_aarch64", "manylinux2014_x86_64"):
        other = taken(made, tmp_path / machine, "--only-binary=:all:", "--platform", machine)
        assert other.endswith("-py3-none-any.whl")


@pytest.mark.skipif(not COMPILES, reason="compiled for Linux on x86-64")
@pytest.mark.skipif(not fused_library.AVX2.needed <= fused_library.flags(), reason="this CPU lacks AVX2")
def test_where_the_compiled_wheel_is_installed_t2s_runs_fused(made: Path, tmp_path: Path) -> None:
    graphs = tmp_path / "t2s"
    graphs.mkdir()
    sizes = T2SSizes(hidden=64, heads=4, layers=1, feed_forward=96, num_phones=20, vocabulary=65, bert_dim=12)
    settings = PRESETS["edge"].model(contract.T2S)
    write_t2s_graphs(T2S(sizes).eval(), graphs, settings.settings.cache_rows)
    programs = environment_with([made / taken(made, tmp_path / "taken")], tmp_path / "device")
    code = (
        "import json, pathlib; from gsv_runtime.settings import T2SSettings, parse; "
        "from gsv_runtime.t2s.opening import open_engine; "
        f"engine = open_engine(pathlib.Path({str(graphs)!r}), parse(T2SSettings, {parameters(settings)!r})); "
        "from gsv_runtime.t2s import fused_library; "
        "print(json.dumps([type(engine).__name__, str(fused_library.path(fused_library.usable()[0]))]))"
    )
    engine, library = run(programs / "python", code, tmp_path)
    assert engine == "FusedEngine"
    assert Path(library).is_relative_to(programs.parent)

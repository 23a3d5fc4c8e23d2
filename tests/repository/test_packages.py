"""The packages: one version, complete metadata and dependencies, wheels that work in a clean environment."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

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

"""Rules that hold for the repository as a whole."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import tomllib

from gsv_build.configs import drifted
from gsv_build.deployment import PRESETS
from gsv_runtime.contract import MODELS

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "runtime/gsv_runtime",
    "build/gsv_build",
    "build/gsv_bench",
    "build/gsv_compress",
    "build/gsv_demo",
    "build/gsv_judge",
    "client/gsv_client",
    "gateway/gsv_gateway",
    "loadtest/gsv_loadtest",
    "local/gsv_local",
)
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MODEL_FILES = sorted((ROOT / "model_repository").glob("*/1/model.py"))


def test_committed_configuration_is_what_the_contract_and_the_cpu_preset_render():
    assert drifted(ROOT / "model_repository", PRESETS["cpu"]) == [], "run `make configs` and commit"


def test_every_model_of_the_contract_has_a_directory_and_nothing_else_lies_there():
    assert {path.parts[-3] for path in MODEL_FILES} == {model.name for model in MODELS}
    directories = {path.name for path in (ROOT / "model_repository").iterdir() if path.is_dir()}
    assert directories == {model.name for model in MODELS}


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.parts[-3])
def test_model_files_only_adapt(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    imports = set(re.findall(r"^(?:from|import) (\w+)", text, re.MULTILINE))
    assert imports <= {"gsv_runtime", "pathlib", "typing"}


def test_modules_stay_short_enough_to_hold_in_mind():
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils.py", "helpers.py", "misc.py", "common.py"}
    assert not [path for path in SOURCES if path.name in empty]


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_a_class_has_a_name_of_its_own_in_its_package(package):
    places = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        classes = (
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)
        )
        for node in classes:
            places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


_DOOR = ("messages", "metrics", "stage_calls", "streams")


def test_only_the_door_touches_tritons_python_api_and_only_the_runners_touch_onnx_runtime():
    runtime = ROOT / "runtime" / "gsv_runtime"
    allowed = {
        "triton_python_backend_utils": {f"triton/{name}.py" for name in _DOOR},
        "onnxruntime": {
            "graphs/session.py",
            "graphs/captured_stage.py",
            "t2s/engine.py",
            "t2s/cpu_engine.py",
            "t2s/cuda_engine.py",
            "t2s/sampled_steps.py",
            "t2s/slot_memory.py",
        },
    }
    for module, places in allowed.items():
        pattern = re.compile(rf"^\s*(?:import|from) {module}\b", re.MULTILINE)
        users = {str(path.relative_to(runtime)) for path in runtime.rglob("*.py") if pattern.search(path.read_text())}
        assert users <= places


def test_the_ground_of_the_runtime_stays_small():
    assert len([path for path in (ROOT / "runtime" / "gsv_runtime").iterdir() if path.is_file()]) <= 15


@pytest.mark.slow
def test_what_calls_itself_pure_is_held_to_it_and_opens_no_file():
    runtime = ROOT / "runtime" / "gsv_runtime"
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (held,) = [contract["source_modules"] for contract in contracts if "pure" in contract["name"]]
    for path in runtime.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        first = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
        if re.search(r"\b[Pp]ure\b", first):
            module = ".".join(path.relative_to(runtime.parent).with_suffix("").parts)
            assert any(module == name or module.startswith(f"{name}.") for name in held), f"{module} is in no contract"
            assert not re.search(r"(?<!def )(?<![.\w])open\(|\.read_text\(|\.write_text\(", text), module


def test_packages_import_only_whom_they_may():
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr

"""The repository that tritonserver is given: the one that was built, or a folder of links to it with other settings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from gsv_runtime import contract
from gsv_runtime.model_files import CONFIG_FILE
from gsv_runtime.models.catalogue import CATALOGUE_FILE
from gsv_runtime.server.operator_settings import OperatorSettings, model_values
from gsv_runtime.server.triton_process import ServerFailed
from gsv_runtime.settings import BUILD_FILE

FOLDER = "models"  # in the folder of the state
_TENSOR_NAME = re.compile(r'name: "(\w+)"')
_TRITONS_OWN = ("max_batch_size", "max_candidate_sequences")


def require_this_version(repository: Path) -> None:
    """Refuse a repository whose models lack a tensor that this code sends or awaits: Triton refuses such calls.

    Raises:
        ServerFailed: it was built by an older version.
    """
    for model in contract.MODELS:
        path = repository / model.name / CONFIG_FILE
        if not path.is_file():
            continue
        names = set(_TENSOR_NAME.findall(path.read_text(encoding="utf-8")))
        missing = [tensor.name for tensor in (*model.inputs, *model.outputs) if tensor.name not in names]
        if missing:
            raise ServerFailed(
                f"{repository.name} was built by another version, its {model.name} has no {missing[0]}; "
                "run `make build` again"
            )


def served_repository(repository: Path, state: Path, settings: OperatorSettings) -> Path:
    """Find or make the repository to serve; nothing in `repository` is written.

    Args:
        repository: as it was built.
        state: folder of the server's state.
        settings: the operator's.

    Returns:
        `repository`, or where a setting changes a model's configuration, `models` in `state`: there each config.pbtxt
        has the settings, and all else is a link.
    """
    texts = {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(repository.glob(f"*/{CONFIG_FILE}"))}
    changed = {name: with_values(text, model_values(settings, name)) for name, text in texts.items()}
    target = state / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    if changed == texts:
        return repository
    for name, text in changed.items():
        (target / name).mkdir(parents=True)
        (target / name / CONFIG_FILE).write_text(text, encoding="utf-8")
        for path in (repository / name).iterdir():
            if path.name != CONFIG_FILE:
                (target / name / path.name).symlink_to(path)
    for name in (
        BUILD_FILE,
        CATALOGUE_FILE,
    ):  # the second comes with the first model that is added, also while it serves
        (target / name).symlink_to(repository / name)
    return target


def with_values(text: str, values: dict[str, str]) -> str:
    """A config.pbtxt that `gsv_build` rendered, with other values; those of parameters that it lacks are left out."""
    for name, value in values.items():
        if name in _TRITONS_OWN:
            text = re.sub(rf"\b({name}: )\d+", rf"\g<1>{value}", text)
        else:
            quoted = value.replace("\\", r"\\").replace('"', r"\"")
            pattern = rf'(key: "{name}"\s+value {{ string_value: )"(?:[^"\\]|\\.)*"'
            text = re.sub(pattern, lambda found, quoted=quoted: f'{found[1]}"{quoted}"', text)  # type: ignore[misc]
    return _with_spans(text, int(values["slots"])) if "slots" in values else text


def _with_spans(text: str, slots: int) -> str:
    """The same with numbers of slots that a GPU's launch may run, which end with all slots."""

    def up_to_all(found: re.Match[str]) -> str:
        spans = [span for span in map(int, found[2].split(",")) if span < slots]
        return f'{found[1]}"{", ".join(map(str, [*spans, slots]))}"'

    return re.sub(r'(key: "spans"\s+value { string_value: )"([\d, ]+)"', up_to_all, text)

"""The fine-tunes of a model repository: their names, and which weights and facts each has.

The first is what `make build` wrote into the stages' own directories. Others were added beside it: `models.json` lists
them, and a stage finds the weights of one in ``<stage>/1/weights/<id>``. A checkpoint that several share has one id.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from gsv_runtime.contract import S1, S2
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.settings import CheckpointFacts, read_build

CATALOGUE_FILE = "models.json"
FIRST_NAME = "default"  # of a first fine-tune that was given none
_SHOWN = 8

logger = logging.getLogger("gsv.models")


class DamagedCatalogue(ValueError):
    """models.json cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """One of a fine-tune's two checkpoints, as the stages have it."""

    weights: int  # id: the same content and the same builder give the same; 0 where a build did not say
    file: str  # name under which it came, such as ann-e15.ckpt
    nbytes: int  # of the files that were built from it


_UNKNOWN = Checkpoint(0, "", 0)


@dataclass(frozen=True)
class FineTune:
    """A pair of checkpoints under one name."""

    name: str
    facts: CheckpointFacts
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=lambda: {S1: _UNKNOWN, S2: _UNKNOWN})
    axes: Mapping[str, int] = field(default_factory=dict)  # sizes of the contract's named axes
    files: Mapping[str, str] = field(default_factory=dict)  # stage to the SHA-256 of its files, its own stages only
    pinned: bool = False
    first: bool = False

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> FineTune:
        """Read what `to_json` wrote."""
        checkpoints = {kind: Checkpoint(**each) for kind, each in values["checkpoints"].items()}
        return cls(**{**values, "facts": CheckpointFacts(**values["facts"]), "checkpoints": checkpoints})

    def to_json(self) -> dict[str, Any]:
        """As a map of plain values."""
        return asdict(self)


def write_catalogue(repository: Path, fine_tunes: Mapping[str, FineTune], forget: str = "") -> None:
    """Write models.json at once; the first fine-tune stands in build.json and is left out.

    Args:
        repository: the model repository.
        fine_tunes: by name. What another version of this code wrote stays beside them.
        forget: name of one that does not stay.

    Raises:
        DamagedCatalogue: the file that is there cannot be read.
    """
    added = {name: each.to_json() for name, each in fine_tunes.items() if not each.first}
    kept = {name: each for name, each in read_outdated(repository).items() if name != forget}
    temporary = repository / f".{CATALOGUE_FILE}.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(dict(sorted({**kept, **added}.items())), indent=1) + "\n", encoding="utf-8")
        temporary.replace(repository / CATALOGUE_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def read_first(repository: Path) -> FineTune:
    """Read the first fine-tune from build.json.

    Raises:
        ValueError: the repository was never built, or by another version of this code.
    """
    build = read_build(repository)
    facts = CheckpointFacts.from_repository(repository)
    known = {kind: Checkpoint(**each) for kind, each in build.get("checkpoints", {}).items()}
    return FineTune(
        name=build.get("name", FIRST_NAME),
        facts=facts,
        checkpoints={S1: _UNKNOWN, S2: _UNKNOWN, **known},
        axes=build.get("axes", {}),
        files=build.get("files", {}),
        pinned=True,
        first=True,
    )


class Catalogue:
    """The fine-tunes of one repository; those that are added later are found too. Safe to share between threads."""

    def __init__(self, repository: Path, first: FineTune) -> None:
        """Begin with the first fine-tune, whose weights the server has loaded."""
        self.first = first
        self._path = repository / CATALOGUE_FILE
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._added: dict[str, FineTune] = {}

    @classmethod
    def open(cls, repository: Path) -> Catalogue:
        """Read a repository.

        Raises:
            ValueError: it was never built, or by another version of this code.
        """
        return cls(repository, read_first(repository))

    def all(self) -> dict[str, FineTune]:
        """Every fine-tune by name, the first one first."""
        return {self.first.name: self.first, **self._read()}

    def get(self, name: str = "") -> FineTune:
        """Find a fine-tune.

        Args:
            name: its name; empty: the first.

        Raises:
            InvalidRequest: there is none of that name.
        """
        if not name or name == self.first.name:
            return self.first
        found = self._read().get(name)
        if found is None:
            names = list(self.all())
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise InvalidRequest(f"model {name[:64]!a} is not served; need one of {', '.join(names[:_SHOWN])}{more}")
        return found

    def _read(self) -> dict[str, FineTune]:
        with self._lock:
            try:
                status = self._path.stat()
            except FileNotFoundError:
                self._seen, self._added = None, {}
                return self._added
            except OSError as failure:  # the volume is away
                logger.error("list of models not read cause=%s", failure)
                return self._added
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._seen = seen
                self._renew()
            return self._added

    def _renew(self) -> None:
        """Read the list again; one that cannot be read changes nothing."""
        try:
            values = _values(self._path)
        except DamagedCatalogue as damage:
            logger.error("list of models not read cause=%s", damage)
            return
        self._added = _parsed(values)
        outdated = values.keys() - self._added.keys()
        if outdated:
            logger.warning("built by another version, add them again models=%s", ",".join(sorted(outdated)))


def read_catalogue(repository: Path) -> dict[str, FineTune]:
    """Read the fine-tunes that were added to the first one; empty where there is no models.json.

    Raises:
        DamagedCatalogue: the file cannot be read.
    """
    return _parsed(_values(repository / CATALOGUE_FILE))


def read_outdated(repository: Path) -> dict[str, dict[str, Any]]:
    """Read those that another version of this code wrote, as it wrote them; they are not served.

    Raises:
        DamagedCatalogue: the file cannot be read.
    """
    values = _values(repository / CATALOGUE_FILE)
    return {name: values[name] for name in values.keys() - _parsed(values).keys()}


def _values(path: Path) -> dict[str, dict[str, Any]]:
    try:
        values: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        _parsed(values)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as failure:
        raise DamagedCatalogue(
            f"{path.name} cannot be read ({type(failure).__name__}: {failure}); put back a copy of it, or remove it "
            "and add the models again"
        ) from None
    return values


def _parsed(values: Mapping[str, Mapping[str, Any]]) -> dict[str, FineTune]:
    """Those that this version of the code can serve."""
    wanted = {each.name for each in fields(CheckpointFacts)}
    return {name: FineTune.of_json(each) for name, each in values.items() if each["facts"].keys() == wanted}

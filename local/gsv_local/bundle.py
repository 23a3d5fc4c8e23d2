"""A bundle on this device: one file, unpacked once into a folder of its own (docs/bundle.md)."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock
from platformdirs import user_data_path
from tqdm import tqdm

from gsv_runtime.inprocess.bundle_format import FORMAT, FORMAT_VERSION, MANIFEST_FILE
from gsv_runtime.settings import CheckpointFacts

logger = logging.getLogger("gsv.local")

_BLOCK_BYTES = 1 << 20
_CHOSEN = "chosen"  # a file with the name of a folder beside it
MAX_MANIFEST_BYTES = 16 << 20


class BundleUnreadable(ValueError):
    """The file is no bundle, is damaged, or was written for another version of this package."""


@dataclass(frozen=True)
class Bundle:
    """What one device runs.

    Attributes:
        folder: Where its files lie; voices and cache are written there too.
        manifest: As docs/bundle.schema.json says.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def default_voice(self) -> str:
        """Who speaks where no voice is named."""
        return str(self.manifest["default_voice"])

    @property
    def parameters(self) -> Mapping[str, Mapping[str, str]]:
        """Settings of every model, as `inprocess.models.read_settings` takes them."""
        parameters: Mapping[str, Mapping[str, str]] = self.manifest["settings"]
        return parameters

    @property
    def max_words(self) -> int:
        """Words that one request may have; 0: any number."""
        return int(self.manifest["limits"]["max_words"])

    def has_file(self, start: str) -> bool:
        """Whether a file whose name in the bundle begins so is here; a fetched bundle has only some."""
        named = (name for name in self.manifest["files"] if name.startswith(start))
        return any((self.folder / name).is_file() for name in named)

    @property
    def facts(self) -> CheckpointFacts:
        """What it was built from."""
        return CheckpointFacts.from_repository(self.folder)


def default_home() -> Path:
    """Where bundles are unpacked unless told otherwise: the user's folder for data."""
    return user_data_path("gsv-local")


def open_bundle(path: Path, home: Path | None = None) -> Bundle:
    """Unpack a bundle, unless that was done before, and read its manifest.

    Args:
        path: The file.
        home: Folder for unpacked bundles; each gets a folder named after its manifest's hash.

    Raises:
        BundleUnreadable: It is no bundle, damaged, or of another version.
        OSError: It cannot be read, or there is no room.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = _manifest_text(archive, path)
            manifest = checked_manifest(text, path)
            folder = (home or default_home()) / hashlib.sha256(text).hexdigest()[:16]
            if not (folder / MANIFEST_FILE).is_file():
                _unpack(archive, manifest, text, folder)
    except zipfile.BadZipFile:
        message = f"{path} is no bundle, or only the beginning of one; copy it again, or make one with `make bundle`"
        raise BundleUnreadable(message) from None
    return Bundle(folder, manifest)


def choose_bundle(path: Path, home: Path | None = None) -> Bundle:
    """Unpack a bundle and remember it as the one that commands take where none is named; errors as `open_bundle`."""
    bundle = open_bundle(path, home)
    (bundle.folder.parent / _CHOSEN).write_text(bundle.folder.name, encoding="utf-8")
    return bundle


def chosen_bundle(home: Path | None = None) -> Bundle:
    """Find the bundle that `choose_bundle` remembered.

    Raises:
        BundleUnreadable: There is none.
    """
    place = home or default_home()
    try:
        folder = place / (place / _CHOSEN).read_text(encoding="utf-8").strip()
        text = (folder / MANIFEST_FILE).read_bytes()
    except OSError:
        message = "no bundle is chosen; run `gsv-local use FILE`, or give --bundle FILE (`make bundle` makes one)"
        raise BundleUnreadable(message) from None
    return Bundle(folder, checked_manifest(text, folder))


def _manifest_text(archive: zipfile.ZipFile, path: Path) -> bytes:
    try:
        if archive.getinfo(MANIFEST_FILE).file_size > MAX_MANIFEST_BYTES:
            raise BundleUnreadable(f"{path} has a manifest of more than {MAX_MANIFEST_BYTES} bytes; make it again")
        return archive.read(MANIFEST_FILE)
    except KeyError:
        raise BundleUnreadable(f"{path} has no {MANIFEST_FILE}; make a bundle with `make bundle`") from None


def checked_manifest(text: bytes, path: Path) -> dict[str, Any]:
    """Read a manifest of this version; `path` is where it came from.

    Raises:
        BundleUnreadable: It is none.
    """
    try:
        manifest: dict[str, Any] = json.loads(text)
        is_bundle = manifest["format"] == FORMAT
        version = manifest["format_version"]
    except (ValueError, KeyError, TypeError):
        raise BundleUnreadable(f"{path} has a manifest that cannot be read; make the bundle again") from None
    if not is_bundle or version != FORMAT_VERSION:
        message = f"{path} is {manifest['format']!r} version {version}; need {FORMAT!r} version {FORMAT_VERSION}"
        raise BundleUnreadable(f"{message}; make it again, or install the gsv-local of its time")
    return manifest


def _unpack(archive: zipfile.ZipFile, manifest: Mapping[str, Any], text: bytes, folder: Path) -> None:
    """Write every file of the manifest, checked, into `folder`, which appears whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if (folder / MANIFEST_FILE).is_file():
            return  # another process was faster
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
        try:
            total = sum(int(file["bytes"]) for file in manifest["files"].values())
            with tqdm(total=total, unit="B", unit_scale=True, desc="unpacking", disable=None) as progress:
                for name, file in manifest["files"].items():
                    _copy(archive, name, file, new, progress)
            (new / MANIFEST_FILE).write_bytes(text)
            shutil.rmtree(folder, ignore_errors=True)  # of an unpacking that was cut off
            os.replace(new, folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    logger.info("bundle unpacked folder=%s", folder)


def plain_parts(name: str) -> tuple[str, ...]:
    """Parts of a file's name in a bundle.

    Raises:
        BundleUnreadable: It would be written elsewhere.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name or ":" in name:
        raise BundleUnreadable(f"the bundle names a file {name!r}, which may not be written; do not use this bundle")
    return parts


def _copy(archive: zipfile.ZipFile, name: str, file: Mapping[str, Any], folder: Path, progress: Any) -> None:
    target = folder.joinpath(*plain_parts(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with archive.open(name) as source, target.open("wb") as written:
            while block := source.read(_BLOCK_BYTES):
                digest.update(block)
                written.write(block)
                progress.update(len(block))
    except (KeyError, zipfile.BadZipFile) as failure:
        raise BundleUnreadable(f"the bundle's {name} is missing or damaged ({failure}); fetch it again") from None
    if digest.hexdigest() != file["sha256"]:
        raise BundleUnreadable(f"the bundle's {name} is not what its manifest says; fetch the bundle again")

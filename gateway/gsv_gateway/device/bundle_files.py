"""What a bundle has for devices that finish latents: its manifest, vocoder, codec, facts and licences; nothing else.

The gateway is installed without the runtime, so the names are written down a second time;
tests/repository/test_client_protocol.py holds them equal to `gsv_runtime.inprocess.bundle_format`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gsv_gateway.problems import RequestRefused

MANIFEST_FILE = "manifest.json"
FOR_DEVICES = ("vocoder/", "tts/1/latent_codec.npz", "build.json", "licences/")
_FORMAT = "gsv-bundle"


@dataclass(frozen=True)
class BundleFiles:
    """A bundle, as its file or unpacked into a folder.

    Attributes:
        place: The file or the folder.
        manifest: Its bytes.
        files: Of those for devices, what the manifest says: bytes and sha256.
    """

    place: Path
    manifest: bytes
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, place: Path) -> BundleFiles:
        """Read the manifest of a bundle.

        Raises:
            ValueError: It is no bundle.
        """
        try:
            manifest = _bytes(place, MANIFEST_FILE)
            told = json.loads(manifest)
            files = {name: file for name, file in told["files"].items() if name.startswith(FOR_DEVICES)}
            is_bundle = told["format"] == _FORMAT
        except (OSError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as failure:
            raise ValueError(f"{place} is no bundle ({failure!r}); make one with `make bundle`") from None
        if not is_bundle:
            raise ValueError(f"{place} is {told['format']!r}; need {_FORMAT!r}; make one with `make bundle`")
        return cls(place, manifest, files)

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            RequestRefused: It is not for devices, or is gone.
        """
        if name not in self.files:
            raise RequestRefused(404, f"no file {name[:80]!r} is for devices; see {MANIFEST_FILE}", code="not_found")
        try:
            return _bytes(self.place, name)
        except (OSError, KeyError, zipfile.BadZipFile):
            raise RequestRefused(404, "the bundle has changed since the start; ask the operator", code="gone") from None


def _bytes(place: Path, name: str) -> bytes:
    if place.is_dir():
        return place.joinpath(name).read_bytes()
    with zipfile.ZipFile(place) as archive:
        return archive.read(name)

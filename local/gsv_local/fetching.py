"""What a device needs of a gateway's bundle, fetched once and kept by its digest."""

from __future__ import annotations

import hashlib
import json
import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tqdm import tqdm

from gsv_local.bundle import MAX_MANIFEST_BYTES, Bundle, BundleUnreadable, checked_manifest, default_home, plain_parts
from gsv_runtime.inprocess.bundle_format import MANIFEST_FILE, is_for_devices

logger = logging.getLogger("gsv.local")

_TIMEOUT_S = 30.0
_BLOCK_BYTES = 1 << 18


def is_address(place: str) -> bool:
    """Whether a bundle is to be fetched."""
    return place.startswith(("http://", "https://"))


def fetched_bundle(address: str, home: Path | None = None) -> Bundle:
    """Fetch from a gateway what finishes latents: vocoder, codec and facts. What is here already is not fetched again.

    Args:
        address: Of the gateway, such as http://127.0.0.1:9880; with an API key, http://KEY@127.0.0.1:9880.
        home: Folder for bundles; each gets a folder named after its manifest's hash.

    Raises:
        BundleUnreadable: The gateway offers none, or what came is not what its manifest says.
    """
    base = f"{address.rstrip('/')}/v1/device"
    address = _without_key(address)
    text = _fetched(f"{base}/{MANIFEST_FILE}", MAX_MANIFEST_BYTES)
    manifest = checked_manifest(text, Path(address))
    folder = (home or default_home()) / f"device-{hashlib.sha256(text).hexdigest()[:16]}"
    wanted = {name: file for name, file in manifest["files"].items() if is_for_devices(name)}
    missing = {name: file for name, file in wanted.items() if not folder.joinpath(*plain_parts(name)).is_file()}
    total = sum(int(file["bytes"]) for file in missing.values())
    with tqdm(total=total, unit="B", unit_scale=True, desc="fetching", disable=None if missing else True) as progress:
        for name, file in missing.items():
            _keep(f"{base}/files/{name}", file, folder.joinpath(*plain_parts(name)), progress)
    if missing:
        logger.info("bundle fetched address=%s folder=%s", address, folder)
    return Bundle(folder, manifest)


def _keep(address: str, file: dict[str, Any], target: Path, progress: Any) -> None:
    """Fetch one file, check it, and write it whole or not at all."""
    data = _fetched(address, int(file["bytes"]), progress)
    if hashlib.sha256(data).hexdigest() != file["sha256"]:
        raise BundleUnreadable(f"{_without_key(address)} is not what its manifest says; ask the gateway's operator")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    partial.write_bytes(data)
    partial.replace(target)


def _fetched(address: str, most_bytes: int, progress: Any = None) -> bytes:
    """The bytes at an address, at most so many."""
    blocks: list[bytes] = []
    try:
        with urllib.request.urlopen(_request(address), timeout=_TIMEOUT_S) as answer:
            while block := answer.read(_BLOCK_BYTES):
                blocks.append(block)
                if sum(map(len, blocks)) > most_bytes:
                    raise BundleUnreadable(
                        f"{_without_key(address)} has more than {most_bytes} bytes; ask the gateway's operator"
                    )
                if progress is not None:
                    progress.update(len(block))
    except urllib.error.HTTPError as failure:
        raise BundleUnreadable(f"{_without_key(address)} answers {failure.code}: {_reason(failure)}") from None
    except (OSError, ValueError) as failure:
        raise BundleUnreadable(f"{_without_key(address)} cannot be fetched: {failure}; is the gateway there?") from None
    return b"".join(blocks)


def _request(address: str) -> urllib.request.Request:
    """A request whose key stands in its head instead of the address."""
    key = urlsplit(address).username
    return urllib.request.Request(_without_key(address), headers={"Authorization": f"Bearer {key}"} if key else {})


def _without_key(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _reason(failure: urllib.error.HTTPError) -> str:
    """What a gateway says in an error."""
    try:
        return str(json.loads(failure.read(_BLOCK_BYTES))["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(failure.reason)

"""Fetches files of a model repository on the Hugging Face hub: resumed after a break, checked against its digests.

The hub is asked once, for one commit: its files, their sizes and digests (SHA-256 of large files, git's SHA-1 of
small ones). What has been fetched is noted in a lock file beside it, so that a commit whose content has changed
since is refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers
from tqdm import tqdm

LOCK_FILE = "weights.lock.json"
_DIRECTORY_SUFFIXES = (".json", ".txt", ".bin", ".safetensors")  # of a directory, only what we read
_BLOCK_BYTES = 1 << 20

logger = logging.getLogger("gsv.build")


class FetchError(Exception):
    """Files could not be fetched, or are not what the hub says; the message says what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a commit; `digest` is "sha256:…", or "git:…" for a small file."""

    path: str
    size: int
    digest: str


def fetch(
    repository: str, revision: str, wanted: Sequence[str], output: Path, endpoint: str | None = None
) -> list[Path]:
    """Fetch files into a directory, keeping their paths.

    Args:
        repository: "owner/name".
        revision: branch, tag or commit; it is resolved to a commit first.
        wanted: paths; one that ends in a slash is a directory, of which configurations and tensors are taken.
        output: directory to fill. Files already there with the right digest are kept, partial ones continued.
        endpoint: of the hub; default HF_ENDPOINT or the public one.

    Returns:
        The files, in the order wanted.

    Raises:
        FetchError: no connection, no such repository or file, a broken transfer, or a digest that does not match.
    """
    commit, listing = _describe(HfApi(endpoint=endpoint), repository, revision)
    files = select(listing, wanted, f"{repository}@{commit[:12]}")
    lock = _Lock(output / LOCK_FILE, repository, commit)
    for file in files:
        lock.check(file)
    logger.info("fetching repository=%s revision=%s commit=%s files=%d", repository, revision, commit, len(files))
    fetched = []
    for file in files:
        url = hf_hub_url(repository, file.path, revision=commit, endpoint=endpoint)
        fetched.append(_fetch_one(file, url, output))
        lock.add(file)
    return fetched


def select(listing: Iterable[RemoteFile], wanted: Sequence[str], source: str) -> list[RemoteFile]:
    """Choose the wanted files of a listing.

    Raises:
        FetchError: one is not there, or has a path that would lead out of the output directory.
    """
    chosen: list[RemoteFile] = []
    listing = list(listing)
    for pattern in wanted:
        if pattern.endswith("/"):
            found = [file for file in listing if file.path.startswith(pattern)]
            found = [file for file in found if file.path.endswith(_DIRECTORY_SUFFIXES)]
            if any(file.path.endswith(".safetensors") for file in found):
                found = [file for file in found if not file.path.endswith(".bin")]  # the same tensors again
        else:
            found = [file for file in listing if file.path == pattern]
        if not found:
            raise FetchError(f"{source} has no {pattern}; check --repo and --revision")
        chosen += found
    for file in chosen:
        parts = PurePosixPath(file.path).parts
        if file.path.startswith("/") or ".." in parts or "\\" in file.path:
            raise FetchError(f"{source} lists {file.path!r}, which leads out of the directory; use another repository")
    return chosen


def digest_of(path: Path, kind: str) -> str:
    """Digest of a file: kind "sha256" over its bytes, "git" as git names a blob (SHA-1 with a header)."""
    if kind == "git":
        state = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            state.update(block)
    return f"{kind}:{state.hexdigest()}"


def _describe(api: HfApi, repository: str, revision: str) -> tuple[str, list[RemoteFile]]:
    """Commit and files of a revision."""
    try:
        info = api.model_info(repository, revision=revision, files_metadata=True)
    except RepositoryNotFoundError:
        raise FetchError(f"the hub has no repository {repository}; check --repo") from None
    except RevisionNotFoundError:
        raise FetchError(f"{repository} has no revision {revision}; check --revision") from None
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise FetchError(_unreachable(api.endpoint, error)) from None
    files = []
    for sibling in info.siblings or []:
        digest = f"sha256:{sibling.lfs.sha256}" if sibling.lfs else f"git:{sibling.blob_id}"
        files.append(RemoteFile(sibling.rfilename, int(sibling.size or 0), digest))
    if not info.sha:
        raise FetchError(f"the hub names no commit for {repository}@{revision}; give a commit with --revision")
    return info.sha, files


def _fetch_one(file: RemoteFile, url: str, output: Path) -> Path:
    """Fetch one file, or find that it is there."""
    path = output / file.path
    kind = file.digest.partition(":")[0]
    if path.is_file() and path.stat().st_size == file.size and digest_of(path, kind) == file.digest:
        logger.info("file present path=%s", file.path)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{file.digest.partition(':')[2][:12]}.part")
    _download(file, url, partial)
    found = digest_of(partial, kind)
    if found != file.digest:
        partial.unlink()
        raise FetchError(
            f"{file.path} has digest {found}; need {file.digest}, as the hub states; what was fetched is deleted: "
            "try again, and check the network's proxy if it happens twice"
        )
    os.replace(partial, path)
    return path


def _download(file: RemoteFile, url: str, partial: Path) -> None:
    """Append to `partial` what is missing of it."""
    done = partial.stat().st_size if partial.is_file() else 0
    if done > file.size:
        partial.unlink()
        done = 0
    if done == file.size and done > 0:
        return
    if done:
        logger.info("download continued path=%s at_bytes=%d of_bytes=%d", file.path, done, file.size)
    try:
        with partial.open("ab") as sink:
            http_get(
                url,
                sink,
                resume_size=done,
                headers=build_hf_headers(),
                expected_size=file.size,
                displayed_filename=file.path,
                tqdm_class=tqdm,
            )
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise FetchError(
            f"{_unreachable(url, error)}; {partial.stat().st_size:,} of {file.size:,} bytes of {file.path} are kept "
            "and continued next time"
        ) from None


def _unreachable(where: str, error: Exception) -> str:
    """What to say of a failed connection."""
    lines = str(error).strip().splitlines() or [""]
    return (
        f"cannot fetch from {where} ({type(error).__name__}: {lines[0][:200]}); need a connection to the hub or a "
        "mirror of it (HF_ENDPOINT), or put the files into the directory yourself"
    )


class _Lock:
    """The lock file: digests of what has been fetched, by repository, commit and path."""

    def __init__(self, path: Path, repository: str, commit: str) -> None:
        self._path = path
        self._content: dict[str, Any] = {}
        if path.is_file():
            try:
                self._content = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                raise FetchError(f"{path} is not JSON; repair or delete it") from None
        self._files: dict[str, str] = self._content.setdefault(f"{repository}@{commit}", {})

    def check(self, file: RemoteFile) -> None:
        """Refuse a file that the same commit held with another digest before."""
        noted = self._files.get(file.path)
        if noted is not None and noted != file.digest:
            raise FetchError(
                f"{file.path} had digest {noted} when it was last fetched from this commit, and the hub now states "
                f"{file.digest}; a commit never changes: do not use this source, or delete {self._path} if you are sure"
            )

    def add(self, file: RemoteFile) -> None:
        """Note a file that was fetched and checked."""
        self._files[file.path] = file.digest
        self._path.write_text(json.dumps(self._content, indent=2, sort_keys=True) + "\n", encoding="utf-8")

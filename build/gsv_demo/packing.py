"""The corpus packed small for a machine that trains: Opus instead of FLAC, in parts that travel one by one.

A part is a tar file of whole shards and stands by itself: training takes the parts that have arrived. The phones of all
texts travel with the first, so that the other machine needs no text front end.
"""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from gsv_demo import recordings

LOG = logging.getLogger(__name__)
PHONES = "phones.json"
_COMPRESSION = 0.92  # of libsndfile, which makes it 26 kbit/s
_MIB = 2**20


def pack(folder: Path, out: Path, part_mib: float) -> list[Path]:
    """Pack every whole shard; parts that exist are written anew.

    Args:
        folder: with `corpus/`, and `phones.json` from `train --stage data`.
        out: folder of the parts.
        part_mib: largest size of a part.

    Raises:
        FileNotFoundError: there is no shard, or the phones have not been read.
    """
    corpus, small = folder / "corpus", out / "shards"
    names = _mixed([name for name in recordings.names(corpus) if not name.startswith("held-out")])
    if not names or not (folder / PHONES).exists():
        raise FileNotFoundError(f"{corpus} has {len(names)} shards; need some, and {PHONES}: train --stage data")
    small.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(1) as pool:
        for _ in tqdm(pool.map(lambda name: _shrink(corpus, small, name), names), desc="packed", total=len(names)):
            pass
    for old in out.glob("corpus-*.tar"):
        old.unlink()
    parts = []
    for number, files in enumerate(_parts(corpus, small, names, [folder / PHONES], part_mib * _MIB)):
        path = out / f"corpus-{number:02d}.tar"
        with tarfile.open(path, "w") as tar:
            for file in files:
                tar.add(file, arcname=file.name if file.name == PHONES else f"corpus/{file.name}")
        LOG.info("part written path=%s mib=%.1f files=%d", path, path.stat().st_size / _MIB, len(files))
        parts.append(path)
    return parts


def unpack(parts: Path, folder: Path) -> int:
    """Unpack the parts that have arrived.

    Args:
        parts: folder with `corpus-??.tar`.
        folder: where `corpus/` and `phones.json` go.

    Returns:
        How many parts there were.

    Raises:
        FileNotFoundError: there was none.
    """
    found = sorted(parts.glob("corpus-??.tar"))
    if not found:
        raise FileNotFoundError(f"{parts} holds no corpus-??.tar; need at least one part of `python -m gsv_demo pack`")
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
    return len(found)


def _mixed(names: Sequence[str]) -> list[str]:
    """Shards of all teachers in turn, by how far each teacher is through its own, so that every part has them all."""
    of_part: dict[str, list[str]] = {}
    for name in names:
        of_part.setdefault(name.rpartition("-")[0], []).append(name)
    placed = [((index + 0.5) / len(row), name) for row in of_part.values() for index, name in enumerate(row)]
    return [name for _, name in sorted(placed)]


def _shrink(corpus: Path, small: Path, name: str) -> None:
    """Write a shard as Opus, unless it is there; it comes out as many samples long as it was."""
    target = small / f"{name}.opus"
    if target.exists():
        return
    audio, rate_hz = soundfile.read(corpus / f"{name}.flac", dtype="float32")
    part = small / f"{name}.part"
    soundfile.write(part, np.asarray(audio), rate_hz, format="OGG", subtype="OPUS", compression_level=_COMPRESSION)
    part.replace(target)


def _parts(
    corpus: Path, small: Path, names: Sequence[str], first: Sequence[Path], limit: float
) -> Iterator[list[Path]]:
    """Files of each part."""
    waiting, size = list(first), float(sum(path.stat().st_size for path in first))
    for name in names:
        files = [small / f"{name}.opus", corpus / f"{name}.json", corpus / f"{name}{recordings.HEARD}"]
        files = [path for path in files if path.exists()]
        more = sum(path.stat().st_size + 1024 for path in files)
        if len(waiting) > len(first) and size + more > limit:
            yield waiting
            waiting, size, first = [], 0.0, []
        waiting += files
        size += more
    if waiting:
        yield waiting

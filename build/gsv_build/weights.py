"""Where the checkpoints of a voice lie, and `python -m gsv_build weights`, which fetches the published ones.

A weights directory holds either plain names (``s1.ckpt``, ``s2.pth``) or the names under which upstream publishes
its files, so that an existing ``GPT_SoVITS/pretrained_models`` can be used as it is.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

from gsv_build.checkpoints.errors import UnreadableCheckpoint
from gsv_runtime.versions import SUPPORTED, ModelVersion

T2S_FILE = "s1.ckpt"
SOVITS_FILE = "s2.pth"
HUBERT_DIRECTORY = "chinese-hubert-base"
BERT_DIRECTORY = "chinese-roberta-wwm-ext-large"
SPEAKER_ENCODER_FILE = "sv/pretrained_eres2netv2w24s4ep4.ckpt"
DEFAULT_DIRECTORY = Path("var/weights")
DEFAULT_REPOSITORY = "lj1995/GPT-SoVITS"

# Published names of (s1, s2) by version, relative to the published root.
PUBLISHED = {
    ModelVersion.V1: ("s1bert25hz-2kh-longer-epoch=68e-step=50232.ckpt", "s2G488k.pth"),
    ModelVersion.V2: (
        "gsv-v2final-pretrained/s1bert25hz-5kh-longer-epoch=12-step=369668.ckpt",
        "gsv-v2final-pretrained/s2G2333k.pth",
    ),
    ModelVersion.V2_PRO: ("s1v3.ckpt", "v2Pro/s2Gv2Pro.pth"),
    ModelVersion.V2_PRO_PLUS: ("s1v3.ckpt", "v2Pro/s2Gv2ProPlus.pth"),
}

logger = logging.getLogger("gsv.build")


@dataclass(frozen=True)
class WeightFiles:
    """The checkpoints of one voice model; `speaker_encoder` is for v2Pro and v2ProPlus only, BERT for Chinese."""

    t2s: Path
    sovits: Path
    hubert: Path
    bert: Path | None
    speaker_encoder: Path | None


def find_weights(directory: Path, version: ModelVersion | None = None) -> WeightFiles:
    """Find the checkpoints in a weights directory.

    Args:
        directory: with plain or with published names.
        version: which of several published models; needed only where more than one lies there. With plain names it
            merely tells whether the speaker encoder must be present.

    Raises:
        UnreadableCheckpoint: something is missing, or several versions are there and none was named.
    """
    t2s, sovits = directory / T2S_FILE, directory / SOVITS_FILE
    if not (t2s.is_file() and sovits.is_file()):
        version = version or _only_version(directory)
        t2s, sovits = (directory / name for name in PUBLISHED[version])
    speaker_encoder: Path | None = directory / SPEAKER_ENCODER_FILE
    if not (directory / SPEAKER_ENCODER_FILE).is_file() and not (version and version.uses_speaker_embedding):
        speaker_encoder = None
    bert: Path | None = directory / BERT_DIRECTORY
    if not (directory / BERT_DIRECTORY).is_dir():
        bert = None  # Chinese is then spoken with zero features
    found = WeightFiles(t2s, sovits, directory / HUBERT_DIRECTORY, bert, speaker_encoder)
    missing = [str(path) for path in vars(found).values() if path is not None and not path.exists()]
    if missing:
        raise UnreadableCheckpoint(
            f"{directory} lacks {', '.join(missing)}; fetch them with `python -m gsv_build weights`, or make a random "
            "set with `python -m gsv_build random`"
        )
    return found


def _only_version(directory: Path) -> ModelVersion:
    """The one version whose published files are all there."""
    complete = [each for each, names in PUBLISHED.items() if all((directory / name).is_file() for name in names)]
    if len(complete) == 1:
        return complete[0]
    if complete:
        names = ", ".join(version.value for version in complete)
        raise UnreadableCheckpoint(f"{directory} holds models of {names}; name one with --version")
    raise UnreadableCheckpoint(
        f"{directory} holds neither {T2S_FILE} and {SOVITS_FILE} nor a published model; fetch one with "
        "`python -m gsv_build weights`, or make a random one with `python -m gsv_build random`"
    )


def published_patterns(version: ModelVersion) -> tuple[str, ...]:
    """Published paths that a version is built from; a directory ends in a slash."""
    names = (*PUBLISHED[version], f"{HUBERT_DIRECTORY}/", f"{BERT_DIRECTORY}/")
    return (*names, SPEAKER_ENCODER_FILE) if version.uses_speaker_embedding else names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `python -m gsv_build weights`."""
    parser.add_argument("--version", choices=[version.value for version in SUPPORTED], default="v2ProPlus")
    parser.add_argument("-o", "--output", type=Path, default=DEFAULT_DIRECTORY, help="weights directory to fill")
    parser.add_argument("--repo", default=DEFAULT_REPOSITORY, help="repository on the Hugging Face hub")
    parser.add_argument("--revision", default="main", help="branch, tag or commit; the commit fetched is reported")


def run(arguments: argparse.Namespace) -> int:
    """Fetch the published files of one version; prints the directory."""
    from gsv_build.fetch import FetchError, fetch

    version = ModelVersion(arguments.version)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would report every request
    try:
        fetch(arguments.repo, arguments.revision, published_patterns(version), arguments.output)
        find_weights(arguments.output, version)
    except (FetchError, UnreadableCheckpoint) as error:
        logger.error("weights not fetched: %s", error)
        return 1
    sys.stdout.write(f"{arguments.output}\n")
    return 0

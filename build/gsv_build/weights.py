"""Where the checkpoints of a voice lie, and `python -m gsv_build weights`, which fetches the published ones.

A weights directory holds plain names (``s1.ckpt``, ``s2.pth``), a fine-tuned voice under the names that upstream's
trainer gives, or the names under which upstream publishes its files, so that an existing
``GPT_SoVITS/pretrained_models`` can be used as it is. HuBERT, BERT and the speaker encoder may lie elsewhere.
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
VOCODER_DIRECTORY = "vocoder"
TEXT_STUDENT_DIRECTORY = "text-student"
T2S_QUANTISATION_FILE = "t2s_quantisation.json"
DECODER_QUANTISATION_FILE = "decoder_quantisation.json"
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

_TRAINING = ("s2D", "G_", "D_")  # discriminators and states of training, which no voice speaks with
_LISTED = 8

logger = logging.getLogger("gsv.build")


@dataclass(frozen=True)
class WeightFiles:
    """The checkpoints of one voice model.

    `speaker_encoder` is for v2Pro and v2ProPlus only, BERT for Chinese. `vocoder` takes the place of the s2's own,
    `text_student` that of BERT.
    """

    t2s: Path
    sovits: Path
    hubert: Path
    bert: Path | None
    speaker_encoder: Path | None
    vocoder: Path | None = None
    t2s_quantisation: Path | None = None  # which of T2S's matrices bear fewer bits
    decoder_quantisation: Path | None = None  # which convolutions of the s2 do
    text_student: Path | None = None

    @property
    def characters(self) -> Path | None:
        """Directory with the vocabulary of what reads Chinese; None: nothing does."""
        return self.text_student or self.bert


@dataclass(frozen=True)
class Chosen:
    """Files that a user named; each is looked for where it is None.

    Attributes:
        t2s: the ``.ckpt`` of the voice.
        sovits: its ``.pth``.
        base: directory of HuBERT, BERT and the speaker encoder, which all voices share.
        vocoder: the x of a folder `vocoder-x` beside the s2, which nobody takes unasked.
    """

    t2s: Path | None = None
    sovits: Path | None = None
    base: Path | None = None
    vocoder: str | None = None


def find_weights(directory: Path, version: ModelVersion | None = None, chosen: Chosen | None = None) -> WeightFiles:
    """Find the checkpoints in a weights directory.

    Args:
        directory: with plain names, with those of upstream's trainer, or with published names.
        version: which of several published models; needed only where more than one lies there. With other names it
            merely tells whether the speaker encoder must be present.
        chosen: files that are not looked for.

    Raises:
        UnreadableCheckpoint: something is missing, or several voices are there and none was named.
    """
    chosen = chosen or Chosen()
    t2s, sovits = _voice_files(directory, version, chosen)
    base = chosen.base or next((place for place in _bases(directory) if (place / HUBERT_DIRECTORY).is_dir()), directory)
    with_speaker = [place for place in (base, directory) if (place / SPEAKER_ENCODER_FILE).is_file()]
    speaker_encoder: Path | None = (with_speaker or [base])[0] / SPEAKER_ENCODER_FILE
    if not with_speaker and not (version and version.uses_speaker_embedding):
        speaker_encoder = None
    bert: Path | None = base / BERT_DIRECTORY
    if not (base / BERT_DIRECTORY).is_dir():
        bert = None  # Chinese is then spoken with zero features
    vocoder = _vocoder(sovits, chosen.vocoder)
    quantisation, decoder = t2s.parent / T2S_QUANTISATION_FILE, sovits.parent / DECODER_QUANTISATION_FILE
    student = directory / TEXT_STUDENT_DIRECTORY
    found = WeightFiles(
        t2s,
        sovits,
        base / HUBERT_DIRECTORY,
        bert,
        speaker_encoder,
        vocoder,
        quantisation if quantisation.is_file() else None,
        decoder if decoder.is_file() else None,
        student if student.is_dir() else None,
    )
    missing = [str(path) for path in vars(found).values() if path is not None and not path.exists()]
    if missing:
        raise UnreadableCheckpoint(
            f"{directory} lacks {', '.join(missing)}; fetch them with `python -m gsv_build weights`, name the "
            "directory where the shared ones lie (make build BASE=dir), or make a random set with "
            "`python -m gsv_build random`"
        )
    return found


def _vocoder(sovits: Path, name: str | None) -> Path | None:
    """Folder of the vocoder that takes the place of the s2's own; it was made from this s2 (gsv_compress).

    Raises:
        UnreadableCheckpoint: the one that was named is not there.
    """
    folder = sovits.parent / (f"{VOCODER_DIRECTORY}-{name}" if name else VOCODER_DIRECTORY)
    if folder.is_dir():
        return folder
    if name is None:
        return None
    prefix = f"{VOCODER_DIRECTORY}-"
    there = sorted(path.name.removeprefix(prefix) for path in sovits.parent.glob(f"{prefix}*") if path.is_dir())
    raise UnreadableCheckpoint(
        f"{sovits.parent} has no {folder.name}; it has {', '.join(there) or 'no vocoder'} to choose; make one with "
        "`make compress`, or leave the choice out for the s2's own"
    )


def _bases(directory: Path) -> tuple[Path, ...]:
    """Where shared encoders may lie: beside the voice, in upstream's folders, or where `weights` fetches them to."""
    upstream = ("pretrained_models", "GPT_SoVITS/pretrained_models")
    above = (directory.parent, *(directory.parent / folder for folder in upstream))
    return (directory, *(directory / folder for folder in upstream), *above, DEFAULT_DIRECTORY)


def _voice_files(directory: Path, version: ModelVersion | None, chosen: Chosen) -> tuple[Path, Path]:
    """The s1 and the s2 file."""
    t2s, sovits = chosen.t2s or directory / T2S_FILE, chosen.sovits or directory / SOVITS_FILE
    if (chosen.t2s or t2s.is_file()) and (chosen.sovits or sovits.is_file()):
        return t2s, sovits
    tuned = tuned_files(directory)
    if chosen.t2s is None and chosen.sovits is None and (_has_published(directory, version) or not all(tuned)):
        published = PUBLISHED[version or _only_version(directory, tuned)]
        return directory / published[0], directory / published[1]
    looked_for = [
        (files, option)
        for found, files, option in (
            (t2s.is_file() or chosen.t2s, tuned[0], "S1"),
            (sovits.is_file() or chosen.sovits, tuned[1], "S2"),
        )
        if not found
    ]
    several = [_several(files, option, directory) for files, option in looked_for if len(files) > 1]
    if several:
        raise UnreadableCheckpoint("; ".join(several))
    only = {option: _only(files, option, directory) for files, option in looked_for}
    return only.get("S1", t2s), only.get("S2", sovits)


def _has_published(directory: Path, version: ModelVersion | None) -> bool:
    return version is not None and all((directory / name).is_file() for name in PUBLISHED[version])


def tuned_files(directory: Path) -> tuple[list[Path], list[Path]]:
    """Files of voices under the names that trainers give: ``.ckpt``, then ``.pth``, in `directory` or in its folders.

    Upstream writes ``GPT_weights_v2/ann-e15.ckpt`` and ``SoVITS_weights_v2/ann_e8_s96.pth``.
    """
    published = {Path(name).name for names in PUBLISHED.values() for name in names}

    def lying(folders: str, suffix: str) -> list[Path]:
        places = [directory, *sorted(path for path in directory.glob(folders) if path.is_dir())]
        files = (path for place in places if place.is_dir() for path in sorted(place.iterdir()))
        return [
            path
            for path in files
            if path.is_file()
            and path.suffix.lower() == suffix
            and path.name not in published
            and not path.name.startswith((*_TRAINING, "."))
        ]

    return lying("GPT_weights*", ".ckpt"), lying("SoVITS_weights*", ".pth")


_KINDS = {"S1": ".ckpt (GPT, s1)", "S2": ".pth (SoVITS, s2)"}


def _only(files: list[Path], option: str, directory: Path) -> Path:
    """The one file of its kind, or the first.

    Raises:
        UnreadableCheckpoint: there is none.
    """
    if not files:
        raise UnreadableCheckpoint(
            f"{directory} has no {_KINDS[option]}; put it there, or name it: make build {option}=file"
        )
    logger.info("checkpoint found %s=%s", option, files[0])
    return files[0]


def _several(files: list[Path], option: str, directory: Path) -> str:
    """What to say of several files of one kind: their names, and how one is chosen."""
    names = ", ".join(str(path.relative_to(directory)) for path in files[:_LISTED])
    more = f" and {len(files) - _LISTED} more" if len(files) > _LISTED else ""
    return (
        f"{directory} has {len(files)} files {_KINDS[option]}: {names}{more}; "
        f"choose one: make build {option}='{files[-1]}'"
    )


def _only_version(directory: Path, tuned: tuple[list[Path], list[Path]]) -> ModelVersion:
    """The one version whose published files are all there."""
    complete = [each for each, names in PUBLISHED.items() if all((directory / name).is_file() for name in names)]
    if len(complete) == 1:
        return complete[0]
    if complete:
        names = ", ".join(version.value for version in complete)
        raise UnreadableCheckpoint(f"{directory} holds models of {names}; name one with --version")
    seen = [path.name for path in (*tuned[0], *tuned[1])] or sorted(
        path.name + "/" * path.is_dir() for path in (directory.iterdir() if directory.is_dir() else ())
    )
    lies = f" (there lie {', '.join(seen[:_LISTED])})" if seen else "" if directory.is_dir() else " (it does not exist)"
    raise UnreadableCheckpoint(
        f"{directory} holds neither {T2S_FILE} and {SOVITS_FILE} nor a published model, nor one .ckpt and one .pth "
        f"of a fine-tune{lies}; name its files (make build S1=voice.ckpt S2=voice.pth), fetch a published one with "
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

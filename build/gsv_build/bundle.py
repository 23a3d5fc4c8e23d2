"""`python -m gsv_build bundle`: a built repository and its voices in one file that other programs load.

A bundle is a ZIP archive whose entries are stored, not compressed. docs/bundle.md specifies it, docs/bundle.schema.json
its manifest. It holds a sample: a sentence with the tokens and the audio that this build makes of it, so that whoever
loads the file can tell whether he does it right.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import shutil
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile
from tqdm import tqdm

from gsv_build.bundle_sample import SAMPLE_SAMPLING, Sample, speak_sample
from gsv_build.deployment import EDGE_MAX_WORDS, PRESETS
from gsv_build.export import save_graph
from gsv_build.graphs.equal_rows import for_equal_rows
from gsv_build.pbtxt import parameters
from gsv_runtime import contract
from gsv_runtime.errors import SynthesisError
from gsv_runtime.inprocess.bundle_format import (
    FORMAT,
    FORMAT_VERSION,
    LICENCES_FOLDER,
    MANIFEST_FILE,
    SAMPLE_AUDIO_FILE,
    SYMBOLS_FILE,
)
from gsv_runtime.inprocess.models import LoadedModels, read_settings
from gsv_runtime.inprocess.stages import InProcessStages
from gsv_runtime.model_files import DEFAULT_REPOSITORY, GRAPH_FILE, LATENT_CODEC_FILE, T2S_GRAPH_FILE, file_digest
from gsv_runtime.settings import BUILD_FILE, CheckpointFacts, read_build
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.t2s.sampling import MIN_TOKENS
from gsv_runtime.text.symbols import phone_table
from gsv_runtime.tts.codec_file import read_codec
from gsv_runtime.versions import ModelVersion
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.records import VoiceEntry, VoiceRecord
from gsv_runtime.voices.store import Voice, VoiceStore
from gsv_runtime.voices.voice_files import VoiceFiles

logger = logging.getLogger("gsv.build")

_STOPPING = ("repetition_window", "repetition_least_distinct", "limit_tokens_per_phone", "limit_tokens_at_least")
_VOICES = PRESETS["edge"].model(contract.TTS).settings.voices_directory  # beside the models
_UNPACKED = (".py", ".plan", ".pbtxt")  # of a model's folder: what only Triton reads


@dataclass(frozen=True)
class Clip:
    """A recording to make the bundle's first voice of."""

    name: str
    path: Path
    prompt_text: str
    prompt_language: str


def write_bundle(
    repository: Path,
    output: Path,
    voices: Path | None,
    clip: Clip | None = None,
    licences: tuple[Path, ...] = (),
    sample_text: str = "The young woman found a good book.",
    max_words: int = EDGE_MAX_WORDS,
) -> dict[str, Any]:
    """Pack a repository.

    Args:
        repository: built for a CPU.
        output: file to write; it appears whole or not at all.
        voices: folder of registered voices, of which those made with these weights go in; None: none.
        clip: makes a voice, the default one.
        licences: files to put in beside this repository's own licence.
        sample_text: one sentence, spoken by the default voice.
        max_words: that one request may have on the device; 0: any number.

    Returns:
        The manifest.

    Raises:
        ValueError: the repository is not built for a CPU, or there is no voice.
        SynthesisError: the clip or the sample text cannot be used.
    """
    facts, settings = CheckpointFacts.from_repository(repository), _settings()
    models = LoadedModels(repository, read_settings(settings), facts)
    try:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            names = _gather_voices(folder, voices, clip, InProcessStages(models), facts)
            store = VoiceStore(folder / _VOICES)
            sample = speak_sample(
                sample_text, store.get(names[0], facts.weights_digest), InProcessStages(models), facts
            )
            files = _gather_files(folder, repository, licences, sample, facts)
            manifest = _manifest(repository, settings, facts, names, folder, sample, files, max_words)
            _write_archive(output, folder, files, manifest)
    finally:
        models.close()
    return manifest


def _settings() -> dict[str, dict[str, str]]:
    """Parameters of every model, as config.pbtxt of the preset for small devices would carry them."""
    deployment = PRESETS["edge"]
    served = (model for model in contract.MODELS if model is not contract.FINE_TUNES)  # a bundle has one
    return {model.name: parameters(deployment.model(model)) for model in served}


def _gather_voices(
    folder: Path, voices: Path | None, clip: Clip | None, stages: InProcessStages, facts: CheckpointFacts
) -> list[str]:
    """Put voices into `folder`; return their names, the default one first."""
    store = VoiceStore(folder / _VOICES)
    names = []
    if clip is not None:
        request = ReferenceRequest(clip.path.read_bytes(), clip.prompt_text, clip.prompt_language, trim=True)
        voice, created = derive_voice(request, stages, facts), datetime.now(timezone.utc).isoformat(timespec="seconds")
        entry = VoiceEntry(clip.name, clip.prompt_text, clip.prompt_language, voice.seconds, created, voice.report)
        _put(store, entry, voice)
        names.append(clip.name)
    registered = VoiceStore(voices) if voices is not None and voices.is_dir() else None
    for entry in registered.entries() if registered is not None else ():
        if entry.voice in names:
            continue
        try:
            voice = registered.get(entry.voice, facts.weights_digest)  # type: ignore[union-attr]
        except SynthesisError as failure:
            logger.warning("voice left out voice=%s reason=%s", entry.voice, failure)
            continue
        _put(store, entry, voice)
        names.append(entry.voice)
    if not names:
        raise ValueError("no voice was made with these weights; give --reference CLIP, or register one at the server")
    (folder / _VOICES / "lock").unlink(missing_ok=True)
    return names


def _put(store: VoiceStore, entry: VoiceEntry, voice: Voice) -> None:
    """Write a voice without its recording, which is nobody's business who only hears it."""
    arrays = io.BytesIO()
    np.savez(arrays, **{name: getattr(voice, name) for name in Voice.ARRAYS})
    record = VoiceRecord(entry, {voice.weights_digest: voice.digest})
    store.restore(entry.voice, VoiceFiles(record.to_json(), [], {voice.digest: arrays.getvalue()}))


def _gather_files(
    folder: Path, repository: Path, licences: tuple[Path, ...], sample: Sample, facts: CheckpointFacts
) -> dict[str, Path]:
    """Name in the archive to file, of all but the manifest."""
    symbols = phone_table(ModelVersion(facts.version).symbols)
    (folder / SYMBOLS_FILE).write_text(json.dumps(list(symbols), ensure_ascii=False), encoding="utf-8")
    soundfile.write(folder / SAMPLE_AUDIO_FILE, sample.waveform, contract.SAMPLE_RATE_HZ, subtype="FLOAT")
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files[BUILD_FILE] = repository / BUILD_FILE
    for model in contract.MODELS:
        built = repository / model.name / "1"
        for path in sorted(built.rglob("*")) if built.is_dir() else ():
            if path.is_file() and path.suffix not in _UNPACKED and "__pycache__" not in path.parts:
                files[path.relative_to(repository).as_posix()] = path
    for path in licences:
        files[f"{LICENCES_FOLDER}/{path.name}"] = path
    return without_foreign_codec(with_vocoder_for_equal_rows(files, folder), facts.weights_digest)


def with_vocoder_for_equal_rows(files: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Put the vocoder in without its masks, written to `folder`, where its graph can be rewritten so."""
    entries = f"{contract.VOCODER.name}/1/"
    source = files.get(entries + GRAPH_FILE)
    graph = None if source is None else for_equal_rows(onnx.load(source))
    if graph is None:
        logger.info("vocoder left as it is: its graph has no masks that could be left out")
        return files
    (folder / entries).mkdir(parents=True)
    save_graph(graph, folder / entries / GRAPH_FILE)
    others = {name: path for name, path in files.items() if not name.startswith(entries)}
    return others | {entries + path.name: path for path in (folder / entries).iterdir()}


def without_foreign_codec(files: dict[str, Path], weights_digest: str) -> dict[str, Path]:
    """Leave out a codec of latents that was trained on other weights: servers refuse it."""
    name = f"{contract.TTS.name}/1/{LATENT_CODEC_FILE}"
    if name not in files or read_codec(files[name]).weights_digest == weights_digest:
        return files
    logger.warning("codec of latents left out: it was trained on other weights; run `make codec` with these")
    return {each: path for each, path in files.items() if each != name}


def _manifest(
    repository: Path,
    settings: dict[str, dict[str, str]],
    facts: CheckpointFacts,
    names: list[str],
    folder: Path,
    sample: Sample,
    files: dict[str, Path],
    max_words: int,
) -> dict[str, Any]:
    """Say what is in the archive; docs/bundle.schema.json has its form."""
    build = read_build(repository)
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "made_by": f"gsv-build {metadata.version('gsv-build')}",
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "audio": {
            "sample_rate_hz": contract.SAMPLE_RATE_HZ,
            "samples_per_frame": contract.SAMPLES_PER_FRAME,
            "frames_per_token": contract.FRAMES_PER_TOKEN,
        },
        "facts": build["facts"],
        "t2s_precision": build["t2s_precision"],
        "symbols": SYMBOLS_FILE,
        "stages": {model.name: _stage(model, files) for model in contract.MODELS if _stage(model, files)["files"]},
        "t2s_sizes": _t2s_sizes(repository),
        "token_rules": {
            "repetition_penalty": SAMPLE_SAMPLING.repetition_penalty,
            "min_tokens": MIN_TOKENS,
            **{name: float(settings[contract.T2S.name][name]) for name in _STOPPING},
        },
        "voices": {name: _voice(folder, name) for name in names},
        "default_voice": names[0],
        "settings": settings,
        "limits": {"max_words": max_words},
        "sample": {
            "text": sample.text,
            "voice": names[0],
            "phones": sample.phones.tolist(),
            "semantic_tokens": sample.tokens.tolist(),
            "audio": SAMPLE_AUDIO_FILE,
        },
        "licences": [name for name in files if name.startswith(f"{LICENCES_FOLDER}/")],
        "files": {
            name: {"bytes": path.stat().st_size, "sha256": file_digest(path)} for name, path in sorted(files.items())
        },
    }


def _t2s_sizes(repository: Path) -> dict[str, int]:
    """Sizes of the T2S graph, as its builder wrote them into it: layers, heads, hidden, vocabulary and others."""
    graph = onnx.load(repository / contract.T2S.name / "1" / T2S_GRAPH_FILE, load_external_data=False)
    return {prop.key: int(prop.value) for prop in graph.metadata_props}


def _stage(model: contract.Model, files: dict[str, Path]) -> dict[str, Any]:
    """What of the archive belongs to a model, and the tensors that its graph takes and gives."""
    return {
        "does": model.doc,
        "files": [name for name in sorted(files) if name.startswith(f"{model.name}/")],
        "inputs": {tensor.name: tensor.doc for tensor in model.inputs},
        "outputs": {tensor.name: tensor.doc for tensor in model.outputs},
    }


def _voice(folder: Path, name: str) -> dict[str, Any]:
    record = json.loads((folder / _VOICES / "names" / f"{name}.json").read_text(encoding="utf-8"))
    return {
        "arrays": f"{_VOICES}/content/{record['digest']}.npz",
        "prompt_text": record["prompt_text"],
        "prompt_language": record["prompt_language"],
    }


def _write_archive(output: Path, folder: Path, files: dict[str, Path], manifest: dict[str, Any]) -> None:
    """Write the archive, the manifest first, whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    new = output.with_name(f".{output.name}.new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(MANIFEST_FILE, json.dumps(manifest, indent=1, ensure_ascii=False))
        with tqdm(total=sum(path.stat().st_size for path in files.values()), unit="B", unit_scale=True) as progress:
            for name, path in sorted(files.items()):
                with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as target:
                    shutil.copyfileobj(source, _Counted(target, progress), 1 << 20)
    new.replace(output)


class _Counted(io.RawIOBase):
    """Tells a progress bar of what is written."""

    def __init__(self, target: Any, progress: Any) -> None:
        self._target, self._progress = target, progress

    def write(self, data: Any) -> int:
        self._progress.update(len(data))
        return int(self._target.write(data))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this command."""
    parser.add_argument("--repository", type=Path, default=DEFAULT_REPOSITORY)
    parser.add_argument("--output", type=Path, default=Path("var/bundle/voice.gsv"))
    parser.add_argument(
        "--voices", type=Path, default=Path("var/voices"), help="registered voices; those that fit go in"
    )
    parser.add_argument("--reference", type=Path, help="3 to 10 s of speech: the default voice of the bundle")
    parser.add_argument("--reference-name", default="demo", help="what that voice is called")
    parser.add_argument("--prompt-text", default="", help="what is said in --reference")
    parser.add_argument("--prompt-language", default="auto")
    parser.add_argument("--licence", type=Path, action="append", default=[], help="a file to put in; may be repeated")
    parser.add_argument("--sample-text", default="The young woman found a good book.", help="one sentence")
    parser.add_argument("--max-words", type=int, default=EDGE_MAX_WORDS, help="of a request on the device; 0: any")


def run(arguments: argparse.Namespace) -> int:
    """Pack; return the exit status."""
    clip = None
    if arguments.reference:
        clip = Clip(arguments.reference_name, arguments.reference, arguments.prompt_text, arguments.prompt_language)
    try:
        manifest = write_bundle(
            arguments.repository,
            arguments.output,
            arguments.voices,
            clip,
            tuple(arguments.licence),
            arguments.sample_text,
            arguments.max_words,
        )
    except (ValueError, OSError, SynthesisError) as failure:
        logger.error("%s", failure)
        return 1
    size_mb = arguments.output.stat().st_size / 1e6
    logger.info("bundle written file=%s mb=%.1f voices=%s", arguments.output, size_mb, ",".join(manifest["voices"]))
    sys.stdout.write(f"{arguments.output}\n")
    return 0

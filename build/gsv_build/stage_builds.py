"""What `make build` writes into each model's directory, and from which files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from torch import nn

from gsv_build import checkpoints
from gsv_build.build_record import file_digest
from gsv_build.checkpoints import CheckpointError
from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.checkpoints.text_students import load_text_student
from gsv_build.checkpoints.vocoders import VocoderCheckpoint, load_vocoder
from gsv_build.deployment import Deployment, Runtime
from gsv_build.export import export_graph, round_graph
from gsv_build.graphs.eight_bits import DecoderQuantisation, EightBits
from gsv_build.graphs.graph_quantisation import T2SQuantisation
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs, write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.phone_table import write_phone_table
from gsv_build.receptive_field import receptive_field
from gsv_build.sizes import SovitsSizes, T2SSizes
from gsv_build.weights import WeightFiles
from gsv_runtime import contract
from gsv_runtime.contract import Model
from gsv_runtime.graphs.text_pieces import PIECE_FEATURES
from gsv_runtime.graphs.vocoder_spectrum import VOCODER_SPECTRUM
from gsv_runtime.model_files import (
    GRAPH_FILE,
    PIECE_FILE,
    PIECE_GRAPH_FILE,
    SPECTRUM_GRAPH_FILE,
    VOCABULARY_FILE,
    joined_digest,
)
from gsv_runtime.settings import CheckpointFacts
from gsv_runtime.tts.synthesis.chunking import ReceptiveField

_GRAPH_SUFFIXES = (".onnx", ".weights", ".data")


@dataclass(frozen=True)
class StageBuild:
    """Files of one model: where they come from, and the function that writes them into a directory."""

    model: Model
    sources: tuple[Path, ...]
    write: Callable[[Path], object]
    options: str = ""  # numbers of the deployment that end up in the files

    def digest(self, builder: str) -> str:
        """Changes with the checkpoint, and with the code and the numbers that export it."""
        return joined_digest([builder, self.options, *(file_digest(path) for path in self.sources)])

    def run(self, repository: Path) -> None:
        """Write the files beside their place, move them there, and remove graphs that were for another preset."""
        target = repository / self.model.name / "1"
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".new-") as temporary:
            self.write(Path(temporary))
            written = {path.name for path in Path(temporary).iterdir()}
            for name in written:
                os.replace(Path(temporary) / name, target / name)
        for path in target.iterdir():
            if path.suffix in _GRAPH_SUFFIXES and path.name not in written:
                path.unlink()


class Weights:
    """The checkpoints of one voice model, each read when it is first needed."""

    def __init__(self, files: WeightFiles) -> None:
        self.files = files

    @cached_property
    def t2s(self) -> checkpoints.Checkpoint[T2SSizes, T2S]:
        """The s1 checkpoint."""
        return checkpoints.load_t2s(self.files.t2s)

    @cached_property
    def sovits(self) -> checkpoints.Checkpoint[SovitsSizes, SovitsModules]:
        """The s2 checkpoint."""
        return checkpoints.load_sovits(self.files.sovits)

    @cached_property
    def vocoder(self) -> VocoderCheckpoint | None:
        """The vocoder in place of the s2's own, where there is one."""
        return None if self.files.vocoder is None else load_vocoder(self.files.vocoder, self.sovits.sizes)

    @cached_property
    def decoder_quantisation(self) -> DecoderQuantisation:
        """Which convolutions of the s2 are rounded to 8 bits; none where the directory does not say.

        Raises:
            CheckpointError: the directory's file cannot be read.
        """
        if self.files.decoder_quantisation is None:
            return DecoderQuantisation(EightBits.INT8)
        try:
            return DecoderQuantisation.read(self.files.decoder_quantisation)
        except ValueError as error:
            raise CheckpointError(str(error)) from None

    @property
    def receptive_field(self) -> ReceptiveField:
        """What flow and vocoder see."""
        field = receptive_field(self.sovits.sizes)
        if self.vocoder is None:
            return field
        return replace(field, vocoder_frames=self.vocoder.kind.receptive_frames(self.vocoder.sizes))

    @property
    def sizes(self) -> dict[str, int]:
        """Named axes of the contract."""
        sovits = self.sovits.sizes
        return {
            "ssl_dim": sovits.ssl_dim,
            "latent_dim": sovits.latent,
            "global_dim": sovits.global_dim,
            "bert_dim": self.t2s.sizes.bert_dim,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of all the files: voices registered with other weights are refused."""
        return joined_digest(file_digest(path) for path in vars(self.files).values() if path is not None)

    @property
    def facts(self) -> CheckpointFacts:
        """What the runtime must know of these checkpoints."""
        characters = self.files.characters
        has_bert = characters is not None
        vocabulary = checkpoints.load_vocabulary(characters) if characters is not None else []
        around = self.receptive_field
        return CheckpointFacts(
            version=self.sovits.sizes.version.value,
            weights_digest=self.digest,
            latent_dim=self.sizes["latent_dim"],
            global_dim=self.sizes["global_dim"],
            bert_dim=self.sizes["bert_dim"],
            has_bert=has_bert,
            bert_cls_id=vocabulary.index("[CLS]") if has_bert else 0,
            bert_sep_id=vocabulary.index("[SEP]") if has_bert else 0,
            flow_receptive_field_frames=around.flow_frames,
            vocoder_receptive_field_frames=around.vocoder_frames,
        )


def stage_builds(weights: Weights, deployment: Deployment) -> list[StageBuild]:
    """Every model that has files of its own.

    Args:
        weights: the checkpoints; which of them are there decides which models are.
        deployment: says where they run, and at which precision.
    """
    files, precision = weights.files, deployment.precision
    options = precision.value
    builds = [
        _t2s_build(weights, deployment),
        StageBuild(contract.TTS, (files.t2s, files.sovits), lambda folder: _write_phone_table(weights, folder)),
        StageBuild(contract.HUBERT, (files.hubert,), lambda folder: _write_hubert(weights, folder, precision), options),
        *(
            StageBuild(
                model,
                _sovits_sources(files, model),
                _sovits_writer(weights, model, name, deployment.precision_of(model)),
                deployment.precision_of(model).value,
            )
            for model, name in (
                (contract.SPEECH_TOKENIZER, "quantizer"),
                (contract.REFERENCE_ENCODER, "reference_encoder"),
                (contract.ACOUSTIC, "acoustic"),
            )
        ),
        _vocoder_build(weights, deployment),
    ]
    if files.characters is not None:
        characters = files.characters
        builds.append(_bert_build(weights, deployment))
        builds.append(
            StageBuild(contract.TEXT_FRONTEND, (characters,), lambda folder: _write_vocabulary(characters, folder))
        )
    if weights.sovits.sizes.version.uses_speaker_embedding:
        path = files.speaker_encoder
        if path is None:
            raise CheckpointError(
                f"{files.sovits.name} is {weights.sovits.sizes.version.value}, which needs a speaker encoder; "
                "fetch it with `python -m gsv_build weights`"
            )
        builds.append(
            StageBuild(
                contract.SPEAKER_ENCODER,
                (path,),
                lambda folder: _export(
                    checkpoints.load_speaker_encoder(path).module,
                    contract.SPEAKER_ENCODER,
                    folder,
                    {},
                    precision,
                    lengths={"F": 300},
                ),
                options,
            )
        )
    return builds


def _vocoder_build(weights: Weights, deployment: Deployment) -> StageBuild:
    """The graph of the s2's own vocoder, or of the one in its place."""
    precision, found = deployment.precision_of(contract.VOCODER), weights.vocoder
    own = _sovits_writer(weights, contract.VOCODER, "vocoder", precision)
    if found is None or weights.files.vocoder is None:
        return StageBuild(contract.VOCODER, _sovits_sources(weights.files, contract.VOCODER), own, precision.value)
    if found.kind.model is VOCODER_SPECTRUM and deployment.model(contract.VOCODER).runtime is not Runtime.PYTHON:
        raise CheckpointError(
            f"{weights.files.vocoder} ends at a spectrum, and preset {deployment.preset} has nobody to turn it into a "
            "waveform; build for PRESET=cpu or cuda, or without that folder"
        )
    sources = (weights.files.sovits, weights.files.vocoder)
    return StageBuild(
        contract.VOCODER, sources, lambda folder: _write_vocoder(weights, found, folder, precision), precision.value
    )


def _write_vocoder(weights: Weights, vocoder: VocoderCheckpoint, folder: Path, precision: Precision) -> None:
    file = SPECTRUM_GRAPH_FILE if vocoder.kind.model is VOCODER_SPECTRUM else GRAPH_FILE
    export_graph(vocoder.module, vocoder.kind.model, folder / file, weights.sizes, (), None, precision)


def _bert_build(weights: Weights, deployment: Deployment) -> StageBuild:
    """The graph of BERT, or of the student in its place."""
    student, bert, precision = weights.files.text_student, weights.files.bert, deployment.precision
    if student is None:
        assert bert is not None
        return StageBuild(
            contract.BERT, (bert,), lambda folder: _write_bert(weights, bert, folder, precision), precision.value
        )
    if deployment.model(contract.BERT).runtime is not Runtime.PYTHON:
        raise CheckpointError(
            f"{student} reads pieces, and preset {deployment.preset} has nobody to cut text into them; build for "
            "PRESET=cpu or cuda, or without that folder"
        )
    return StageBuild(
        contract.BERT, (student,), lambda folder: _write_text_student(weights, student, folder, precision),
        precision.value,
    )  # fmt: skip


def _write_text_student(weights: Weights, source: Path, folder: Path, precision: Precision) -> None:
    student = load_text_student(source)
    export_graph(student.module, PIECE_FEATURES, folder / PIECE_GRAPH_FILE, weights.sizes, (), None, precision)
    (folder / PIECE_FILE).write_text(student.pieces, encoding="utf-8")
    _write_vocabulary(source, folder)


def t2s_quantisation(files: WeightFiles, deployment: Deployment) -> T2SQuantisation:
    """What the deployment asks for, or else the weights directory; float32 where neither says.

    Raises:
        CheckpointError: the directory's file cannot be read.
    """
    if deployment.t2s_quantisation is not None:
        return deployment.t2s_quantisation
    if files.t2s_quantisation is None:
        return T2SQuantisation()
    try:
        return T2SQuantisation.read(files.t2s_quantisation)
    except ValueError as error:
        raise CheckpointError(str(error)) from None


def _t2s_build(weights: Weights, deployment: Deployment) -> StageBuild:
    """The graphs of T2S for the device that it runs on, and for no other."""
    settings = deployment.model(contract.T2S).settings
    rows: int = settings.cache_rows  # positions that t2s can count, of phones and of tokens
    on_cpu = settings.device == "cpu"
    quantisation = t2s_quantisation(weights.files, deployment)

    def write(folder: Path) -> None:
        if on_cpu:
            write_t2s_graphs(weights.t2s.module, folder, rows, quantisation)
        else:
            write_t2s_gpu_graphs(weights.t2s.module, folder, rows, deployment.precision)

    precision = quantisation.description if on_cpu else deployment.precision.value
    return StageBuild(contract.T2S, (weights.files.t2s,), write, f"{settings.device} {rows} {precision}")


def _export(
    module: nn.Module,
    model: Model,
    folder: Path,
    sizes: Mapping[str, int],
    precision: Precision,
    omit: tuple[str, ...] = (),
    lengths: Mapping[str, int] | None = None,
) -> None:
    export_graph(module, model, folder / GRAPH_FILE, sizes, omit, lengths, precision)


def _write_phone_table(weights: Weights, folder: Path) -> None:
    codebook = weights.sovits.module.acoustic.codebook.numpy()
    write_phone_table(weights.t2s.module, codebook, weights.sovits.sizes.version.symbols, folder)


def _write_hubert(weights: Weights, folder: Path, precision: Precision) -> None:
    hubert = checkpoints.load_hubert(weights.files.hubert)
    _require("hubert", "hidden size", hubert.sizes.hidden, "s2", weights.sizes["ssl_dim"])
    _export(hubert.module, contract.HUBERT, folder, weights.sizes, precision)


def _write_bert(weights: Weights, directory: Path, folder: Path, precision: Precision) -> None:
    bert = checkpoints.load_bert(directory)
    _require("bert", "hidden size", bert.sizes.hidden, "s1", weights.sizes["bert_dim"])
    _export(bert.module, contract.BERT, folder, weights.sizes, precision)


def _write_vocabulary(directory: Path, folder: Path) -> None:
    tokens = checkpoints.load_vocabulary(directory)
    (folder / VOCABULARY_FILE).write_text("\n".join(tokens) + "\n", encoding="utf-8")


def _sovits_writer(weights: Weights, model: Model, name: str, precision: Precision) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        version = weights.sovits.sizes.version
        omit = () if version.uses_speaker_embedding else ("speaker_embedding",)
        _export(getattr(weights.sovits.module, name), model, folder, weights.sizes, precision, omit)
        reach = weights.decoder_quantisation.reach.get(model.name, {})
        if reach:
            round_graph(folder / GRAPH_FILE, weights.decoder_quantisation.kind, reach)

    return write


def _sovits_sources(files: WeightFiles, model: Model) -> tuple[Path, ...]:
    """What a graph of the s2 is made from."""
    is_decoder = model in (contract.ACOUSTIC, contract.VOCODER)
    return (files.sovits, *([files.decoder_quantisation] if files.decoder_quantisation and is_decoder else []))


def _require(name: str, what: str, found: int, other: str, needed: int) -> None:
    if found != needed:
        raise CheckpointError(f"{name} has {what} {found}, but {other} was trained on {needed}; use the matching one")


def remove_leftovers(repository: Path) -> None:
    """Remove temporary directories that an interrupted build left."""
    for path in repository.glob("*/1/.new-*"):
        shutil.rmtree(path, ignore_errors=True)

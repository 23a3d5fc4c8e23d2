"""From a voice to a smaller one, measure by measure: lessons, students, a weights directory, a report."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gsv_build.checkpoints import load_sovits, save_sovits, save_t2s
from gsv_build.checkpoints.vocoders import save_vocoder
from gsv_build.graphs.eight_bits import EightBits
from gsv_build.graphs.graph_quantisation import BLOCK_VALUES, T2SPrecision, T2SQuantisation
from gsv_build.modules.light_vocoder import receptive_frames
from gsv_build.modules.t2s import T2S
from gsv_build.stage_builds import Weights
from gsv_build.weights import (
    BERT_DIRECTORY,
    DECODER_QUANTISATION_FILE,
    HUBERT_DIRECTORY,
    SOVITS_FILE,
    SPEAKER_ENCODER_FILE,
    T2S_FILE,
    T2S_QUANTISATION_FILE,
    TEXT_STUDENT_DIRECTORY,
    VOCODER_DIRECTORY,
    Chosen,
    WeightFiles,
    find_weights,
)
from gsv_compress import lessons
from gsv_compress.decoder_calibration import calibrate
from gsv_compress.light import light_sizes, train_light
from gsv_compress.quantising import choose
from gsv_compress.report import FIGURES, REPORT, Findings, judge
from gsv_compress.saying import NEW, OLD, say_both
from gsv_compress.t2s_pruning import check_share, pruned
from gsv_compress.t2s_student import agreement, batches_of, pack, shorter, teach
from gsv_compress.teacher import Sentence, Speaker, Teacher, read_references
from gsv_compress.text_making import TextPlan, make_text_student, spoken_alike
from gsv_compress.vocoder_lessons import VocoderRecipe
from gsv_compress.vocoder_pruning import heal, kept_channels, thinner
from gsv_demo import texts
from gsv_demo.recipe import Stage

LOG = logging.getLogger("gsv.compress")
OUR_REFERENCES = Path(__file__).resolve().parents[1] / "gsv_demo" / "weights" / "references"
_STEPS = {"cpu": 6_000, "cuda": 200_000}
_SEGMENTS = {"cpu": 12, "cuda": 64}  # of a vocoder's step
_SENTENCES = {"cpu": 6, "cuda": 64}  # of a step of T2S
_ADVERSARY_FROM = {"cpu": 1.0, "cuda": 0.5}  # on a CPU a step with it takes as long as eight without
_IMPORTANCE_BATCHES = 16
_MARK = "voice.sha256"  # in the work: of which voice it is
_MADE = (
    T2S_FILE, SOVITS_FILE, HUBERT_DIRECTORY, BERT_DIRECTORY, TEXT_STUDENT_DIRECTORY, SPEAKER_ENCODER_FILE,
    VOCODER_DIRECTORY, T2S_QUANTISATION_FILE, DECODER_QUANTISATION_FILE, FIGURES, REPORT,
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What is made of what."""

    weights: Path
    chosen: Chosen
    out: Path
    work: Path
    references: Path
    language: str
    lessons: int
    minutes: float
    steps: int
    device: str
    threads: int
    judges: Path
    texts: int
    vocoder: str | None
    t2s_layers: int | None
    prune: float | None
    precision: T2SPrecision
    text_student: bool
    chinese_texts: Path | None
    texts_read: int
    decoder_precision: EightBits | None = None

    @property
    def changes_t2s(self) -> bool:
        """Whether other tokens may be spoken."""
        return bool(self.t2s_layers or self.prune) or self.precision is not T2SPrecision.FP32

    @property
    def changes_vocoder(self) -> bool:
        """Whether the s2's vocoder is another, or has other channels."""
        return bool(self.vocoder or self.prune)

    @property
    def texts_said(self) -> int:
        """How many lessons the teacher gives; bits are chosen by the held-out ones, and need no others."""
        teaches = self.vocoder or self.t2s_layers or self.prune
        return self.lessons if teaches else min(self.lessons, lessons.HELD_OUT)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.vocoder or self.decoder_precision or self.changes_t2s or self.text_student)


def plan_of(asked: argparse.Namespace) -> Plan:
    """The plan of a command line."""
    device = asked.device or ("cuda" if torch.cuda.is_available() else "cpu")
    teaches_speech = asked.vocoder or asked.t2s_layers or asked.prune
    return Plan(
        weights=asked.weights,
        chosen=Chosen(asked.t2s, asked.sovits, asked.base),
        out=asked.out,
        work=asked.work or asked.out.with_name(f"{asked.out.name}-work"),
        references=asked.references or OUR_REFERENCES,
        language=asked.language or ("zh" if asked.text_student and not teaches_speech else "en"),
        lessons=asked.lessons,
        minutes=asked.minutes,
        steps=asked.steps or _STEPS[device],
        device=device,
        threads=asked.threads,
        judges=asked.judges,
        texts=asked.texts,
        vocoder=asked.vocoder,
        t2s_layers=asked.t2s_layers,
        prune=asked.prune,
        precision=T2SPrecision(asked.precision),
        decoder_precision=EightBits(asked.decoder_precision) if asked.decoder_precision else None,
        text_student=asked.text_student,
        chinese_texts=asked.chinese_texts,
        texts_read=asked.texts_read,
    )


class Making:
    """One run of the command."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.files = find_weights(plan.weights, chosen=plan.chosen)
        self.weights = Weights(self.files)
        self.findings = Findings()
        torch.set_num_threads(plan.threads)

    @cached_property
    def teacher(self) -> Teacher:
        """The user's model, built and loaded."""
        return Teacher(self.files, self.plan.weights, self.plan.work / "teacher", self.plan.threads)

    @cached_property
    def speakers(self) -> list[Speaker]:
        """Who is imitated."""
        return self.teacher.speakers(self.plan.references)

    @cached_property
    def sentences(self) -> list[Sentence]:
        """What the teacher said."""
        folder = self.plan.work / "lessons" / self.plan.language
        lessons.make(self.teacher, self.speakers, self.plan.language, self.plan.texts_said, folder)
        return lessons.load(folder)

    def run(self) -> Path:
        """Make the directory and its report; returns the directory."""
        plan = self.plan
        read_references(plan.references)  # before the hour of work that needs them
        if plan.prune is not None:
            check_share(plan.prune)
            if not plan.vocoder and not self.files.vocoder:
                kept_channels(self.weights.sovits.sizes, plan.prune)
        self._begin_directory()
        if plan.text_student:
            self._make_text_student()
        if plan.vocoder:
            self._make_vocoder()
        elif plan.prune and not self.files.vocoder:
            self._prune_vocoder(plan.prune)
        if plan.decoder_precision:
            self._round_decoder(plan.decoder_precision)
        if plan.changes_t2s:
            self._make_t2s()
        self._report()
        return plan.out

    def _begin_directory(self) -> None:
        """The new directory with what no measure changes, and nothing of an earlier plan.

        Raises:
            ValueError: it is the voice's own, or it or its work is another voice's.
        """
        files, plan, out = self.files, self.plan, self.plan.out
        own = {plan.weights.resolve(), *(each.resolve().parent for each in (files.t2s, files.sovits, files.hubert))}
        if out.resolve() in own:
            raise ValueError(f"{out} holds the voice itself, which stays as it is; name another directory (OUT=)")
        mark, voice = plan.work / _MARK, _identity(files)
        made_of = mark.read_text(encoding="utf-8") if mark.exists() else None
        if made_of not in (voice, None):
            raise ValueError(f"{plan.work} has lessons of another voice; name another directory (OUT=), or remove both")
        if made_of is None and out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ValueError(f"{out} has files that were not made here; name another directory (OUT=), or empty it")
        plan.work.mkdir(parents=True, exist_ok=True)
        mark.write_text(voice, encoding="utf-8")
        out.mkdir(parents=True, exist_ok=True)
        for name in _MADE:
            _remove(out / name)
        copied = {T2S_FILE: files.t2s, SOVITS_FILE: files.sovits}
        if files.decoder_quantisation and not plan.changes_vocoder:
            copied[DECODER_QUANTISATION_FILE] = files.decoder_quantisation
        for name, source in copied.items():
            shutil.copy2(source, out / name)
        shared = {
            HUBERT_DIRECTORY: files.hubert,
            BERT_DIRECTORY: None if plan.text_student else files.bert,
            TEXT_STUDENT_DIRECTORY: None if plan.text_student else files.text_student,
            SPEAKER_ENCODER_FILE: files.speaker_encoder,
            VOCODER_DIRECTORY: None if plan.vocoder else files.vocoder,
        }
        for name, path in shared.items():
            if path is not None:
                _link(path, out / name)
        for licence in plan.weights.glob("LICENCE*"):  # a bundle of what comes out needs it too
            shutil.copy2(licence, out / licence.name)

    def _make_text_student(self) -> None:
        """Teach a student of BERT, and tell how alike both are."""
        plan, version = self.plan, self.weights.sovits.sizes.version
        text = TextPlan(plan.chinese_texts, plan.texts_read, self._stage(2e-3), plan.work, plan.device)
        taught = make_text_student(text, self.files, version.symbols, plan.out)
        alike = spoken_alike(taught, self.teacher, self.speakers[0], self.weights.t2s.module, plan.chinese_texts)
        self.findings.measures["text student"] = {
            "pieces": taught.student.sizes.pieces,
            "channels": f"{taught.student.sizes.hidden} of {taught.teacher.sizes.hidden}",
            "layers": f"{taught.student.sizes.layers} of {taught.teacher.sizes.layers_used}",
            "cosine of features, mean": float(taught.cosines.mean()),
            "cosine of features, lowest twentieth": float(np.percentile(taught.cosines, 5)),
            "characters compared": taught.cosines.size,
            **alike,
        }
        self.findings.megabytes["text encoder"] = _megabytes(taught.teacher.module), _megabytes(taught.student)

    def _make_vocoder(self) -> None:
        """Teach the vocoder and put it beside the s2."""
        plan, sovits = self.plan, self.weights.sovits
        sizes = light_sizes(sovits.sizes)
        recipe = VocoderRecipe(self._stage(2e-3), _ADVERSARY_FROM[plan.device])
        student = train_light(self.sentences, sizes, recipe, plan.work / "run", plan.device)
        save_vocoder(plan.out / VOCODER_DIRECTORY, "light", student.cpu(), sizes)
        self.findings.measures["light vocoder"] = {
            "channels": sizes.channels,
            "blocks": sizes.blocks,
            "frames seen to each side": receptive_frames(sizes),
        }
        self.findings.megabytes["vocoder"] = _megabytes(sovits.module.vocoder), _megabytes(student)

    def _prune_vocoder(self, share: float) -> None:
        """Leave channels of the s2's own vocoder out, heal it, and write the s2 with it."""
        plan, sovits = self.plan, self.weights.sovits
        whole = sovits.module.vocoder
        student, sizes = thinner(whole, sovits.sizes, share, self.sentences)
        recipe = VocoderRecipe(self._stage(3e-4), _ADVERSARY_FROM[plan.device])
        student = heal(student, sizes, self.sentences, recipe, plan.work / "run" / f"prune-{share:g}", plan.device)
        save_sovits(plan.out / SOVITS_FILE, replace(sovits.module, vocoder=student), sizes, info="pruned")
        self.findings.measures["pruned vocoder"] = {
            "channels that enter": f"{sizes.upsample_channels} of {sovits.sizes.upsample_channels}"
        }
        self.findings.megabytes["vocoder"] = _megabytes(whole), _megabytes(student)

    def _round_decoder(self, kind: EightBits) -> None:
        """Say which convolutions of the new s2 bear 8 bits."""
        modules, held_out = load_sovits(self.plan.out / SOVITS_FILE).module, self.sentences[-lessons.HELD_OUT :]
        found, stay = calibrate(modules, kind, held_out, vocoder=not self.plan.vocoder)
        found.write(self.plan.out / DECODER_QUANTISATION_FILE)
        self.findings.measures[f"decoder at 8 bits ({kind.value})"] = {
            key: value
            for model, reach in found.reach.items()
            for key, value in (
                (f"{model}, convolutions rounded", len(reach)),
                (f"{model}, those that stay, dB", [f"{name} {db:.0f}" for name, db in stay[model].items()] or "none"),
            )
        }

    def _make_t2s(self) -> None:
        """Prune, shorten, teach and quantise T2S, whichever of them is asked for."""
        plan, teacher = self.plan, self.weights.t2s.module
        held_out = self.sentences[-lessons.HELD_OUT :]
        student, chosen = teacher, list(range(teacher.sizes.layers))
        if plan.prune:
            drawn = batches_of(self.sentences, 4, np.random.default_rng(0))
            student = pruned(student, plan.prune, list(itertools.islice(drawn, _IMPORTANCE_BATCHES)))
        if plan.t2s_layers:
            student, chosen = shorter(student, plan.t2s_layers)
        if student is not teacher:
            folder = plan.work / "run" / f"layers-{student.sizes.layers}-prune-{plan.prune or 0:g}"
            stage = self._stage(8e-4, _SENTENCES)
            student = teach(teacher, student, chosen, self.sentences, stage, folder, plan.device)
            save_t2s(plan.out / T2S_FILE, student, info="student of the same voice")
            self.findings.measures["T2S student"] = {
                "layers": f"{student.sizes.layers} of {teacher.sizes.layers}",
                "heads of a layer": f"{student.sizes.heads} of {teacher.sizes.heads}",
                "channels of a feed-forward": f"{student.sizes.feed_forward} of {teacher.sizes.feed_forward}",
                "likeliest token the same": agreement(teacher, student, held_out),
                "tokens compared": sum(each.tokens.size + 1 for each in held_out),
            }
        after = _megabytes(student)
        if plan.precision is not T2SPrecision.FP32:
            made = choose(student, plan.precision, [pack([each]) for each in held_out])
            made.quantisation.write(plan.out / T2S_QUANTISATION_FILE)
            self.findings.measures[f"T2S at {plan.precision.bits} bits"] = {
                "divergence, nats a token": made.divergence,
                "matrices that stay float32": sorted(made.quantisation.float32) or "none",
                "their share of the weights": made.kept_share,
            }
            after = quantised_megabytes(student, made.quantisation)
        self.findings.megabytes["T2S"] = _megabytes(teacher), after

    def _stage(self, learning_rate: float, batch: Mapping[str, int] = _SEGMENTS) -> Stage:
        """How long and how hard a student is trained."""
        plan = self.plan
        return Stage(plan.steps, batch[plan.device], learning_rate, 200, final_share=0.05, seconds=60 * plan.minutes)

    def _report(self) -> None:
        """Let both voices say held-out texts, and the judges hear them."""
        plan, folder = self.plan, self.plan.work / "said"
        voices = {OLD: self.teacher}  # built by now, so that of the new one only what differs is
        if not (plan.work / "student").exists():
            shutil.copytree(plan.work / "teacher", plan.work / "student")
        new = Teacher(find_weights(plan.out), plan.out, plan.work / "student", plan.threads)
        said = texts.held_out(plan.language, plan.texts)
        voices[NEW] = new
        speakers = {OLD: self.speakers, NEW: new.speakers(plan.references)}
        times = say_both(
            voices, speakers, said, plan.language, folder, same_tokens=not (plan.changes_t2s or plan.text_student)
        )
        self.findings.note_times(times)
        self.findings.judged = judge(folder, plan.judges)
        LOG.info("report written page=%s clips=%s", self.findings.write(plan.out), folder)


def _megabytes(module: nn.Module) -> float:
    """Of the weights in float32."""
    return sum(tensor.numel() for tensor in module.state_dict().values()) * 4 / 1e6


def quantised_megabytes(model: T2S, quantisation: T2SQuantisation) -> float:
    """Of the weights as the graph holds them: rounded ones with a scale of 4 bytes a block."""
    total = 0.0
    for name, tensor in model.state_dict().items():
        is_rounded = tensor.dim() == 2 and not quantisation.keeps(name.removesuffix(".weight"))
        total += tensor.numel() * (quantisation.precision.bits / 8 + 4 / BLOCK_VALUES if is_rounded else 4)
    return total / 1e6


def _identity(files: WeightFiles) -> str:
    """SHA-256 of the voice's checkpoints."""
    found = hashlib.sha256()
    for path in (files.t2s, files.sovits):
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _remove(path: Path) -> None:
    """A file, a folder or a link, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """A file or a folder by hard links, or copied where that cannot be."""

    def link(one: str, other: str) -> None:
        try:
            os.link(os.path.realpath(one), other)
        except OSError:
            shutil.copy2(one, other)

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=link)
    else:
        link(str(source), str(target))

"""What students learn from: sentences that the teacher said, a file each, and segments drawn from them.

Making them resumes: a text that has been said is not said again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gsv_compress.teacher import Sentence, Speaker, Teacher, mixed
from gsv_demo import texts
from gsv_runtime.contract import SAMPLES_PER_FRAME
from gsv_runtime.errors import SynthesisError
from gsv_runtime.tensors import Array, Arrays

LOG = logging.getLogger("gsv.compress")
_SEED = 71_000
_MIXED_EVERY = 4  # texts for each that is said with a timbre between two references
_FULL_SCALE = 32767.0
HELD_OUT = 8  # sentences, the last, that no student is trained on


def make(teacher: Teacher, speakers: Sequence[Speaker], language: str, count: int, folder: Path) -> None:
    """Let the teacher say `count` texts.

    Args:
        teacher: says them.
        speakers: in turn.
        language: of the texts: "en", "zh" or "ja".
        count: how many.
        folder: a file for each text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = texts.training(language, count, _SEED)
    rng = np.random.default_rng(_SEED)
    for index, text in enumerate(tqdm(said, desc="lessons", unit="text", mininterval=5)):
        speaker, other, share = speakers[index % len(speakers)], rng.integers(len(speakers)), rng.random()
        path = folder / f"{index:05d}.npz"
        if path.exists():
            continue
        voice = speaker.voice
        if index % _MIXED_EVERY == 0 and len(speakers) > 1:
            voice = mixed(voice, speakers[other].voice, share)
        try:
            sentences = teacher.say(text, language, voice, _SEED + index)
        except SynthesisError as error:
            LOG.warning("lesson skipped text=%r reason=%s", text, error)
            continue
        _write(path, sentences)


def _write(path: Path, sentences: Sequence[Sentence]) -> None:
    """Write a text's sentences whole or not at all; waveforms at 16 bits, features in half precision."""
    arrays: Arrays = {}
    for index, sentence in enumerate(sentences):
        values = dict(vars(sentence))
        values["waveform"] = np.rint(np.clip(sentence.waveform, -1, 1) * _FULL_SCALE).astype(np.int16)
        values["bert_features"] = sentence.bert_features.astype(np.float16)
        if not values["bert_features"].any():
            values["bert_features"] = np.zeros((len(sentence.bert_features), 0), dtype=np.float16)
        arrays |= {f"{index}.{name}": np.asarray(value) for name, value in values.items()}
    write_arrays(path, arrays)


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write a file of arrays whole or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.part")
    with partial.open("wb") as file:
        np.savez(file, **arrays)
    partial.replace(path)


def load(folder: Path) -> list[Sentence]:
    """Read all sentences.

    Raises:
        ValueError: there is none.
    """
    found = [sentence for path in sorted(folder.glob("*.npz")) for sentence in _read(path)]
    if not found:
        raise ValueError(f"{folder} holds no sentence; let the teacher say some first (--lessons)")
    return found


def _read(path: Path) -> list[Sentence]:
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    count = 1 + max((int(name.partition(".")[0]) for name in arrays), default=-1)
    return [
        _sentence({name: arrays[f"{index}.{name}"] for name in Sentence.__dataclass_fields__}) for index in range(count)
    ]


def _sentence(values: Arrays) -> Sentence:
    features = values["bert_features"].astype(np.float32)
    if features.shape[1] == 0:
        features = np.zeros((features.shape[0], values["phones"].size), dtype=np.float32)
    read: dict[str, Any] = {
        **values,
        "bert_features": features,
        "waveform": values["waveform"].astype(np.float32) / _FULL_SCALE,
        "num_target_phones": int(values["num_target_phones"]),
    }
    return Sentence(**read)


class Segments:
    """Draws stretches of latents with the waveform that the teacher made of them."""

    def __init__(self, sentences: Sequence[Sentence], frames: int, context: int, seed: int) -> None:
        """Choose.

        Args:
            sentences: to draw from; the longer, the more often.
            frames: of a stretch.
            context: frames on each side that are given but not compared; at a sentence's edge there are fewer on that
                side, and more on the other, so that edges are learnt as they are spoken.
            seed: of the draws.
        """
        self._sentences = [each for each in sentences if each.latents.shape[1] >= frames + 2 * context]
        if not self._sentences:
            raise ValueError(f"no sentence has {frames + 2 * context} frames; need longer texts")
        lengths = np.array([each.latents.shape[1] for each in self._sentences], dtype=np.float64)
        self._shares = lengths / lengths.sum()
        self._frames, self._context = frames, context
        self._rng = np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw.

        Returns:
            latents [B, latent, frames + 2 context], conditions [B, global_dim], the first frame of each that is
            compared [B], and the waveform [B, 640 frames] from there.
        """
        chosen = self._rng.choice(len(self._sentences), size=count, p=self._shares)
        width = self._frames + 2 * self._context
        drawn: list[tuple[Array, Array, np.int64, Array]] = []
        for index in chosen:
            sentence = self._sentences[index]
            first = int(self._rng.integers(sentence.latents.shape[1] - self._frames + 1))
            start = min(max(first - self._context, 0), sentence.latents.shape[1] - width)
            heard = sentence.waveform[first * SAMPLES_PER_FRAME : (first + self._frames) * SAMPLES_PER_FRAME]
            drawn.append(
                (sentence.latents[:, start : start + width], sentence.condition, np.int64(first - start), heard)
            )
        stacked = [torch.from_numpy(np.stack(each)) for each in zip(*drawn, strict=True)]
        return stacked[0], stacked[1], stacked[2], stacked[3]


def compared(waveforms: Tensor, firsts: Tensor, frames: int) -> Tensor:
    """Of [B, 640 W] that a student made of a batch, what is compared: [B, 640 frames]."""
    samples = torch.arange(frames * SAMPLES_PER_FRAME, device=waveforms.device)
    return waveforms.gather(1, firsts[:, None] * SAMPLES_PER_FRAME + samples)

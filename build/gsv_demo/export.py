"""Trained stages to official GPT-SoVITS files, fp16: what `gsv_build` reads like any other checkpoint."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.checkpoints.saving import save_bert, save_hubert, save_sovits, save_t2s
from gsv_build.modules.bert import Bert
from gsv_build.modules.t2s import T2S
from gsv_demo.bert import sizes_of, vocabulary
from gsv_demo.content import Listener
from gsv_demo.recipe import Recipe
from gsv_demo.run import load_modules
from gsv_demo.synthesis import Networks

LOG = logging.getLogger(__name__)
MAX_WEIGHTS_BYTES = 16 * 2**20
HUBERT_DIRECTORY = "hubert"
BERT_DIRECTORY = "bert"
T2S_FILE = "s1.ckpt"
SOVITS_FILE = "s2.pth"


def export_weights(folder: Path, weights: Path, recipe: Recipe) -> int:
    """Write what the stages' checkpoints hold as official files.

    Args:
        folder: of the checkpoints `bert.pt`, `content.pt`, `synthesis.pt` and `language_model.pt`.
        weights: directory to write `bert/`, `hubert/`, `s1.ckpt` and `s2.pth` to.
        recipe: sizes that they were trained with.

    Returns:
        Bytes written.
    """
    listener, networks, t2s = Listener(recipe.hubert, recipe.sovits), Networks(recipe), T2S(recipe.t2s)
    load_modules(folder / "content.pt", {"listener": listener})
    load_modules(folder / "synthesis.pt", {"networks": networks})
    load_modules(folder / "language_model.pt", {"t2s": t2s})
    bert = Bert(sizes_of(recipe))
    load_modules(folder / "bert.pt", {"bert": bert})
    save_bert(weights / BERT_DIRECTORY, bert, vocabulary(recipe))
    save_hubert(weights / HUBERT_DIRECTORY, listener.hubert)
    save_t2s(weights / T2S_FILE, t2s, info="gsv-demo")
    modules = SovitsModules(listener.quantizer, networks.reference_encoder, networks.acoustic, networks.vocoder)
    save_sovits(weights / SOVITS_FILE, modules, recipe.sovits, info="gsv-demo")
    size = sum(path.stat().st_size for path in weights.rglob("*") if path.is_file())
    LOG.info(
        "weights written folder=%s bytes=%d parts=%s",
        weights,
        size,
        json.dumps(sorted(p.name for p in weights.iterdir())),
    )
    return size

"""Trained stages to official GPT-SoVITS files, fp16, and back again to go on training.

What inference has no use for (posterior encoder, heads, discriminators) lies beside them in one file of its own, so
that a later training can start where this one stopped without its checkpoints. The repository does not keep that file.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from gsv_build.checkpoints.keys_s2 import SovitsModules
from gsv_build.checkpoints.loading import load_hubert, load_sovits, load_t2s
from gsv_build.checkpoints.saving import save_bert, save_hubert, save_sovits, save_t2s
from gsv_build.modules.bert import Bert
from gsv_build.modules.t2s import T2S
from gsv_build.weights import BERT_DIRECTORY, HUBERT_DIRECTORY, SOVITS_FILE, T2S_FILE
from gsv_demo.bert import sizes_of, vocabulary
from gsv_demo.content import Listener
from gsv_demo.discriminators import Jury
from gsv_demo.recipe import Recipe
from gsv_demo.run import load_modules
from gsv_demo.synthesis import Networks

LOG = logging.getLogger(__name__)
MAX_WEIGHTS_BYTES = 20 * 2**20
TRAINING_FILE = "training-only.pt"
_Stage = tuple[str, int, dict[str, nn.Module]]  # name, step, modules
_INFERENCE = (HUBERT_DIRECTORY, BERT_DIRECTORY, T2S_FILE, SOVITS_FILE)


def export_weights(folder: Path, weights: Path, recipe: Recipe) -> int:
    """Write what the stages' checkpoints hold as official files.

    Args:
        folder: of the checkpoints `bert.pt`, `content.pt`, `synthesis.pt` and `language_model.pt`. Where only the
            last is there, s1 alone is written.
        weights: directory to write, under the names that `gsv_build build` looks for.
        recipe: sizes that they were trained with.

    Returns:
        Bytes of the files that inference needs.
    """
    _export_language_model(folder, weights, recipe)
    if not (folder / "synthesis.pt").exists():
        LOG.info("only s1 was trained; need the other files of the weights that it goes on from beside it")
        return _inference_bytes(weights)
    listener, networks = Listener(recipe.hubert, recipe.sovits), Networks(recipe)
    jury = Jury(recipe.jury_width)
    bert = Bert(sizes_of(recipe))
    load_modules(folder / "bert.pt", {"bert": bert})
    load_modules(folder / "content.pt", {"listener": listener})
    load_modules(folder / "synthesis.pt", {"networks": networks, "jury": jury})
    save_bert(weights / BERT_DIRECTORY, bert, vocabulary(recipe))
    save_hubert(weights / HUBERT_DIRECTORY, listener.hubert)
    _spread(networks, recipe.spread)
    modules = SovitsModules(listener.quantizer, networks.reference_encoder, networks.acoustic, networks.vocoder)
    save_sovits(weights / SOVITS_FILE, modules, recipe.sovits, info="gsv-demo")
    rest = {name: _half(module) for name, module in _training_only(listener, networks, jury).items()}
    torch.save(rest, weights / TRAINING_FILE)
    size = _inference_bytes(weights)
    LOG.info("weights written folder=%s inference_bytes=%d", weights, size)
    return size


def _export_language_model(folder: Path, weights: Path, recipe: Recipe) -> None:
    t2s = T2S(recipe.t2s)
    load_modules(folder / "language_model.pt", {"t2s": t2s})
    t2s.head.weight.data *= recipe.sharpness
    save_t2s(weights / T2S_FILE, t2s, info="gsv-demo")


def _inference_bytes(weights: Path) -> int:
    files = [path for part in _INFERENCE for path in (weights / part, *(weights / part).rglob("*")) if path.is_file()]
    return sum(path.stat().st_size for path in files)


def import_weights(weights: Path, folder: Path, recipe: Recipe) -> None:
    """Make checkpoints of the stages from shipped weights, so that s1 and s2 train on.

    Content encoder and codes count as finished, and with them what only prepares s2: other codes would make both
    networks start over. The optimisers of s1 and s2 start anew, from step 0. Without `training-only.pt`, which the
    repository does not keep, only s1 can train on. A stage that has a checkpoint keeps it.

    Args:
        weights: directory that `export_weights` wrote.
        folder: for `content.pt`, `autoencoder.pt`, `prior.pt`, `synthesis.pt` and `language_model.pt`.
        recipe: its sizes must be those of the weights.

    Raises:
        ValueError: the sizes differ.
    """
    hubert, t2s = load_hubert(weights / HUBERT_DIRECTORY), load_t2s(weights / T2S_FILE)
    sovits = load_sovits(weights / SOVITS_FILE)
    for name, found, wanted in (
        ("HuBERT", hubert.sizes, recipe.hubert),
        ("s1", t2s.sizes, recipe.t2s),
        ("s2", sovits.sizes, recipe.sovits),
    ):
        if found != wanted:
            raise ValueError(
                f"{name} in {weights} has {found}; need the recipe's {wanted}; choose the recipe they are of"
            )
    t2s.module.head.weight.data /= recipe.sharpness
    listener = Listener(recipe.hubert, recipe.sovits)
    listener.hubert, listener.quantizer = hubert.module, sovits.module.quantizer
    stages: list[_Stage] = [("language_model", 0, {"t2s": t2s.module})]
    if (weights / TRAINING_FILE).exists():
        stages += _imported_sovits(weights, sovits.module, listener, recipe)
    else:
        LOG.warning("%s is not there: only s1 can train on", weights / TRAINING_FILE)
    stages.append(("content", recipe.content.steps, {"listener": listener}))
    folder.mkdir(parents=True, exist_ok=True)
    for stage, step, modules in stages:
        if not (folder / f"{stage}.pt").exists():
            state = {name: module.state_dict() for name, module in modules.items()}
            torch.save({"step": step, "modules": state}, folder / f"{stage}.pt")


def _imported_sovits(weights: Path, sovits: SovitsModules, listener: Listener, recipe: Recipe) -> list[_Stage]:
    """(stage, step, modules) of what s2 and its preparation train on with; the listener gets its heads."""
    networks, jury = Networks(recipe), Jury(recipe.jury_width)
    networks.reference_encoder, networks.vocoder = sovits.reference_encoder, sovits.vocoder
    networks.acoustic = sovits.acoustic
    _spread(networks, 1.0 / recipe.spread)
    rest = torch.load(weights / TRAINING_FILE, weights_only=True)
    for name, module in _training_only(listener, networks, jury).items():
        module.load_state_dict({key: tensor.float() for key, tensor in rest[name].items()}, strict=False)
    autoencoder = {name: getattr(networks, name) for name in ("posterior", "reference_encoder", "vocoder")}
    return [
        ("autoencoder", recipe.autoencoder.steps, autoencoder),
        ("prior", recipe.prior.steps, {"acoustic": networks.acoustic}),
        ("synthesis", 0, {"networks": networks, "jury": jury}),
    ]


def _spread(networks: Networks, factor: float) -> None:
    """Multiply the prior's standard deviation, the second half of what its last layer gives as logarithms."""
    bias = networks.acoustic.prior.bias.data
    bias[len(bias) // 2 :] += math.log(factor)


def _training_only(listener: Listener, networks: Networks, jury: Jury) -> dict[str, nn.Module]:
    """The networks that official files have no place for."""
    return {
        "posterior": networks.posterior,
        "frame_head": listener.frame_head,
        "token_head": listener.token_head,
        "jury": jury,
    }


def _half(module: nn.Module) -> dict[str, Tensor]:
    """State dict in fp16."""
    return {name: tensor.detach().half() for name, tensor in module.state_dict().items()}

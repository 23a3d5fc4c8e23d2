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
_INFERENCE = (HUBERT_DIRECTORY, BERT_DIRECTORY, T2S_FILE, SOVITS_FILE)


def export_weights(folder: Path, weights: Path, recipe: Recipe) -> int:
    """Write what the stages' checkpoints hold as official files.

    Args:
        folder: of the checkpoints `bert.pt`, `content.pt`, `synthesis.pt` and `language_model.pt`.
        weights: directory to write, under the names that `gsv_build build` looks for.
        recipe: sizes that they were trained with.

    Returns:
        Bytes of the files that inference needs.
    """
    listener, networks = Listener(recipe.hubert, recipe.sovits), Networks(recipe)
    jury = Jury(recipe.jury_width)
    t2s, bert = T2S(recipe.t2s), Bert(sizes_of(recipe))
    load_modules(folder / "bert.pt", {"bert": bert})
    load_modules(folder / "content.pt", {"listener": listener})
    load_modules(folder / "synthesis.pt", {"networks": networks, "jury": jury})
    load_modules(folder / "language_model.pt", {"t2s": t2s})
    save_bert(weights / BERT_DIRECTORY, bert, vocabulary(recipe))
    save_hubert(weights / HUBERT_DIRECTORY, listener.hubert)
    t2s.head.weight.data *= recipe.sharpness
    _spread(networks, recipe.spread)
    save_t2s(weights / T2S_FILE, t2s, info="gsv-demo")
    modules = SovitsModules(listener.quantizer, networks.reference_encoder, networks.acoustic, networks.vocoder)
    save_sovits(weights / SOVITS_FILE, modules, recipe.sovits, info="gsv-demo")
    rest = {name: _half(module) for name, module in _training_only(listener, networks, jury).items()}
    torch.save(rest, weights / TRAINING_FILE)
    files = [path for part in _INFERENCE for path in (weights / part, *(weights / part).rglob("*")) if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    LOG.info("weights written folder=%s inference_bytes=%d", weights, size)
    return size


def import_weights(weights: Path, folder: Path, recipe: Recipe) -> None:
    """Make checkpoints of the stages from shipped weights, so that s1 and s2 train on.

    Content encoder and codes count as finished, and with them what only prepares s2: other codes would make both
    networks start over. The optimisers of s1 and s2 start anew, from step 0.

    Args:
        weights: directory that `export_weights` wrote.
        folder: for `content.pt`, `autoencoder.pt`, `prior.pt`, `synthesis.pt` and `language_model.pt`.
        recipe: its sizes must be those of the weights.

    Raises:
        ValueError: the sizes differ.
        FileNotFoundError: `training-only.pt` is not there; the repository does not keep it.
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
    listener, networks = Listener(recipe.hubert, recipe.sovits), Networks(recipe)
    jury = Jury(recipe.jury_width)
    listener.hubert, listener.quantizer = hubert.module, sovits.module.quantizer
    networks.reference_encoder, networks.vocoder = sovits.module.reference_encoder, sovits.module.vocoder
    networks.acoustic = sovits.module.acoustic
    _spread(networks, 1.0 / recipe.spread)
    if not (weights / TRAINING_FILE).exists():
        raise FileNotFoundError(
            f"{weights / TRAINING_FILE} not found; need what only training needs, which `export` writes there and the "
            "repository does not keep; train from nothing instead: leave --from-weights out"
        )
    rest = torch.load(weights / TRAINING_FILE, weights_only=True)
    for name, module in _training_only(listener, networks, jury).items():
        module.load_state_dict({key: tensor.float() for key, tensor in rest[name].items()}, strict=False)
    folder.mkdir(parents=True, exist_ok=True)
    autoencoder = {name: getattr(networks, name) for name in ("posterior", "reference_encoder", "vocoder")}
    for stage, step, modules in (
        ("content", recipe.content.steps, {"listener": listener}),
        ("autoencoder", recipe.autoencoder.steps, autoencoder),
        ("prior", recipe.prior.steps, {"acoustic": networks.acoustic}),
        ("synthesis", 0, {"networks": networks, "jury": jury}),
        ("language_model", 0, {"t2s": t2s.module}),
    ):
        state = {name: module.state_dict() for name, module in modules.items()}
        torch.save({"step": step, "modules": state}, folder / f"{stage}.pt")


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

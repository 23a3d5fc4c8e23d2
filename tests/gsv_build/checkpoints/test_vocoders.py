"""Vocoders beside an s2: what is written is read again, and what does not fit is refused with both sides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gsv_build.checkpoints import CheckpointError
from gsv_build.checkpoints.vocoders import VOCODERS, load_vocoder, save_vocoder
from gsv_build.modules.light_vocoder import LightVocoder
from gsv_build.sizes import LightVocoderSizes
from gsv_runtime import contract


@pytest.fixture
def written(tmp_path: Path, tiny_sovits: Any) -> tuple[Path, LightVocoder]:
    """A light vocoder beside the tiny s2."""
    sovits = tiny_sovits.sizes()
    torch.manual_seed(0)
    sizes = LightVocoderSizes(sovits.latent, sovits.global_dim, channels=8, expanded=16, blocks=2)
    module = LightVocoder(sizes).eval()
    save_vocoder(tmp_path / "vocoder", "light", module, sizes)
    return tmp_path / "vocoder", module


def test_a_vocoder_is_read_as_it_was_written_but_for_rounding(written: Any, tiny_sovits: Any) -> None:
    folder, module = written
    found = load_vocoder(folder, tiny_sovits.sizes())
    assert found.sizes == module.sizes
    for name, tensor in module.state_dict().items():
        read = found.module.state_dict()[name]
        if tensor.dim() == 1:
            torch.testing.assert_close(read, tensor, atol=1e-3, rtol=1e-3)  # half precision
        else:
            step = tensor.flatten(1).abs().amax(dim=1) / 127
            assert ((read - tensor).flatten(1).abs() <= 0.501 * step[:, None]).all()


def test_a_vocoder_of_another_s2_is_refused_with_both_numbers(written: Any, tiny_sovits: Any) -> None:
    with pytest.raises(CheckpointError, match="latent 12, the s2 beside it 48"):
        load_vocoder(written[0], replace(tiny_sovits.sizes(), latent=48))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vocoder": "wavenet"}, "a vocoder 'wavenet'; need one of light, wavegan"),
        ({"blocks": 10**9}, "need whole numbers from 1 to 16384"),
        ({"blocks": "2"}, "need whole numbers"),
        ({"heads": 3}, "need whole numbers"),
        ({"blocks": 3}, "missing"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(written: Any, tiny_sovits: Any, change: Any, told: str) -> None:
    config = written[0] / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(CheckpointError, match=told):
        load_vocoder(written[0], tiny_sovits.sizes())


def test_every_kind_takes_what_the_stage_takes() -> None:
    for kind in VOCODERS.values():
        assert kind.model.inputs == contract.VOCODER.inputs
        assert {"latent", "global_dim"} <= set(kind.sizes.__dataclass_fields__)

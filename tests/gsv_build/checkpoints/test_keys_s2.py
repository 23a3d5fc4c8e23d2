"""Official s2 names and sizes, both ways."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gsv_build.checkpoints.errors import CheckpointError, KeyMismatch
from gsv_build.checkpoints.keys_s2 import (
    TOLERATED,
    SovitsModules,
    from_modules,
    official_name,
    official_shapes,
    sovits_sizes,
    to_modules,
)
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import SovitsSizes
from gsv_runtime.versions import SUPPORTED, ModelVersion

TABLE = Path(__file__).parents[2] / "data" / "official-s2-tensors.tsv.gz"
RUNNING_SUMS = ("inited", "cluster_size", "embed_avg")


def official_table(version: ModelVersion) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for line in gzip.decompress(TABLE.read_bytes()).decode().splitlines()[1:]:
        name, *columns = line.split("\t")
        column = columns[SUPPORTED.index(version) if len(columns) > 1 else 0]
        if column != "-":
            shapes[name] = tuple(int(size) for size in column.split("x"))
    return shapes


def tiny(version: ModelVersion = ModelVersion.V2) -> SovitsSizes:
    wide = 8 if version.uses_speaker_embedding else 16
    return replace(
        network_sizes(version, "small").sovits,
        latent=8,
        filter=12,
        layers=2,
        global_dim=wide,
        ssl_dim=6,
        codebook=10,
        num_phones=9,
        mrte_hidden=16,
        style_hidden=8,
        upsample_channels=32,
    )


def config_of(sizes: SovitsSizes, **changes: Any) -> dict[str, Any]:
    model = {
        "inter_channels": sizes.latent,
        "hidden_channels": sizes.latent,
        "filter_channels": sizes.filter,
        "n_heads": sizes.heads,
        "n_layers": sizes.layers,
        "kernel_size": sizes.kernel,
        "gin_channels": sizes.global_dim,
        "resblock": "1",
        "resblock_kernel_sizes": list(sizes.resblock_kernels),
        "resblock_dilation_sizes": [list(row) for row in sizes.resblock_dilations],
        "upsample_rates": list(sizes.upsample_rates),
        "upsample_kernel_sizes": list(sizes.upsample_kernels),
        "upsample_initial_channel": sizes.upsample_channels,
    }
    return {"model": {**model, **changes}}


def official_tensors(sizes: SovitsSizes) -> dict[str, Tensor]:
    with torch.device("meta"):
        shapes = official_shapes(SovitsModules.of(sizes))
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.mark.slow
@pytest.mark.parametrize("version", SUPPORTED, ids=lambda version: version.value)
def test_official_sizes_have_the_official_names_and_shapes(version: ModelVersion) -> None:
    with torch.device("meta"):
        shapes = official_shapes(SovitsModules.of(network_sizes(version).sovits))
    assert shapes == {name: shape for name, shape in official_table(version).items() if not name.endswith(RUNNING_SUMS)}


@pytest.mark.parametrize("version", SUPPORTED, ids=lambda version: version.value)
def test_sizes_of_official_tensors_are_the_official_sizes(version: ModelVersion) -> None:
    official = network_sizes(version).sovits
    tensors = {name: torch.empty(shape, device="meta") for name, shape in official_table(version).items()}
    assert sovits_sizes(config_of(official), tensors, version) == official


@pytest.mark.slow
@pytest.mark.parametrize("version", SUPPORTED, ids=lambda version: version.value)
def test_networks_written_and_read_again_are_the_same(version: ModelVersion) -> None:
    sizes = tiny(version)
    first = to_modules(official_tensors(sizes), sizes)
    second = to_modules(from_modules(first), sizes)
    for (stage, before), (_, after) in zip(first.items(), second.items(), strict=True):
        for name, tensor in before.state_dict().items():
            torch.testing.assert_close(after.state_dict()[name], tensor, atol=1e-6, rtol=1e-6, msg=f"{stage}.{name}")


@pytest.mark.parametrize("version", [ModelVersion.V2, ModelVersion.V2_PRO], ids=lambda version: version.value)
def test_what_is_written_has_every_name_that_upstream_loads(version: ModelVersion) -> None:
    whole = SovitsSizes()
    sizes = replace(
        tiny(version),
        layers=whole.layers,
        flow_layers=whole.flow_layers,
        wavenet_layers=whole.wavenet_layers,
        resblock_kernels=whole.resblock_kernels,
        resblock_dilations=whole.resblock_dilations,
    )
    modules = SovitsModules.of(sizes)
    modules.acoustic.codebook = modules.quantizer.codebook
    assert set(from_modules(modules)) == set(official_table(version))


@pytest.mark.slow
def test_weight_norm_is_folded_over_all_axes_but_the_first() -> None:
    sizes = tiny()
    tensors = official_tensors(sizes)
    direction, magnitude = tensors["dec.ups.0.weight_v"], tensors["dec.ups.0.weight_g"]
    expected = torch.stack([g * v / v.norm() for g, v in zip(magnitude.flatten(), direction, strict=True)])
    folded = to_modules(tensors, sizes).vocoder.upsamplers[0].weight
    torch.testing.assert_close(folded.detach(), expected)


def test_half_precision_files_are_read_in_single_precision() -> None:
    sizes = tiny()
    modules = to_modules({name: tensor.half() for name, tensor in official_tensors(sizes).items()}, sizes)
    assert {tensor.dtype for _, module in modules.items() for tensor in module.state_dict().values()} == {torch.float32}


def test_missing_and_surplus_tensors_are_listed() -> None:
    sizes = tiny()
    tensors = official_tensors(sizes)
    del tensors["dec.conv_post.weight"]
    tensors["cfm.estimator.weight"] = torch.zeros(1)
    with pytest.raises(KeyMismatch, match=r"dec\.conv_post\.weight.*cfm\.estimator\.weight"):
        to_modules(tensors, sizes)


def test_tensors_of_training_are_passed_over() -> None:
    sizes = tiny()
    tensors = official_tensors(sizes)
    tensors["enc_q.enc.in_layers.0.weight_v"] = torch.zeros(3)
    to_modules(tensors, sizes)
    assert len(TOLERATED) == 2


def test_two_codebooks_cannot_be_written_as_one() -> None:
    sizes = tiny()
    modules = to_modules(official_tensors(sizes), sizes)
    modules.acoustic.codebook += 1.0
    with pytest.raises(KeyMismatch, match="codebook"):
        from_modules(modules)


def test_a_tensor_of_ours_without_an_official_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="no rule"):
        official_name("vocoder.invented.weight")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 10**9}, "n_layers is 1000000000, the tensors say 2"),
        ({"hidden_channels": 16}, "hidden_channels is 16"),
        ({"n_heads": 0}, "n_heads is 0"),
        ({"gin_channels": None}, "gin_channels is None"),
        ({"resblock": "2"}, "resblock is '2', need '1'"),
        ({"inter_channels": 4}, "inter_channels is 4, need hidden_channels"),
        ({"upsample_rates": [10, 8, 2, 2]}, "need whole numbers whose product is 640"),
        ({"upsample_rates": "10"}, "need whole numbers whose product is 640"),
        ({"upsample_kernel_sizes": [16, 16, 8, 2, 4]}, "upsample_kernel_sizes is"),
        ({"resblock_dilation_sizes": [[1, 3, 10**6]]}, "need lists of numbers from 1 to"),
        ({"resblock_dilation_sizes": []}, "need lists of numbers from 1 to"),
    ],
)
def test_a_configuration_that_does_not_fit_its_tensors_is_refused(changes: dict[str, Any], message: str) -> None:
    sizes = tiny()
    with pytest.raises(CheckpointError, match=message.replace("[", r"\[")):
        sovits_sizes(config_of(sizes, **changes), official_tensors(sizes), sizes.version)


def test_a_file_without_the_tensors_that_show_its_sizes_is_refused() -> None:
    sizes = tiny()
    with pytest.raises(KeyMismatch, match=r"enc_p\.ssl_proj\.weight is missing"):
        sovits_sizes(config_of(sizes), {"x": torch.zeros(1)}, sizes.version)


def test_the_speaker_must_be_as_wide_as_the_text_unless_it_is_projected() -> None:
    sizes = replace(tiny(), global_dim=12)
    with pytest.raises(CheckpointError, match="gin_channels is 12, need 16"):
        sovits_sizes(config_of(sizes), official_tensors(sizes), sizes.version)

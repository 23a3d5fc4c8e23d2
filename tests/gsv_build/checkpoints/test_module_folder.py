from dataclasses import dataclass

import pytest
import torch
from torch import nn

from gsv_build.checkpoints.errors import CheckpointError, UnreadableCheckpoint
from gsv_build.checkpoints.module_folder import TENSOR_FILE, load_module, save_module, sizes_in


@dataclass(frozen=True)
class Sizes:
    width: int
    layers: int


def test_a_network_comes_back_in_half_precision_ready_to_use(tmp_path):
    module = nn.Linear(3, 2)
    save_module(tmp_path / "new", module, {"width": 3})
    read = load_module(tmp_path / "new", lambda: nn.Linear(3, 2), "line")
    assert not read.training
    assert torch.equal(read.weight, module.weight.detach().half().float())
    assert [path.name for path in (tmp_path / "new").glob("*.part")] == []


def test_rounded_to_8_bits_a_row_keeps_its_own_scale_and_an_axis_alone_half_precision(tmp_path):
    module = nn.Conv1d(3, 2, kernel_size=5)
    with torch.no_grad():
        module.weight[0] *= 1000
        module.weight[1, :, 1:] = 0.0
    save_module(tmp_path, module, {}, rounded=True)
    read = load_module(tmp_path, lambda: nn.Conv1d(3, 2, kernel_size=5), "kernel")
    step = module.weight.detach().flatten(1).abs().amax(dim=1) / 127
    assert ((read.weight - module.weight).flatten(1).abs() <= 0.501 * step[:, None]).all()
    assert read.weight.dtype is torch.float32
    assert torch.equal(read.bias, module.bias.detach().half().float())


def test_a_rounded_network_takes_half_of_half_precision_and_a_row_of_zeros_stays_one(tmp_path):
    module = nn.Linear(256, 256)
    with torch.no_grad():
        module.weight[3] = 0.0
    for rounded in (False, True):
        save_module(tmp_path / str(rounded), module, {}, rounded)
    whole, small = ((tmp_path / str(each) / TENSOR_FILE).stat().st_size for each in (False, True))
    assert small < 0.53 * whole
    assert not load_module(tmp_path / "True", lambda: nn.Linear(256, 256), "line").weight[3].any()


def test_tensors_of_other_sizes_and_none_at_all_are_refused(tmp_path):
    save_module(tmp_path, nn.Linear(3, 2), {})
    with pytest.raises(CheckpointError, match="line"):
        load_module(tmp_path, lambda: nn.Linear(4, 2), "line")
    (tmp_path / TENSOR_FILE).unlink()
    with pytest.raises(CheckpointError):
        load_module(tmp_path, lambda: nn.Linear(3, 2), "line")


@pytest.mark.parametrize(
    "config", [{"width": 3}, {"width": 3, "layers": 11}, {"width": 3, "layers": True}, {"width": 0, "layers": 1}]
)
def test_sizes_are_whole_numbers_up_to_the_largest_and_complete(tmp_path, config):
    assert sizes_in(tmp_path, {"width": 3, "layers": 10}, Sizes, 10) == Sizes(3, 10)
    with pytest.raises(UnreadableCheckpoint, match="from 1 to 10 for layers, width"):
        sizes_in(tmp_path, config, Sizes, 10)

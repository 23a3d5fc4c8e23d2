"""EnCodec's weights of our own making become graphs that give the codes that its own code gives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gsv_build.__main__ import main
from gsv_build.checkpoints import CheckpointError
from gsv_build.checkpoints.encodec import load_encodec
from gsv_build.modules.encodec import Encodec, EncodecSizes
from gsv_gateway.audio.encodec import Encodec as OpenedEncodec

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]  # torch's own, of its LSTM
SIZES = EncodecSizes(filters=4, dimension=16, codebooks=4)
KBIT_3 = 3_000  # all four tables
# First and last eight frames of what transformers' EncodecModel 5.24.0 makes of the same weights and samples.
THEIR_CODES = [
    [951, 501, 538, 568],
    [100, 871, 538, 568],
    [325, 325, 538, 658],
    [100, 501, 538, 1021],
    [336, 501, 538, 308],
    [100, 501, 538, 308],
    [951, 501, 538, 769],
    [358, 501, 538, 26],
    [804, 501, 467, 26],
    [100, 405, 538, 219],
    [426, 501, 973, 26],
    [100, 501, 538, 26],
    [100, 501, 538, 600],
    [358, 501, 538, 568],
    [100, 501, 538, 219],
    [189, 501, 538, 568],
]


def drawn() -> dict[str, torch.Tensor]:
    """Weights that any NumPy draws alike."""
    rng = np.random.default_rng(0)
    return {
        name: torch.from_numpy(
            (rng.standard_normal(tuple(value.shape)) * (0.3 if "weight" in name else 0.05)).astype(np.float32)
        )
        for name, value in Encodec(SIZES).state_dict().items()
    }


def samples() -> Any:
    return (0.1 * np.random.default_rng(1).standard_normal(24_000)).astype(np.float32)


def as_published(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The names of the authors' own file, with weight normalisation and what tables have for training."""
    found = {}
    for name, value in weights.items():
        parts = name.split(".")
        if name == "codebooks":
            for number, table in enumerate(value):
                stem = f"quantizer.vq.layers.{number}._codebook."
                found |= {
                    f"{stem}embed": table.clone(),
                    f"{stem}embed_avg": table.clone(),
                    f"{stem}inited": torch.ones(1),
                }
        elif ".conv." in name:
            transposed = parts[0] == "decoder" and parts[3] == "conv" and int(parts[2]) in (3, 6, 9, 12)
            theirs = name.replace("layers", "model").replace(
                ".conv.", ".convtr.convtr." if transposed else ".conv.conv."
            )
            if name.endswith("weight"):
                found[f"{theirs}_g"] = value.flatten(1).norm(dim=1).reshape(-1, 1, 1)
                found[f"{theirs}_v"] = 3.0 * value
            else:
                found[theirs] = value
        else:
            found[name.replace("layers", "model")] = value
    return found


def as_hugging_face_has_it(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {}
    for name, value in as_published(weights).items():
        name = name.replace("coder.model.", "coder.layers.").replace(".conv.conv.", ".conv.")
        name = name.replace(".convtr.convtr.", ".conv.").replace("quantizer.vq.", "quantizer.")
        name = name.replace("_codebook", "codebook").replace(".weight_g", ".parametrizations.weight.original0")
        found[name.replace(".weight_v", ".parametrizations.weight.original1")] = value.contiguous()
    return found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("encodec") / "encodec_24khz-own.th"
    torch.save(as_published(drawn()), file)
    return file


@pytest.fixture(scope="module")
def opened(published: Path) -> OpenedEncodec:
    """What the command makes of them."""
    folder = published.parent / "graphs"
    assert main(["encodec", str(published), "--output", str(folder)]) == 0
    return OpenedEncodec.open(folder)


def codes_of(model: OpenedEncodec, data: bytes) -> Any:
    size = int.from_bytes(data[5:9], "big")
    bits = np.unpackbits(np.frombuffer(data[9 + size :], np.uint8), bitorder="little")
    return bits[: bits.size // 40 * 40].reshape(-1, 4, 10) @ (1 << np.arange(10))


def test_both_spellings_of_the_weights_are_read_alike(published: Path, tmp_path: Path) -> None:
    save_file(as_hugging_face_has_it(drawn()), tmp_path / "model.safetensors")
    one, other = load_encodec(published), load_encodec(tmp_path)
    assert one.sizes == other.sizes == SIZES
    for name, value in drawn().items():
        torch.testing.assert_close(one.state_dict()[name], value, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(other.state_dict()[name], value, atol=1e-5, rtol=1e-4)


def test_codes_are_those_of_the_code_that_the_weights_are_for(opened: OpenedEncodec) -> None:
    codes = codes_of(opened, opened.whole(samples(), KBIT_3))
    assert codes.shape == (75, 4)
    assert [*codes[:8].tolist(), *codes[-8:].tolist()] == THEIR_CODES


@pytest.mark.parametrize("piece", [100, 777, 5_000])
def test_a_stream_has_the_codes_of_the_whole_wherever_it_is_cut(opened: OpenedEncodec, piece: int) -> None:
    encoder, whole = opened.encoder(KBIT_3), opened.whole(samples(), KBIT_3)
    streamed = b"".join(encoder.encode(samples()[start : start + piece]) for start in range(0, 24_000, piece))
    streamed += encoder.finish()
    assert np.array_equal(codes_of(opened, streamed), codes_of(opened, whole))
    assert np.array_equal(opened.decode(streamed), opened.decode(whole))


@pytest.mark.parametrize(("size", "frames"), [(1, 1), (320, 1), (2_000, 7), (24_001, 76)])
def test_a_file_is_as_long_as_what_was_said(opened: OpenedEncodec, size: int, frames: int) -> None:
    said = np.resize(samples(), size)
    data = opened.whole(said, KBIT_3)
    header = json.loads(data[9 : 9 + int.from_bytes(data[5:9], "big")])
    assert header == {"m": "encodec_24khz", "al": size, "nc": 4, "lm": False}
    assert codes_of(opened, data).shape[0] == frames
    assert opened.decode(data).shape == (size,)


def test_half_of_the_rate_is_half_of_the_bytes_and_no_silence_is_a_file_too(opened: OpenedEncodec) -> None:
    assert opened.bit_rates == (750, 3_000)
    all_of_it, half = (len(opened.whole(samples(), rate)) for rate in (3_000, 1_500))
    assert all_of_it - half == 75 * 20 // 8
    assert opened.decode(opened.encoder().finish()).size == 0


@pytest.mark.parametrize("data", [b"", b"RIFFxxxx", b"ECDC\x00\x00\x00\x00\x02{}"])
def test_what_is_no_such_file_is_told(opened: OpenedEncodec, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no \.ecdc file"):
        opened.decode(data)


def test_a_file_that_is_cut_off_is_told(opened: OpenedEncodec) -> None:
    with pytest.raises(ValueError, match="cut off"):
        opened.decode(opened.whole(samples(), KBIT_3)[:-9])


def test_other_models_and_damaged_files_are_refused_and_tell_what_is_needed(tmp_path: Path) -> None:
    weights = as_published(drawn())
    file = tmp_path / "model.th"
    torch.save({**weights, "encoder.model.0.conv.norm.weight": torch.ones(4)}, file)
    with pytest.raises(CheckpointError, match="need that of 24 kHz"):
        load_encodec(file)
    torch.save({name: value for name, value in weights.items() if "quantizer" not in name}, file)
    with pytest.raises(CheckpointError, match="codebooks"):
        load_encodec(file)
    torch.save({name: value for name, value in weights.items() if "lstm" not in name}, file)
    with pytest.raises(CheckpointError, match="missing"):
        load_encodec(file)
    torch.save({"quantizer.vq.layers.0._codebook.embed": torch.zeros(4, 2)}, file)
    with pytest.raises(CheckpointError, match="encodec_24khz-d7cc33bc"):
        load_encodec(file)


def test_the_command_says_what_is_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert main(["encodec", str(tmp_path / "nothing.th")]) == 1
    assert "nothing.th does not exist" in caplog.text


def test_a_folder_without_encodec_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gsv_build encodec"):
        OpenedEncodec.open(tmp_path)


def test_sizes_of_the_published_model() -> None:
    with torch.device("meta"):
        whole = Encodec(EncodecSizes())
    count = sum(value.numel() for name, value in whole.named_parameters() if name != "codebooks")
    assert whole.sizes == replace(EncodecSizes(), filters=32)
    assert 14e6 < count < 15.5e6

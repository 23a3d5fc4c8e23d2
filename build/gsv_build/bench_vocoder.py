"""What each form of the vocoder's graph costs on ONNX Runtime's CPU kernels, as ratios to the plain form.

    python -m gsv_build.bench_vocoder --version v2 --frames 150 --threads 2 --rounds 9

Forms run by turns in one process, so that whatever else the machine does hits all alike. Processor time is shown beside
wall time: on a shared machine it is the steadier of the two. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gsv_build.export import export_graph
from gsv_build.modules.vocoder import Vocoder
from gsv_build.size_presets import network_sizes
from gsv_build.sizes import SovitsSizes
from gsv_runtime import contract
from gsv_runtime.versions import SUPPORTED, ModelVersion

Feeds = dict[str, NDArray[np.generic]]


class Polyphase(nn.Module):
    """A transposed convolution as a plain one with a set of outputs for each phase, then interleaved."""

    def __init__(self, transposed: nn.ConvTranspose2d) -> None:
        super().__init__()
        weight, rate, padding = transposed.weight[:, :, 0], transposed.stride[1], int(transposed.padding[1])
        inputs, outputs, kernel = weight.shape
        reach = max((rate - 1 + padding) // rate, -(-(kernel - 1 - padding) // rate))
        phases = torch.zeros(outputs, rate, inputs, 2 * reach + 1)
        for phase in range(rate):
            for shift in range(-reach, reach + 1):
                tap = phase + padding - rate * shift
                if 0 <= tap < kernel:
                    phases[:, phase, :, shift + reach] = weight[:, :, tap].T
        self.rate = rate
        self.convolution = nn.Conv2d(inputs, outputs * rate, (1, 2 * reach + 1), padding=(0, reach))
        assert transposed.bias is not None
        self.convolution.weight = nn.Parameter(phases.reshape(outputs * rate, inputs, 1, -1), requires_grad=False)
        self.convolution.bias = nn.Parameter(transposed.bias.repeat_interleave(rate), requires_grad=False)

    def forward(self, signal: Tensor) -> Tensor:
        """[B, I, 1, N] to [B, O, 1, rate * N]."""
        batch, _, _, length = signal.shape
        phases = self.convolution(signal).reshape(batch, -1, self.rate, length)
        return phases.transpose(2, 3).reshape(batch, -1, 1, length * self.rate)


def polyphase(vocoder: Vocoder) -> Vocoder:
    """The vocoder with 2-D convolutions and polyphase upsampling."""
    twin = vocoder.as_planar()
    for stage, upsampler in enumerate(twin.upsamplers):
        assert isinstance(upsampler, nn.ConvTranspose2d)
        twin.upsamplers[stage] = Polyphase(upsampler)
    return twin


def without_masks(path: Path) -> Path:
    """Copy of a graph in which no signal is multiplied by a mask (all rows must be full)."""
    proto = onnx.load(path)
    producer = {name: node for node in proto.graph.node for name in node.output}

    def is_mask(name: str) -> bool:
        node = producer.get(name)
        while node is not None and node.op_type in ("Unsqueeze", "Cast"):
            node = producer.get(node.input[0])
        return node is not None and node.op_type == "Less"

    bypassed: dict[str, str] = {}
    for node in proto.graph.node:
        signals = [name for name in node.input if not is_mask(name)]
        if node.op_type == "Mul" and len(signals) == 1:
            bypassed[node.output[0]] = bypassed.get(signals[0], signals[0])
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = bypassed.get(name, name)
    target = path.with_name("unmasked-" + path.name)
    onnx.save(proto, target)
    return target


def write_forms(sizes: SovitsSizes, folder: Path) -> dict[str, Path]:
    """Export one random vocoder in every form; the first is the yardstick."""
    torch.manual_seed(0)
    vocoder = Vocoder(sizes).eval().requires_grad_(False)
    axes = {"latent_dim": sizes.latent, "global_dim": sizes.global_dim}

    def write(name: str, module: nn.Module) -> Path:
        return export_graph(module, contract.VOCODER, folder / f"{name}.onnx", axes)

    plain = write("plain", vocoder)
    flat = write("planar", vocoder.as_planar())
    phases = write("polyphase", polyphase(vocoder))
    return {
        "1-D (exported)": plain,
        "1-D, no masks": without_masks(plain),
        "2-D": flat,
        "2-D, no masks": without_masks(flat),
        "2-D, polyphase": phases,
    }


def open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """A session as the runtime opens it: no spinning, since requests come and go."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def measure(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Run all by turns; the first round warms up and does not count."""
    wall: dict[str, list[float]] = {name: [] for name in calls}
    processor: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            call()
            if turn:
                wall[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - start_cpu)
    yardstick = next(iter(calls))

    def ratio(times: dict[str, list[float]], name: str) -> float:
        return median(own / other for own, other in zip(times[name], times[yardstick], strict=True))

    return {
        name: {
            "wall_ms": 1e3 * median(wall[name]),
            "cpu_ms": 1e3 * median(processor[name]),
            "wall_ratio": ratio(wall, name),
            "cpu_ratio": ratio(processor, name),
        }
        for name in calls
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--version", choices=[version.value for version in SUPPORTED], default="v2")
    parser.add_argument("--size", choices=["official", "small"], default="official")
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args(arguments)
    sizes = network_sizes(ModelVersion(options.version), options.size).sovits
    generator = np.random.default_rng(0)
    feeds: Feeds = {
        "latents": generator.standard_normal((1, sizes.latent, options.frames), dtype=np.float32),
        "frame_lengths": np.array([[options.frames]]),
        "global_condition": generator.standard_normal((1, sizes.global_dim), dtype=np.float32),
    }
    with tempfile.TemporaryDirectory() as folder:
        forms = write_forms(sizes, Path(folder))
        calls = {name: _call(open_session(path, options.threads), feeds) for name, path in forms.items()}
    first = next(iter(calls.values()))()
    errors = {name: float(np.abs(call() - first).max()) for name, call in calls.items()}
    figures = measure(calls, options.rounds)
    lines = [f"{'form':16} {'cpu ms':>8} {'ratio':>6} {'wall ms':>8} {'ratio':>6} {'max |error|':>12}"]
    lines += [
        f"{name:16} {row['cpu_ms']:8.0f} {row['cpu_ratio']:6.2f} {row['wall_ms']:8.0f} {row['wall_ratio']:6.2f} "
        f"{errors[name]:12.1e}"
        for name, row in figures.items()
    ]
    lines.append(json.dumps({"options": vars(options), "figures": figures, "errors": errors}))
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _call(session: onnxruntime.InferenceSession, feeds: Feeds) -> Callable[[], NDArray[np.float32]]:
    wanted = {tensor.name for tensor in session.get_inputs()}
    own = {name: array for name, array in feeds.items() if name in wanted}
    return lambda: session.run(None, own)[0]


if __name__ == "__main__":
    raise SystemExit(main())

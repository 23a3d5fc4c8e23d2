"""Part `vocoder-options`: which options of ONNX Runtime's CUDA provider run the vocoder at which precision, how fast.

At float16 one row of a batch did not run on an H100 with cuDNN 9.19, unless its convolutions were padded to two axes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial

import onnxruntime

from gsv_bench.gpu.figures import Figures
from gsv_bench.gpu.options import Options
from gsv_bench.gpu.prepare import SERVED_SET, graph_of, set_of, wait_for
from gsv_bench.gpu.timing import Timer
from gsv_bench.gpu.utterance import NUM_TOKENS, decoding_inputs
from gsv_build.graphs.precision import Precision
from gsv_runtime import contract
from gsv_runtime.graphs.captured_stage import CONVOLUTIONS, VOCODER_CONVOLUTIONS
from gsv_runtime.graphs.session import CPU, open_session
from gsv_runtime.versions import ModelVersion

_PADDED = {"cudnn_conv1d_pad_to_nc1d": "1"}
CHOICES: Mapping[str, Mapping[str, str]] = {
    "as served": VOCODER_CONVOLUTIONS,
    "heuristic": CONVOLUTIONS,
    "exhaustive": {},
    "NC1D, exhaustive": _PADDED,
    "NC1D, heuristic": {**_PADDED, **CONVOLUTIONS},
    "TF32, heuristic": {"use_tf32": "1", **CONVOLUTIONS},
    "NHWC": {"prefer_nhwc": "1", **CONVOLUTIONS},
    "NC1D, NHWC": {**_PADDED, "prefer_nhwc": "1", **CONVOLUTIONS},
}
_VERSIONS = (ModelVersion.V2, ModelVersion.V2_PRO_PLUS)


def run(options: Options, figures: Figures) -> None:
    """Time 3 s of speech by each."""
    on_cpu = options.session_device == CPU
    for version, precision in itertools.product(_VERSIONS, (Precision.FP16, Precision.FP32)):
        wait_for(options, SERVED_SET, set_of(version, precision))
        inputs = decoding_inputs(options.sizes(version), NUM_TOKENS)[contract.VOCODER.name]
        sizes = {"B": 1, "F": inputs["latents"].shape[2]}
        for name, chosen in CHOICES.items() if not on_cpu else [("as served", {})]:
            label = f"{version.value} {precision.value}, {name}"
            with figures.attempt(label):
                graph = graph_of(options, version, contract.VOCODER, precision)
                device = options.session_device
                session = open_session(graph, 1, device=device, provider_options=chosen, sizes=sizes)
                io = session.io_binding()
                for tensor, array in inputs.items():
                    io.bind_ortvalue_input(tensor, onnxruntime.OrtValue.ortvalue_from_numpy(array, *device))
                io.bind_output("waveform", device.kind, device.number)
                ms = Timer(options.device).median_ms(partial(session.run_with_iobinding, io), options.repeats)
                figures.put(label, {"ms": ms})

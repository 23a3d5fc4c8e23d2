"""The T2S graphs against the module they were written from, and what the portable ones may contain."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from gsv_build.graphs.graph_quantisation import T2SPrecision, quantise
from gsv_build.graphs.t2s_graphs import write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import StepRow
from gsv_runtime.t2s.request import Prompt

SIZES = T2SSizes(hidden=32, heads=4, layers=3, feed_forward=48, num_phones=20, vocabulary=33, bert_dim=12)
TOLERANCE = 1e-5  # float32, other order of summation; logits are of order 1
HALF_TOLERANCE = 2e-3  # keys and values have 11 bits; the largest error seen is a third of this
GREEDY = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)
# Of docs/operators.md of onnx-tensorrt 10.x, those of which every type and form that we use is supported.
TENSORRT_OPERATORS = {
    *("Add", "And", "Concat", "Gather", "GatherND", "Gemm", "Identity", "LayerNormalization", "Less", "LessOrEqual"),
    *("MatMul", "Mul", "Or", "Range", "Relu", "Reshape", "Shape", "Slice", "Softmax", "Sub", "Transpose", "Unsqueeze"),
    "Where",
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = T2S(SIZES).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    return write_t2s_graphs(model, tmp_path_factory.mktemp("t2s"), max_positions=64)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def padded_prompts():
    generator = torch.Generator().manual_seed(1)
    phones = torch.randint(0, SIZES.num_phones, (3, 11), generator=generator)
    tokens = torch.randint(0, SIZES.vocabulary - 1, (3, 11), generator=generator)
    bert_features = torch.randn((3, 11, SIZES.bert_dim), generator=generator)
    return phones, tokens, bert_features, torch.tensor([6, 3, 5]), torch.tensor([11, 9, 5])


def prefilled_cache(model, capacity):
    """A cache that holds `padded_prompts`, with rubbish beyond what was written."""
    _logits, keys, values = model.prefill(*padded_prompts())
    caches = [torch.full((SIZES.layers, 3, SIZES.heads, capacity, 8), 7.0) for _ in range(2)]
    caches[0][:, :, :, :11], caches[1][:, :, :, :11] = keys, values
    return caches


@torch.no_grad()
def test_portable_prefill_equals_the_module_on_a_padded_batch(model, files):
    names = ("phones", "tokens", "bert_features", "phone_lengths", "lengths")
    inputs = dict(zip(names, (tensor.numpy() for tensor in padded_prompts()), strict=True))
    logits, keys, values = session(files.prefill).run(["logits", "keys", "values"], inputs)
    expected = [tensor.numpy() for tensor in model.prefill(*padded_prompts())]
    np.testing.assert_allclose(logits, expected[0], atol=TOLERANCE)
    for row, length in enumerate(inputs["lengths"]):
        np.testing.assert_allclose(keys[:, row, :, :length], expected[1][:, row, :, :length], atol=TOLERANCE)
        np.testing.assert_allclose(values[:, row, :, :length], expected[2][:, row, :, :length], atol=TOLERANCE)


@torch.no_grad()
def test_portable_decode_step_equals_the_module_and_reads_no_unwritten_row(model, files):
    caches, lengths = prefilled_cache(model, capacity=16), torch.tensor([11, 9, 5])
    tokens, positions = torch.tensor([1, 30, 7]), torch.tensor([5, 6, 0])
    inputs = {"tokens": tokens.numpy(), "token_positions": positions.numpy(), "lengths": lengths.numpy()}
    for layer in range(SIZES.layers):
        inputs[f"key_cache_{layer}"] = caches[0][layer].numpy().copy()
        inputs[f"value_cache_{layer}"] = caches[1][layer].numpy().copy()
    logits, keys, values = session(files.decode_step).run(["logits", "new_keys", "new_values"], inputs)
    expected = model.decode_step(tokens, positions, lengths, *caches)
    np.testing.assert_allclose(logits, expected.numpy(), atol=TOLERANCE)
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(keys[:, row, :, 0], caches[0][:, row, :, length], atol=TOLERANCE)
        np.testing.assert_allclose(values[:, row, :, 0], caches[1][:, row, :, length], atol=TOLERANCE)


def prompt(seed, num_phones, num_tokens):
    generator = np.random.default_rng(seed)
    phones = generator.integers(0, SIZES.num_phones, num_phones)
    tokens = generator.integers(0, SIZES.vocabulary - 1, num_tokens)
    features = generator.standard_normal((SIZES.bert_dim, num_phones)).astype(np.float32)
    return Prompt(phones, features, tokens, GREEDY, max_tokens=20)


@torch.no_grad()
def full_logits(model, prompt, tokens):
    """`[1 + len(tokens), V]`: the scores of every token after the prompt, from one teacher-forced forward."""
    spoken = np.concatenate([prompt.prompt_tokens, tokens]).astype(np.int64)
    scores = model(
        torch.from_numpy(prompt.phones)[None],
        torch.tensor([prompt.phones.size]),
        torch.from_numpy(prompt.bert_features)[None],
        torch.from_numpy(spoken)[None],
        torch.tensor([spoken.size]),
    )
    return scores[0, prompt.prompt_tokens.size :].numpy()


@pytest.fixture(params=["cpu", "cuda"])
def engine(request, files):
    """With the tolerance of its logits. That for a GPU has its memory on the host, and a cache in half precision."""
    if request.param == "cuda":
        return CudaEngine(files.cuda_prefill, files.cuda_decode_step, 4, 32, CPU), HALF_TOLERANCE
    return CpuEngine(files.engine, slots=4, cache_rows=32, intra_op_threads=1), TOLERANCE


@pytest.mark.parametrize("num_tokens", [0, 1, 6])
def test_engine_prefill_and_steps_equal_one_full_forward(model, engine, num_tokens):
    engine, tolerance = engine
    prompts = [prompt(3, 7, num_tokens), prompt(4, 2, 9)]
    expected = [full_logits(model, each, np.arange(8)) for each in prompts]
    slots = (2, 0)
    for slot, each, scores in zip(slots, prompts, expected, strict=True):
        np.testing.assert_allclose(engine.prefill(slot, each), scores[0], atol=TOLERANCE)
    for step in range(8):
        rows = [StepRow()] * (4 if engine.fixed_span else 3)
        for slot, each in zip(slots, prompts, strict=True):
            rows[slot] = StepRow(step, each.prompt_tokens.size + step, each.rows + step)
        logits = engine.decode_step(rows)
        for slot, scores in zip(slots, expected, strict=True):
            np.testing.assert_allclose(logits[slot], scores[step + 1], atol=tolerance)


def test_a_sequence_that_pauses_or_moves_goes_on_as_if_it_had_not(model, files):
    engine = CpuEngine(files.engine, slots=4, cache_rows=32, intra_op_threads=1)
    paused, other = prompt(5, 5, 3), prompt(6, 9, 4)
    engine.prefill(3, paused)
    engine.prefill(1, other)
    for step in range(3):  # steps for the other; the paused one gives its rows, and must not lose any
        engine.decode_step(
            [StepRow(), StepRow(step, 4 + step, other.rows + step), StepRow(), StepRow(9, 3, paused.rows)]
        )
    engine.move(3, 0, paused.rows)
    logits = engine.decode_step([StepRow(4, 3, paused.rows)])
    np.testing.assert_allclose(logits[0], full_logits(model, paused, np.array([4]))[1], atol=TOLERANCE)


def test_the_graphs_refer_to_one_weight_file_that_holds_each_weight_once(model, files):
    paths = (files.engine, files.cuda_prefill, files.cuda_decode_step, files.prefill, files.decode_step)
    graphs = [onnx.load(path, load_external_data=False) for path in paths]
    external = [
        [i for i in graph.graph.initializer if i.data_location == onnx.TensorProto.EXTERNAL] for graph in graphs
    ]
    places = {}
    for initializers in external:
        for initializer in initializers:
            entry = {each.key: each.value for each in initializer.external_data}
            assert places.setdefault(initializer.name, entry) == entry
    assert {entry["location"] for entry in places.values()} == {files.weights.name}
    assert places.keys() == model.state_dict().keys() | {"position_table", "query_scale"}
    assert len({entry["offset"] for entry in places.values()}) == len(places)
    inline = sum(len(i.SerializeToString()) for graph in graphs for i in graph.graph.initializer)
    assert inline < 40_000


@pytest.mark.parametrize("name", ["prefill", "decode_step"])
def test_portable_graphs_hold_only_what_tensorrt_parses(files, name):
    graph = onnx.load(getattr(files, name), load_external_data=False)
    assert [(each.domain, each.version) for each in graph.opset_import] == [("", 20)]
    assert {node.op_type for node in graph.graph.node} <= TENSORRT_OPERATORS
    onnx.checker.check_model(str(getattr(files, name)), full_check=True)


def test_the_engine_graph_adds_only_fused_attention_and_normalisation(files):
    graph = onnx.load(files.engine, load_external_data=False)
    ours = Counter(node.op_type for node in graph.graph.node if node.domain == "com.microsoft")
    assert ours == {"GroupQueryAttention": SIZES.layers, "SkipLayerNormalization": 2 * SIZES.layers}


@pytest.fixture(scope="module")
def rounded_model(model):
    """The module with the weights of its layers rounded as the 8-bit graph has them."""
    rounded = T2S(SIZES).eval()
    state = model.state_dict()
    for name, tensor in state.items():
        if name.startswith("layers.") and tensor.ndim == 2:
            blocks = quantise(tensor.numpy())
            values = (blocks.values.astype(np.float32) - 128) * blocks.scales[:, :, np.newaxis]
            state[name] = torch.from_numpy(values.reshape(len(values), -1)[:, : tensor.shape[1]])
    rounded.load_state_dict(state)
    return rounded


@pytest.fixture(scope="module")
def int8_files(model, tmp_path_factory):
    return write_t2s_graphs(model, tmp_path_factory.mktemp("int8"), 64, T2SPrecision.INT8)


def test_the_8_bit_engine_computes_with_the_rounded_weights(model, rounded_model, int8_files):
    engine = CpuEngine(int8_files.engine, slots=1, cache_rows=32, intra_op_threads=1)
    spoken = prompt(3, 7, 6)
    tokens = np.arange(8)
    found = [engine.prefill(0, spoken)]
    found += [engine.decode_step([StepRow(token, 6 + token, spoken.rows + token)])[0].copy() for token in tokens]
    expected = full_logits(rounded_model, spoken, tokens)
    deviation = expected.std()
    # Inputs of every product are rounded to 8 bits too: 1/254 of the largest of 32, a few per cent after three layers.
    assert np.sqrt(np.mean((np.stack(found) - expected) ** 2)) < 0.05 * deviation
    assert np.sqrt(np.mean((np.stack(found) - full_logits(model, spoken, tokens)) ** 2)) < 0.05 * deviation


def test_the_8_bit_engine_reads_no_float_copy_of_what_it_has_at_8_bits(files, int8_files):
    graph = onnx.load(int8_files.engine, load_external_data=False)
    ours = Counter(node.op_type for node in graph.graph.node if node.domain == "com.microsoft")
    assert ours["MatMulNBits"] == 4 * SIZES.layers
    external = {
        each.name: entry.value
        for each in graph.graph.initializer
        for entry in each.external_data
        if entry.key == "location"
    }
    assert set(external.values()) == {"t2s_int8.weights"}
    assert not any(name.endswith(("qkv.weight", "expand.weight", "contract.weight")) for name in external)
    portable = [onnx.load(path, load_external_data=False) for path in (files.decode_step, int8_files.decode_step)]
    assert portable[0] == portable[1]


def test_the_engine_tells_what_it_can_take_from_the_graph(files):
    capacity = CpuEngine(files.engine, slots=2, cache_rows=32, intra_op_threads=1).capacity
    assert (capacity.num_phones, capacity.vocabulary, capacity.bert_dim, capacity.max_positions) == (20, 33, 12, 64)


def test_warming_up_leaves_no_trace_in_what_follows(model, files):
    engine = CpuEngine(files.engine, slots=1, cache_rows=32, intra_op_threads=1)
    engine.warm_up()
    spoken = prompt(7, 4, 2)
    np.testing.assert_allclose(engine.prefill(0, spoken), full_logits(model, spoken, np.arange(0))[0], atol=TOLERANCE)

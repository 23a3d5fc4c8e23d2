"""The T2S graphs against the module they were written from."""

from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation, quantise, restored
from gsv_build.graphs.precision import Precision
from gsv_build.graphs.t2s_graphs import write_t2s_gpu_graphs, write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.graphs.session import CPU, open_session
from gsv_runtime.speech_request import Sampling
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.cuda_engine import CudaEngine
from gsv_runtime.t2s.engine import StepRow
from gsv_runtime.t2s.prefill import pack_padded
from gsv_runtime.t2s.request import Prompt

SIZES = T2SSizes(hidden=32, heads=4, layers=3, feed_forward=48, num_phones=20, vocabulary=33, bert_dim=12)
PRUNED = replace(SIZES, heads=3, pruned_heads=1)
TOLERANCE = 1e-5  # float32, other order of summation; logits are of order 1
HALF_TOLERANCE = 4e-3  # weights and rows have 11 bits; the largest error seen is half of this
GREEDY = Sampling(top_k=1, top_p=1.0, temperature=1.0, repetition_penalty=1.0, seed=0)


@pytest.fixture(scope="module", params=[SIZES, PRUNED], ids=["whole", "pruned"])
def model(request):
    torch.manual_seed(0)
    model = T2S(request.param).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    return write_t2s_graphs(model, tmp_path_factory.mktemp("t2s"), max_positions=64)


@pytest.fixture(scope="module")
def gpu_files(model, tmp_path_factory):
    """By precision."""
    return {each: write_t2s_gpu_graphs(model, tmp_path_factory.mktemp(each.value), 32, each) for each in Precision}


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


@pytest.fixture(params=["cpu", Precision.FP32, Precision.FP16])
def engine(request, files, gpu_files):
    """With the tolerance of its logits. That for a GPU has its memory on the host."""
    if request.param != "cpu":
        pair = gpu_files[request.param].prefill, gpu_files[request.param].decode_step
        tolerance = TOLERANCE if request.param is Precision.FP32 else HALF_TOLERANCE
        return CudaEngine(*pair, 4, 32, CPU), tolerance
    return CpuEngine(files.engine, slots=4, cache_rows=32, intra_op_threads=1), TOLERANCE


@pytest.mark.parametrize("num_tokens", [0, 1, 6])
def test_engine_prefill_and_steps_equal_one_full_forward(model, engine, num_tokens):
    engine, tolerance = engine
    prompts = [prompt(3, 7, num_tokens), prompt(4, 2, 9)]
    expected = [full_logits(model, each, np.arange(8)) for each in prompts]
    slots = (2, 0)
    for slot, each, scores in zip(slots, prompts, expected, strict=True):
        np.testing.assert_allclose(engine.prefill(slot, each), scores[0], atol=tolerance)
    for step in range(8):
        rows = [StepRow()] * next(span for span in engine.spans if span >= 3)
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


def test_a_cache_that_was_given_back_takes_no_memory_and_serves_the_next_sequence_as_before(files):
    engine = CpuEngine(files.engine, slots=4, cache_rows=32, intra_op_threads=1)
    spoken = prompt(5, 5, 3)

    def said():
        first = engine.prefill(1, spoken).copy()
        return first, engine.decode_step([StepRow(), StepRow(4, 3, spoken.rows)])[1].copy()

    before = said()
    assert any(cache.any() for cache in engine._cache.values())
    engine.rest()
    assert not any(cache.any() for cache in engine._cache.values()), "only what is gone is all zeros"
    np.testing.assert_array_equal(said(), before)


def test_a_padded_prompt_writes_and_scores_what_the_same_without_padding_does(model, gpu_files):
    spoken = prompt(3, 7, 5)
    packed = pack_padded(spoken)
    wide = {name: np.pad(packed[name], ((0, 0), (0, 6))) for name in ("phones", "tokens")}
    wide["bert_features"] = np.pad(packed["bert_features"], ((0, 0), (0, 6), (0, 0)), constant_values=3)
    session = open_session(gpu_files[Precision.FP32].prefill, 1)
    caches = {value.name: np.zeros(value.shape, np.float32) for value in session.get_inputs() if "cache" in value.name}
    alone, padded = (session.run(None, {**packed, **changes, **caches}) for changes in ({}, wide))
    np.testing.assert_allclose(padded[-1], full_logits(model, spoken, np.arange(0)), atol=TOLERANCE)
    for one, other in zip(alone[:-1], padded[:-1], strict=True):
        np.testing.assert_allclose(one[:, :, : spoken.rows], other[:, :, : spoken.rows], atol=TOLERANCE)


def test_a_slot_of_another_length_than_the_graphs_is_refused(gpu_files):
    files = gpu_files[Precision.FP16]
    with pytest.raises(ValueError, match="has slots of 32 rows, not 64"):
        CudaEngine(files.prefill, files.decode_step, 4, 64, CPU)


def graphs_of(files, prefill=True):
    paths = [path for path in vars(files).values() if path.suffix == ".onnx" and "move_slot" not in path.name]
    return [onnx.load(path, load_external_data=False) for path in paths if prefill or "prefill" not in path.name]


@pytest.mark.parametrize("precision", [None, *Precision])
def test_graphs_refer_to_one_weight_file_that_holds_each_weight_once(model, files, gpu_files, precision):
    written = files if precision is None else gpu_files[precision]
    graphs, places = graphs_of(written, prefill=precision is Precision.FP32), {}
    for initializer in (each for graph in graphs for each in graph.graph.initializer):
        if initializer.data_location == onnx.TensorProto.EXTERNAL:
            entry = {each.key: each.value for each in initializer.external_data}
            assert places.setdefault(initializer.name, entry) == entry
    assert {entry["location"] for entry in places.values()} == {written.weights.name}
    own = {"position_table", "query_scale"} if precision is None else {"position_table"}
    text_only = {"bert_projection.weight", "bert_projection.bias", "phone_embedding.weight", "phone_position_scale"}
    unread = text_only if precision in (Precision.FP16, Precision.BF16) else set()
    assert places.keys() == (model.state_dict().keys() | own) - unread
    assert len({entry["offset"] for entry in places.values()}) == len(places)
    inline = sum(len(i.SerializeToString()) for graph in graphs for i in graph.graph.initializer)
    assert inline < 40_000


@pytest.mark.parametrize("precision", Precision)
def test_graphs_for_a_gpu_are_standard_and_keep_the_prefill_embeddings_norms_and_head_in_float32(gpu_files, precision):
    for path in vars(gpu_files[precision]).values():
        if path.suffix == ".onnx":
            onnx.checker.check_model(str(path), full_check=True)
    prefill = onnx.load(gpu_files[precision].prefill, load_external_data=False).graph
    assert {each.data_type for each in prefill.initializer} == {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    assert prefill.input[-1].type.tensor_type.elem_type == precision.onnx_type
    for graph in graphs_of(gpu_files[precision], prefill=False):
        assert [(each.domain, each.version) for each in graph.opset_import] == [("", 24)]
        types = {each.name: each.data_type for each in graph.graph.initializer}
        assert types["head.weight"] == types["token_embedding.weight"] == onnx.TensorProto.FLOAT
        assert types["layers.2.feed_forward_norm.bias"] == onnx.TensorProto.FLOAT
        assert types["layers.0.qkv.weight"] == types["layers.2.contract.bias"] == precision.onnx_type
        outputs = {value.name: value.type.tensor_type.elem_type for value in graph.graph.output}
        assert outputs["new_key_cache_0"] == precision.onnx_type
        assert outputs.get("logits", onnx.TensorProto.FLOAT) == onnx.TensorProto.FLOAT


def test_the_engine_graph_adds_only_fused_attention_and_normalisation(files):
    graph = onnx.load(files.engine, load_external_data=False)
    ours = Counter(node.op_type for node in graph.graph.node if node.domain == "com.microsoft")
    assert ours == {"GroupQueryAttention": SIZES.layers, "SkipLayerNormalization": 2 * SIZES.layers}


def rounded(model, quantisation):
    """The module with the weights of its layers rounded as the graph has them."""
    other, state = T2S(model.sizes).eval(), model.state_dict()
    for name, tensor in state.items():
        if tensor.ndim == 2 and not quantisation.keeps(name.removesuffix(".weight")):
            blocks = quantise(tensor.numpy(), quantisation.precision)
            state[name] = torch.from_numpy(restored(blocks, tensor.shape[1], quantisation.precision))
    other.load_state_dict(state)
    return other


def rounded_files(model, folder, quantisation):
    return write_t2s_graphs(model, folder, 64, quantisation)


@pytest.fixture(scope="module")
def int8_files(model, tmp_path_factory):
    return rounded_files(model, tmp_path_factory.mktemp("int8"), T2SQuantisation(T2SPrecision.INT8))


SPARING = T2SQuantisation(T2SPrecision.INT4, frozenset({"layers.0.qkv", "layers.2.contract"}))


@pytest.mark.parametrize(
    "quantisation", [T2SQuantisation(T2SPrecision.INT8), T2SQuantisation(T2SPrecision.INT4), SPARING]
)
def test_a_rounded_engine_computes_with_the_rounded_weights(model, quantisation, tmp_path):
    files, rounded_model = rounded_files(model, tmp_path, quantisation), rounded(model, quantisation)
    engine = CpuEngine(files.engine, slots=1, cache_rows=32, intra_op_threads=1)
    spoken = prompt(3, 7, 6)
    tokens = np.arange(8)
    found = [engine.prefill(0, spoken)]
    found += [engine.decode_step([StepRow(token, 6 + token, spoken.rows + token)])[0].copy() for token in tokens]
    expected = full_logits(rounded_model, spoken, tokens)
    deviation = expected.std()
    # Inputs of every product are rounded to 8 bits too: 1/254 of the largest of 32, a few per cent after three layers.
    assert np.sqrt(np.mean((np.stack(found) - expected) ** 2)) < 0.05 * deviation
    off = np.sqrt(np.mean((np.stack(found) - full_logits(model, spoken, tokens)) ** 2))
    assert off < {T2SPrecision.INT8: 0.05, T2SPrecision.INT4: 0.5}[quantisation.precision] * deviation


def test_matrices_that_are_to_stay_float32_do(model, tmp_path):
    graph = onnx.load(rounded_files(model, tmp_path, SPARING).engine, load_external_data=False)
    names = {each.name for each in graph.graph.initializer}
    assert {"layers.0.qkv.weight", "layers.2.contract.weight", "layers.1.qkv.weight.values"} <= names
    assert sum(node.op_type == "MatMulNBits" for node in graph.graph.node) == 4 * SIZES.layers - 2


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


def test_the_engine_tells_what_it_can_take_from_the_graph(files):
    capacity = CpuEngine(files.engine, slots=2, cache_rows=32, intra_op_threads=1).capacity
    assert (capacity.num_phones, capacity.vocabulary, capacity.bert_dim, capacity.max_positions) == (20, 33, 12, 64)
    assert capacity.max_tokens == SIZES.max_tokens


def test_warming_up_leaves_no_trace_in_what_follows(model, files):
    engine = CpuEngine(files.engine, slots=1, cache_rows=32, intra_op_threads=1)
    engine.warm_up()
    spoken = prompt(7, 4, 2)
    np.testing.assert_allclose(engine.prefill(0, spoken), full_logits(model, spoken, np.arange(0))[0], atol=TOLERANCE)

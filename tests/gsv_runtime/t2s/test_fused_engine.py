"""The fused engine beside ONNX Runtime's, which runs the graph of the same weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gsv_build.deviation import deviation_db
from gsv_build.graphs.graph_quantisation import T2SPrecision, T2SQuantisation
from gsv_build.graphs.t2s_graphs import write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime.model_files import T2S_GRAPH_FILE, T2S_TENSORS_FILE
from gsv_runtime.t2s import fused_library
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.t2s.engine import StepRow
from gsv_runtime.t2s.fused_engine import FusedEngine, why_not_here
from gsv_runtime.t2s.request import Prompt

pytestmark = pytest.mark.skipif(not fused_library.runs_here(), reason="needs AVX2, and the library compiled")

# Outputs that fill no whole group of panels, a feed-forward that is no multiple of 64, two blocks of cached rows.
SIZES = T2SSizes(hidden=64, heads=4, layers=3, feed_forward=96, num_phones=20, vocabulary=65, bert_dim=12)
SLOTS, ROWS = 5, 64
_INT8 = T2SQuantisation(T2SPrecision.INT8)


@pytest.fixture(autouse=True, params=fused_library.usable(), ids=lambda library: library.name)
def library(request, monkeypatch):
    """Each library that this CPU can run, as if there were no other."""
    monkeypatch.setattr(fused_library, "usable", lambda: (request.param,))


def write(folder, half=True, quantisation=None, sizes=SIZES):
    """A network whose weights half precision holds, or not; returns its folder."""
    torch.manual_seed(1)
    model = T2S(sizes).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
            if half:
                parameter.copy_(parameter.half().float())
    folder.mkdir()
    write_t2s_graphs(model, folder, ROWS, quantisation or T2SQuantisation())
    return folder


def prompt(seed, phones=11, tokens=9, spoken=True):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((SIZES.bert_dim, phones)).astype(np.float32) * spoken
    drawn = rng.integers(0, 64, tokens)
    return Prompt(rng.integers(0, SIZES.num_phones, phones), features, drawn, sampling=None, max_tokens=1)


def answers(engine):
    """Logits of prompts of different lengths, and of steps of all slots."""
    prompts = [prompt(seed, 3 + 4 * seed, 6 * seed, spoken=seed % 2 == 0) for seed in range(SLOTS)]
    found = [{"prompt": engine.prefill(slot, each).copy()} for slot, each in enumerate(prompts)]
    for step in range(12):
        rows = [StepRow((7 * step + slot) % 64, each.prompt_tokens.size + step, each.rows + step)
                for slot, each in enumerate(prompts)]  # fmt: skip
        found.append({"step": engine.decode_step(rows).copy()})
    return found


def fused(folder, threads=2):
    return FusedEngine(folder, SLOTS, ROWS, threads)


def by_onnx_runtime(folder):
    return CpuEngine(folder / T2S_GRAPH_FILE, SLOTS, ROWS, 1)


@pytest.mark.parametrize("half", [True, False])
def test_in_float32_it_computes_what_the_graph_computes(tmp_path, half):
    folder = write(tmp_path / "t2s", half)
    assert deviation_db(answers(by_onnx_runtime(folder)), answers(fused(folder))) > 100


@pytest.mark.parametrize("precision", [T2SPrecision.INT8, T2SPrecision.INT4])
def test_rounded_it_is_as_near_to_the_graph_as_rounding_allows_and_keeps_the_same_matrices(tmp_path, precision):
    quantisation = T2SQuantisation(precision, frozenset({"layers.1.contract"}))
    folder = write(tmp_path / "t2s", quantisation=quantisation)
    rounded, exact = answers(by_onnx_runtime(folder)), answers(by_onnx_runtime(write(tmp_path / "exact")))
    ours = answers(fused(folder))
    assert deviation_db(rounded, ours) > 30
    assert deviation_db(rounded, ours) > deviation_db(exact, rounded) + 3


@pytest.mark.parametrize("quantised", [False, True])
def test_a_network_without_its_pruned_heads_computes_what_its_graph_computes(tmp_path, quantised):
    """Its attention is half as wide as its rows."""
    quantisation = _INT8 if quantised else None
    folder = write(tmp_path / "t2s", quantisation=quantisation, sizes=replace(SIZES, heads=2, pruned_heads=2))
    assert why_not_here(folder) == ""
    assert deviation_db(answers(by_onnx_runtime(folder)), answers(fused(folder))) > (30 if quantised else 100)


@pytest.mark.parametrize("precision", [T2SPrecision.FP32, T2SPrecision.INT8])
def test_a_row_is_the_same_bit_for_bit_alone_and_among_others_and_by_any_number_of_threads(tmp_path, precision):
    folder = write(tmp_path / "t2s", quantisation=T2SQuantisation(precision))
    together, alone = fused(folder, threads=3), fused(folder, threads=1)
    for slot in range(SLOTS):
        together.prefill(slot, prompt(slot))
    rows = [StepRow(slot, 9, 20) for slot in range(SLOTS)]
    all_logits = together.decode_step(rows).copy()
    for slot in range(SLOTS):
        alone.prefill(0, prompt(slot))
        np.testing.assert_array_equal(alone.decode_step([rows[slot]])[0], all_logits[slot])


@pytest.mark.parametrize("precision", list(T2SPrecision))
@pytest.mark.parametrize("threads", [1, 2])
def test_a_prompt_gives_the_same_bits_as_its_tokens_one_by_one(tmp_path, precision, threads):
    """Many rows go by tiles of AMX where there are any, and attend four at a time; one row by neither."""
    engine = fused(write(tmp_path / "t2s", quantisation=T2SQuantisation(precision)), threads)
    whole = prompt(0, phones=5, tokens=45)
    expected = engine.prefill(0, whole).copy()
    found = engine.prefill(1, replace(whole, prompt_tokens=whole.prompt_tokens[:1]))
    engine.move(1, 0, 6)
    for position in range(1, 45):
        token = int(whole.prompt_tokens[position])
        found = engine.decode_step([StepRow(token, position, 5 + position)])[0]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("precision", list(T2SPrecision))
def test_an_input_that_is_no_number_is_seen_in_the_answer(tmp_path, precision):
    """Rounded, it would be some number, and the sentence noise that nobody is told of."""
    engine = fused(write(tmp_path / "t2s", quantisation=T2SQuantisation(precision)))
    whole = prompt(0)
    assert np.isfinite(engine.prefill(0, whole)).all()
    features = np.full_like(whole.bert_features, np.nan)
    assert not np.isfinite(engine.prefill(0, replace(whole, bert_features=features))).any()
    tiny = np.full_like(whole.bert_features, 1e-38)
    assert np.isfinite(engine.prefill(0, replace(whole, bert_features=tiny))).all()


@pytest.mark.parametrize(("precision", "least_db"), [(T2SPrecision.FP32, 60), (T2SPrecision.INT8, 35)])
def test_a_cache_in_half_precision_halves_its_memory_and_moves_logits_little(tmp_path, precision, least_db):
    """At 8 bits a little of it may round an input the other way."""
    folder = write(tmp_path / "t2s", quantisation=T2SQuantisation(precision))
    whole, half = (FusedEngine(folder, SLOTS, ROWS, threads=2, half_cache=each) for each in (False, True))
    assert half._keys.nbytes * 2 == whole._keys.nbytes
    assert least_db < deviation_db(answers(whole), answers(half)) < 90


def test_the_cache_is_in_half_precision_where_weights_are_rounded(tmp_path):
    assert fused(write(tmp_path / "exact"))._keys.dtype == np.float32
    assert fused(write(tmp_path / "rounded", quantisation=_INT8))._keys.dtype == np.float16


def test_a_slot_that_moved_goes_on_as_it_would_have(tmp_path):
    engine = fused(write(tmp_path / "t2s"))
    engine.prefill(3, prompt(0))
    engine.prefill(0, prompt(0))
    expected = engine.decode_step([StepRow(5, 9, 20)]).copy()
    engine.prefill(0, prompt(1, 20, 20))
    engine.move(3, 0, 20)
    np.testing.assert_array_equal(engine.decode_step([StepRow(5, 9, 20)]), expected)


def test_a_cache_that_was_given_back_serves_the_next_sequence_as_before(tmp_path):
    engine = fused(write(tmp_path / "t2s"))

    def said():
        engine.prefill(0, prompt(0))
        return engine.decode_step([StepRow(5, 9, 20)]).copy()

    before = said()
    engine.rest()
    assert not engine._keys.any(), "only what is gone is all zeros"
    np.testing.assert_array_equal(said(), before)


def test_what_keeps_it_from_running_is_told(tmp_path, monkeypatch):
    folder = write(tmp_path / "t2s")
    assert why_not_here(folder) == ""
    odd = tmp_path / "odd"
    odd.mkdir()
    write_t2s_graphs(T2S(replace(SIZES, hidden=48)).eval(), odd, ROWS)
    assert "hidden 48" in why_not_here(odd)
    with pytest.raises(RuntimeError, match="its sizes are odd: hidden 48"):
        fused(odd)  # which would write beyond its memory
    three = replace(SIZES, heads=3, pruned_heads=1)  # 48 channels: a block and a half
    assert "3 heads of 16" in why_not_here(write(tmp_path / "three", quantisation=_INT8, sizes=three))
    assert why_not_here(write(tmp_path / "exact", sizes=three)) == ""
    (folder / T2S_TENSORS_FILE).unlink()
    assert "older build" in why_not_here(folder)
    monkeypatch.setattr(fused_library, "usable", tuple)
    assert "not compiled" in why_not_here(odd)
    with pytest.raises(RuntimeError, match="cannot run fused: the library was not compiled"):
        fused(odd)

from gsv_bench.stage_result import EAGER, GRAPHS, TRITON, TRITON_INT8, Result
from gsv_bench.stages import ASKED, SIDES, STAGES, _median_ratio, hum, request_inputs, table
from gsv_runtime.speech_request import parse_speech_request


def result():
    stages = {side: dict.fromkeys(STAGES, 100.0) for side in SIDES}
    totals = {EAGER: 900.0, GRAPHS: 410.0, TRITON: 450.0, TRITON_INT8: 300.0}
    return Result("v2", 60, 100, 75, stages, totals, 50.0, {TRITON: 2.0, TRITON_INT8: 3.0}, rounds=1, load_average=0.5)


def test_speed_is_told_for_both_precisions_and_the_default_is_float32():
    values = result().to_json()
    assert (values["speedup"], values["speedup_int8"]) == (2.0, 3.0)
    assert "2.00 times as fast as eager PyTorch" in table(result())


def test_what_triton_adds_is_told_beside_its_bound():
    values = result().to_json()
    assert (values["overhead_ms"], values["overhead_bound_ms"]) == (50.0, 30.0)
    assert "add 50 ms to the bare stages (bound: 5 % + 10 ms = 30 ms)" in table(result())


def test_a_round_in_which_the_machine_was_slow_does_not_move_the_ratio():
    assert _median_ratio([400.0, 4000.0, 400.0], [200.0, 2000.0, 200.0]) == 2.0


def test_the_sides_in_this_process_are_asked_what_the_served_ones_are_and_for_one_take():
    request = parse_speech_request(request_inputs(hum(1.0)))
    assert request.retries == 0
    assert (request.language, request.sampling.seed, request.streaming) == (
        ASKED["language"],
        ASKED["seed"],
        ASKED["streaming"],
    )

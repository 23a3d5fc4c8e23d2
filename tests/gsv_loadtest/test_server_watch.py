import json
import os

import pytest

from gsv_loadtest.server_watch import Sample, ServerWatch, growth


def sample(at_s, resident_mb=100.0, threads=10, processes=(1, 2)):
    return Sample(at_s, resident_mb, {"tts": resident_mb}, threads, 20, 1.0, frozenset(processes))


def test_growth_compares_the_ends_of_the_time_after_the_warm_up():
    samples = [sample(at_s, resident_mb=50.0 if at_s < 10 else 100 + at_s / 10) for at_s in range(110)]
    found = growth(samples, warm_up_s=10)
    assert found["resident_first_mb"] == pytest.approx(101.4, abs=0.2)
    assert found["resident_growth_percent"] == pytest.approx(8.9, abs=0.3)
    assert found["growth_by_process_mb"] == {"tts": pytest.approx(9.0, abs=0.2)}
    assert found["threads_growth"] == 0
    assert found["same_processes"]


def test_a_process_that_was_replaced_shows():
    assert not growth([sample(1), sample(2), sample(3, processes=(1, 3))], warm_up_s=0)["same_processes"]


def test_too_few_samples_say_nothing():
    assert growth([sample(1)], warm_up_s=0) == {}


def write_state(directory, pid):
    ports = {"http": 8000, "grpc": 8001, "metrics": 8002}
    (directory / "server.json").write_text(json.dumps({"pid": pid, "shm_prefix": "none-such-", "ports": ports}))


def test_the_server_is_watched_only_where_it_is_the_one_that_is_asked(tmp_path):
    assert ServerWatch.find(tmp_path, ["grpc://127.0.0.1:8001"]) is None
    write_state(tmp_path, os.getpid())
    assert ServerWatch.find(tmp_path, ["grpc://127.0.0.1:8001", "http://localhost:8000"]) is not None
    assert ServerWatch.find(tmp_path, ["grpc://elsewhere:8001"]) is None
    assert ServerWatch.find(tmp_path, ["grpc://127.0.0.1:9001"]) is None


def test_a_sample_counts_this_process_and_its_memory(tmp_path):
    write_state(tmp_path, os.getpid())
    watch = ServerWatch.find(tmp_path, ["grpc://127.0.0.1:8001"])
    watch.sample(1.5)
    (taken,) = watch.samples
    assert taken.at_s == 1.5
    assert os.getpid() in taken.processes
    assert taken.resident_mb > 10
    assert taken.files > 0

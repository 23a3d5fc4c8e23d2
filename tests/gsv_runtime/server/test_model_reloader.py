"""When a model is loaded again, and when it is left alone."""

import itertools

import pytest

from gsv_runtime.server import model_reloader as reloader
from gsv_runtime.server.model_reloader import HOLD_S, ModelReloader


class FakeServer:
    """A server with one process for each model, and a clock that `sleep` moves."""

    def __init__(self, models=("tts", "t2s", "vocoder")):
        self.new_pids = itertools.count(100)
        self.running = {model: {next(self.new_pids)} for model in models}
        self.ready = set(models)
        self.calls = []
        self.loads_fail = 0
        self.slept_s = 0.0

    # what the reloader sees
    def processes(self):
        return {model: frozenset(pids) for model, pids in self.running.items() if pids}

    def is_running(self, pid):
        return any(pid in pids for pids in self.running.values())

    def sleep(self, seconds):
        self.slept_s += seconds

    # ModelControl
    def is_ready(self, model):
        return model in self.ready

    def num_processes(self, model):
        return len(self.running[model])

    def unload(self, model):
        self.calls.append(("unload", model))
        self.ready.discard(model)
        return True

    def load(self, model):
        self.calls.append(("load", model))
        if self.loads_fail:
            self.loads_fail -= 1
            return False
        self.running[model] = {next(self.new_pids)}
        self.ready.add(model)
        return True


@pytest.fixture
def server(monkeypatch):
    fake = FakeServer()
    monkeypatch.setattr(reloader, "is_running", fake.is_running)
    return fake


def watching(server):
    watcher = ModelReloader(server, server.processes, list(server.running), server.sleep)
    assert watcher.look() == []
    return watcher


def test_nothing_is_done_while_all_run(server):
    watcher = watching(server)
    assert [watcher.look() for _ in range(5)] == [[]] * 5
    assert server.calls == []


def test_a_model_whose_process_died_is_unloaded_so_that_readiness_tells_and_then_loaded(server):
    watcher = watching(server)
    server.running["vocoder"].clear()
    assert watcher.look() == ["vocoder"]
    assert server.calls == [("unload", "vocoder"), ("load", "vocoder")]
    assert server.slept_s == 0.0
    assert watcher.look() == []


def test_tts_stays_away_long_enough_for_its_silent_clients_to_ask(server):
    watcher = watching(server)
    server.running["tts"].clear()
    watcher.look()
    assert server.slept_s == pytest.approx(HOLD_S, abs=0.5)


def test_a_stage_that_died_with_tts_does_not_wait_for_it(server):
    watcher = watching(server)
    server.running["tts"].clear()
    server.running["t2s"].clear()
    watcher.look()
    assert server.calls == [("unload", "tts"), ("unload", "t2s"), ("load", "t2s"), ("load", "tts")]


def test_a_load_that_fails_is_tried_again_after_longer_and_longer(server):
    watcher = watching(server)
    server.running["t2s"].clear()
    server.loads_fail = 3
    watcher.look()
    assert server.calls.count(("load", "t2s")) == 4
    assert server.slept_s == 1 + 2 + 4
    assert server.ready == {"tts", "t2s", "vocoder"}


def test_a_model_unloaded_on_purpose_is_left_alone(server):
    watcher = watching(server)
    server.running["t2s"].clear()
    server.ready.discard("t2s")
    assert [watcher.look() for _ in range(3)] == [[]] * 3
    assert server.calls == []


def test_a_model_reloaded_by_somebody_else_is_left_alone_and_watched_on(server):
    watcher = watching(server)
    server.running["t2s"] = {next(server.new_pids)}
    assert watcher.look() == []
    server.running["t2s"].clear()
    assert watcher.look() == ["t2s"]


def test_a_server_that_stops_is_not_touched(server):
    watcher = watching(server)
    for pids in server.running.values():
        pids.clear()
    server.ready.clear()  # its HTTP port refuses
    assert watcher.look() == []
    assert server.calls == []


def test_one_of_two_processes_is_enough_to_load_again(server):
    server.running["vocoder"] = {1, 2}
    watcher = watching(server)
    server.running["vocoder"].discard(1)
    assert watcher.look() == ["vocoder"]


def test_a_model_that_never_became_ready_is_not_loaded(server):
    server.ready.discard("vocoder")
    server.running["vocoder"].clear()
    watcher = watching(server)
    assert watcher.look() == []
    server.ready.add("vocoder")
    server.running["vocoder"] = {next(server.new_pids)}
    assert watcher.look() == []
    server.running["vocoder"].clear()
    assert watcher.look() == ["vocoder"]


def test_it_has_seen_a_model_once_one_was_ready(server):
    server.ready.clear()
    watcher = watching(server)
    assert not watcher.has_seen_a_model
    server.ready.add("tts")
    watcher.look()
    server.ready.clear()
    watcher.look()
    assert watcher.has_seen_a_model

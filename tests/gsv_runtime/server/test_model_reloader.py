"""When a model is loaded again, and when it is left alone."""

import itertools

import pytest

from gsv_runtime.server import model_reloader as reloader
from gsv_runtime.server.model_reloader import HOLD_S, ModelReloader


class FakeServer:
    """A server with one process for each model, and a clock that the test moves."""

    def __init__(self, models=("tts", "t2s", "vocoder")):
        self.new_pids = itertools.count(100)
        self.running = {model: {next(self.new_pids)} for model in models}
        self.ready = set(models)
        self.calls = []
        self.cannot_load = set()
        self.now_s = 0.0

    # what the reloader sees
    def processes(self):
        return {model: frozenset(pids) for model, pids in self.running.items() if pids}

    def is_running(self, pid):
        return any(pid in pids for pids in self.running.values())

    def clock(self):
        return self.now_s

    # ModelControl
    def is_ready(self, model):
        return model in self.ready

    def config(self, model):
        return {"backend": "python", "instance_group": [{"count": len(self.running[model])}]}

    def unload(self, model):
        self.calls.append(("unload", model))
        self.ready.discard(model)
        return True

    def load(self, model):
        self.calls.append(("load", model))
        if model in self.cannot_load:
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
    watcher = ModelReloader(server, server.processes, list(server.running), server.clock, start=lambda run: run())
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
    assert watcher.look() == []


def loads(server, watcher, until_s):
    """Look every quarter of a second; return each try to load as (moment, model)."""
    tried = []
    while server.now_s <= until_s:
        before = len(server.calls)
        watcher.look()
        tried += [(server.now_s, model) for what, model in server.calls[before:] if what == "load"]
        server.now_s += 0.25
    return tried


def test_tts_stays_away_long_enough_for_its_silent_clients_to_ask(server):
    watcher = watching(server)
    server.running["tts"].clear()
    assert loads(server, watcher, 10) == [(HOLD_S, "tts")]


def test_tts_comes_back_at_once_where_that_workaround_is_off(server, monkeypatch):
    monkeypatch.setenv("GSV_RELOAD_HOLD", "off")
    watcher = watching(server)
    server.running["tts"].clear()
    assert loads(server, watcher, 10) == [(0, "tts")]


def test_a_stage_that_died_with_tts_does_not_wait_for_it(server):
    watcher = watching(server)
    server.running["tts"].clear()
    server.running["t2s"].clear()
    assert loads(server, watcher, 10) == [(0, "t2s"), (HOLD_S, "tts")]
    assert server.calls[:2] == [("unload", "tts"), ("unload", "t2s")]


def test_a_load_that_fails_is_tried_again_after_longer_and_longer(server):
    watcher = watching(server)
    server.running["t2s"].clear()
    server.cannot_load = {"t2s"}
    assert loads(server, watcher, 91) == [(moment, "t2s") for moment in (0, 1, 3, 7, 15, 31, 61, 91)]
    server.cannot_load = set()
    assert loads(server, watcher, 200) == [(121, "t2s")]
    assert server.ready == {"tts", "t2s", "vocoder"}


def test_a_model_that_cannot_be_loaded_keeps_no_other_from_coming_back(server):
    watcher = watching(server)
    server.running["t2s"].clear()
    server.running["vocoder"].clear()
    server.cannot_load = {"t2s"}
    assert watcher.look() == ["vocoder"]
    server.running["tts"].clear()
    tried = loads(server, watcher, 5)
    assert (HOLD_S, "tts") in tried
    assert server.ready == {"tts", "vocoder"}


@pytest.mark.parametrize("answer", [b"[]", b"3", b"null", b"{", b'{"backend": "python", "instance_group": 7}', b'"x"'])
def test_an_answer_of_another_shape_is_told(monkeypatch, answer):
    control = reloader.ModelControl("127.0.0.1:1", "key")
    monkeypatch.setattr(reloader.ModelControl, "_ask", lambda *_, **__: answer)
    with pytest.raises(ValueError, match=r"configuration of t2s is .*; need a JSON object"):
        control.config("t2s")


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


def test_it_has_served_once_one_was_ready(server):
    server.ready.clear()
    watcher = watching(server)
    assert not watcher.has_served
    server.ready.add("tts")
    watcher.look()
    server.ready.clear()
    watcher.look()
    assert watcher.has_served


def test_two_models_that_die_are_each_loaded_in_their_own_time(server):
    """One whose loading hangs keeps the other waiting for nothing."""
    waiting = []
    watcher = ModelReloader(server, server.processes, list(server.running), server.clock, start=waiting.append)
    watcher.look()
    server.running["t2s"].clear()
    server.running["vocoder"].clear()
    watcher.look()
    assert len(waiting) == 2
    waiting[1]()
    assert len(watcher.look()) == 1
    assert len(waiting) == 2


class Silent:
    def __init__(self, model):
        self.model = model

    def without(self, models):
        return [self.model] if models.get(self.model) else []


def test_a_model_without_a_pulse_is_killed_and_then_loaded_again(server, monkeypatch):
    (victim,) = server.running["vocoder"]
    killed = []

    def kill(pid, number):
        killed.append(pid)
        server.running["vocoder"].discard(pid)

    monkeypatch.setattr(reloader.os, "kill", kill)
    watcher = ModelReloader(
        server, server.processes, list(server.running), server.clock, Silent("vocoder"), start=lambda run: run()
    )
    assert watcher.look() == ["vocoder"]
    assert killed == [victim]


def test_a_process_that_dies_while_it_starts_loses_the_server(server):
    server.ready.discard("vocoder")
    watcher = watching(server)
    assert watcher.lost == ""
    server.running["vocoder"].clear()
    watcher.look()
    assert watcher.lost == ""
    server.now_s += reloader.DEAD_AT_START_S + 0.25
    watcher.look()
    assert watcher.lost == "the process of vocoder died while it started"


def test_one_that_is_ready_in_the_end_loses_nothing(server):
    server.ready.discard("vocoder")
    watcher = watching(server)
    server.ready.add("vocoder")
    watcher.look()
    server.running["vocoder"].clear()
    server.now_s += 60
    assert watcher.look() == ["vocoder"]
    assert watcher.lost == ""

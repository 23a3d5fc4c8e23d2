"""The command line: what is asked of the engine, and what is told where something is missing."""

from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

from gsv_local import connection
from gsv_local.cli import main
from gsv_local.connection import LocalConnection
from gsv_runtime.errors import InvalidRequest

from .test_bundle import write


class Engine:
    """Speaks a second of silence and keeps what it was asked."""

    asked: ClassVar = []
    made: ClassVar[tuple[object, ...]] = ()

    def __init__(self, bundle, max_words, threads, engine, device):
        Engine.made = (bundle.default_voice, max_words, threads, engine, device)

    def stream(self, model, inputs, is_cancelled):
        Engine.asked.append({name: array[0] for name, array in inputs.items()})
        if inputs["text"][0] == b"fail":
            raise InvalidRequest("text has 60 words; need at most 50")
        yield {
            "waveform": np.zeros(32_000, np.float32),
            "sample_rate_hz": np.array([32_000]),
            "chunk_index": np.array([0]),
            "sentence_index": np.array([0]),
            "final": np.array([True]),
        }

    def close(self):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command with a bundle; returns (exit status, stderr)."""
    monkeypatch.setattr(connection, "LocalEngine", Engine)
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "voice.gsv", {}, voices={"ann": {}}, settings={"tts": {"max_streams": "4"}})

    def started(*arguments, bundle=True):
        given = ["--home", str(tmp_path / "home"), *(["--bundle", str(path)] if bundle else []), *arguments]
        result = CliRunner().invoke(main, given)
        return result.exit_code, result.stderr

    return started


def test_a_text_is_said_by_the_bundles_voice_and_written(run, tmp_path):
    assert run("say", "Hello.", "-o", "out.wav")[0] == 0
    assert (Engine.asked[-1]["text"], Engine.asked[-1]["voice"]) == (b"Hello.", b"ann")
    assert (tmp_path / "out.wav").stat().st_size > 64_000


def test_limits_reach_the_engine(run):
    assert run("--max-words", "0", "--threads", "1", "say", "Hello.", "-o", "out.wav")[0] == 0
    assert Engine.made == ("ann", 0, 1, "", "")


def test_who_runs_the_graphs_reaches_the_engine(run):
    assert run("--engine", "openvino", "--device", "cpu", "say", "Hello.", "-o", "out.wav")[0] == 0
    assert Engine.made == ("ann", None, 0, "openvino", "cpu")
    assert run("--engine", "moon", "say", "Hello.")[0] == 2


def test_what_the_engine_refuses_is_told_in_one_line(run, tmp_path):
    status, told = run("say", "fail", "-o", "out.wav")
    assert status == 1
    assert "text has 60 words; need at most 50" in told
    assert not (tmp_path / "out.wav").exists()


def test_a_bundle_is_chosen_once(run, tmp_path):
    assert run("use", str(tmp_path / "voice.gsv"), bundle=False)[0] == 0
    assert run("say", "Hello.", "-o", "out.wav", bundle=False)[0] == 0


def test_without_a_bundle_it_says_what_to_do(run):
    status, told = run("say", "Hello.", "-o", "out.wav", bundle=False)
    assert status == 1
    assert "run `gsv-local use FILE`" in told


@pytest.mark.parametrize("command", [(), ("say",), ("serve",), ("use",), ("voices",), ("phones",)])
def test_every_command_explains_itself_without_a_bundle(run, command):
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage" in result.output


def test_a_bundle_that_lacks_a_graph_is_told_in_one_line(run, monkeypatch):
    def broken(*_):
        raise ValueError("vocoder has no model.onnx; build the bundle again")

    monkeypatch.setattr(connection, "LocalEngine", broken)
    status, told = run("say", "Hello.", "-o", "out.wav")
    assert (status, "vocoder has no model.onnx" in told) == (1, True)


def test_a_connection_names_this_device(tmp_path):
    assert LocalConnection("this device", 0.0).url == "this device"

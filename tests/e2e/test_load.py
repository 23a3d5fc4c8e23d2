"""The load test against a real server: what it sends is heard, counted, and the same as alone."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def load(server, registered, tmp_path):
    """Runs `python -m gsv_loadtest run` and gives its exit status and its figures."""

    def run(*arguments):
        command = [sys.executable, "-m", "gsv_loadtest", "run", *arguments, "--state", str(server.state)]
        urls = [f"127.0.0.1:{server.ports.grpc}", f"http://127.0.0.1:{server.ports.http}"]
        command += ["--out", str(tmp_path), *(part for url in urls for part in ("--url", url))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    return run


def test_users_over_both_protocols_hear_what_they_would_hear_alone(load, tmp_path):
    status, figures = load("--scenario", "short", "--users", "2", "--identity", "--duration", "4", "--warm-up", "1")
    assert set(figures["problems"]) <= {"too short", "too long"}  # random weights end when they like
    assert (figures["errors"], figures["failed"]) == ({}, sum(figures["problems"].values()))
    assert status == (1 if figures["failed"] else 0)
    assert figures["ok"] > 0
    assert figures["server"]["same_processes"]
    assert (tmp_path / figures["report"]).is_file()


def test_arrivals_do_not_wait_for_those_before(load):
    _, figures = load("--scenario", "arrivals", "--rate", "12", "--duration", "2", "--warm-up", "0")
    assert figures["requests"] > 10  # 24 in the mean, each slower than the gap between two
    assert figures["requests"] == figures["ok"] + figures["busy"]

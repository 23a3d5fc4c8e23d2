"""Workarounds for defects of Triton: on where they are needed, and switched by hand."""

import re
from pathlib import Path

import pytest
import yaml

from gsv_runtime.server.triton_process import Wheel
from gsv_runtime.server.workarounds import (
    CANCEL_PAUSE,
    METRICS_THREAD,
    PRELOAD,
    RELEASE,
    RELOAD_HOLD,
    WHEEL_RELEASE,
    WORKAROUNDS,
    positions,
)

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("release", "on"),
    [
        ("24.10", {CANCEL_PAUSE, METRICS_THREAD, RELOAD_HOLD, PRELOAD}),
        ("25.03", {CANCEL_PAUSE, METRICS_THREAD, RELOAD_HOLD}),
        ("25.04", {METRICS_THREAD, RELOAD_HOLD}),
        ("25.12", {METRICS_THREAD, RELOAD_HOLD}),
        ("26.01", {METRICS_THREAD, RELOAD_HOLD}),
    ],
)
def test_what_a_release_does_not_need_is_off_in_it_and_the_library_is_on_only_where_it_was_run(release, on):
    assert {workaround for workaround in WORKAROUNDS if workaround.is_on({RELEASE: release})} == on


def test_a_release_that_is_not_known_gets_all_but_the_library():
    assert {workaround for workaround in WORKAROUNDS if workaround.is_on({})} == set(WORKAROUNDS) - {PRELOAD}


@pytest.mark.parametrize("workaround", WORKAROUNDS, ids=lambda workaround: workaround.switch)
@pytest.mark.parametrize("release", ["24.10", "25.12"])
def test_each_is_overruled_by_its_variable_and_left_alone_by_auto(workaround, release):
    found = [workaround.is_on({RELEASE: release, workaround.switch: position}) for position in ("on", "off")]
    assert found == [True, False]
    by_itself = workaround.is_on({RELEASE: release})
    assert [workaround.is_on({RELEASE: release, workaround.switch: position}) for position in ("auto", "")] == [
        by_itself
    ] * 2


def test_a_position_or_a_release_that_there_is_not_is_refused_by_name():
    with pytest.raises(ValueError, match="GSV_PRELOAD is 'no'; need on, off or auto"):
        positions({"GSV_PRELOAD": "no"})
    with pytest.raises(ValueError, match="NVIDIA_TRITON_SERVER_VERSION is 'latest'"):
        positions({RELEASE: "latest"})


def test_the_wheels_server_is_told_its_own_release_in_any_container(monkeypatch):
    monkeypatch.setenv(RELEASE, "25.12")
    assert Wheel(Path("/w"), Path("/l")).environment()[RELEASE] == WHEEL_RELEASE


def test_operations_lists_each_with_its_findings():
    table = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = {row[1]: row for row in re.findall(r"^\| (`(GSV_\w+)`) \| (.+?) \| ([\d, ]+) \| (.+) \|$", table, re.M)}
    assert rows.keys() == {workaround.switch for workaround in WORKAROUNDS}
    for workaround in WORKAROUNDS:
        _, _, does, findings, auto = rows[workaround.switch]
        assert does.startswith(workaround.does)
        assert findings == ", ".join(map(str, workaround.findings))
        needed = f"before {workaround.mended_in}" if workaround.mended_in else ""
        assert auto == " ".join(filter(None, ["on", needed, *(f"in {each} only" for each in workaround.only_in)]))


def test_the_container_is_told_each_and_leaves_the_library_out():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    environment = compose["services"]["triton"]["environment"]
    for workaround in WORKAROUNDS:
        default = "off" if workaround is PRELOAD else "auto"
        assert environment[workaround.switch] == f"${{{workaround.switch}:-{default}}}"

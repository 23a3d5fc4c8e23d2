from __future__ import annotations

import json
from pathlib import Path

import pytest

from gsv_client.nearby import nearby_gateway, nearby_url


def checkout(folder: Path, port: int, host: str = "127.0.0.1") -> Path:
    (folder / "var").mkdir(parents=True)
    state = {"pid": 1, "ports": {"host": host, "http": 1, "grpc": port, "metrics": 2}}
    (folder / "var" / "server.json").write_text(json.dumps(state))
    return folder


def test_a_command_speaks_to_the_server_of_its_own_checkout_wherever_it_is_called(tmp_path: Path) -> None:
    mine, other = checkout(tmp_path / "mine", 18_001), checkout(tmp_path / "other", 28_001)
    assert nearby_url({}, folder=other, prefix=mine / ".venv") == "127.0.0.1:18001"


def test_one_that_is_installed_elsewhere_speaks_to_the_server_of_the_folder_it_is_called_in(tmp_path: Path) -> None:
    below = checkout(tmp_path / "mine", 18_001, "10.0.0.7") / "docs" / "decisions"
    below.mkdir(parents=True)
    assert nearby_url({}, folder=below, prefix=tmp_path / "elsewhere" / "venv") == "10.0.0.7:18001"


def test_the_variables_that_make_up_listens_by_come_first(tmp_path: Path) -> None:
    mine = checkout(tmp_path, 18_001)
    assert nearby_url({"GSV_GRPC_PORT": "38001"}, folder=mine, prefix=mine / ".venv") == "127.0.0.1:38001"
    assert nearby_url({"GSV_GRPC_PORT": "38001", "GSV_HOST": "10.0.0.7"}, mine, mine) == "10.0.0.7:38001"


@pytest.mark.parametrize("state", ["", "{", "[]", '{"ports": 3}', '{"ports": {"host": "x", "grpc": "y"}}'])
def test_a_state_that_tells_nothing_is_passed_over(tmp_path: Path, state: str) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "server.json").write_text(state)
    assert nearby_url({}, folder=tmp_path, prefix=tmp_path / ".venv") == "localhost:8001"


def test_the_gateway_of_the_own_checkout_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "gateway.json").write_text('{"pid": 1, "address": "127.0.0.1:18680", "runs": "x"}')
    assert nearby_gateway({}, folder=tmp_path, prefix=tmp_path / ".venv") == "http://127.0.0.1:18680"
    found = nearby_gateway({"GSV_GATEWAY_PORT": "9000", "GSV_GATEWAY_HOST": "10.0.0.7"}, tmp_path, tmp_path)
    assert found == "http://10.0.0.7:9000"


@pytest.mark.parametrize("state", ["", "[]", '{"pid": 1}'])
def test_without_a_gateway_that_tells_its_address_the_usual_one_is_looked_at(tmp_path: Path, state: str) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "gateway.json").write_text(state)
    assert nearby_gateway({"GSV_GATEWAY_PORT": "off"}, tmp_path, tmp_path / ".venv") == "http://127.0.0.1:9880"

import contextlib

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from gsv_gateway.serving import believed

from .conftest import PATIENCE_S


@pytest.mark.parametrize(
    "path", ["/live?api_key=gsv-secret", "/v1/speak?api_key=gsv-secret", "/nothing?api_key=gsv-secret"]
)
def test_no_log_has_the_query_of_a_socket_which_may_hold_a_key(running, caplog, eventually, path):
    with caplog.at_level("INFO"):
        with contextlib.suppress(WebSocketException), connect(f"ws://127.0.0.1:{running.port}{path}") as socket:
            socket.send("{}")
        eventually(lambda: "answered" in caplog.text)
    assert "gsv-secret" not in caplog.text


@pytest.mark.parametrize(
    ("named", "are_believed"),
    [
        ("", "127.0.0.1,::1"),
        ("10.0.0.9", "127.0.0.1,::1,10.0.0.9"),
        (" 10.0.0.9, 10.1.0.0/16 ", "127.0.0.1,::1,10.0.0.9,10.1.0.0/16"),
        ("*", "*"),
    ],
)
def test_a_proxy_on_this_machine_is_believed_whoever_else_is(named, are_believed):
    assert believed(named) == are_believed


def test_whom_a_proxy_names_shares_by_its_own_address(start, triton, eventually, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.9")
    running = start()
    for forwarded in ("203.0.113.1", "198.51.100.7, 203.0.113.2", "::ffff:203.0.113.3", "203.0.113.4:5678"):
        assert running.say(headers={"X-Forwarded-For": forwarded}).status_code == 200
    asked = list(running.gateway.streams._asked_s)
    assert asked == ["203.0.113.3", "203.0.113.4"]  # the last two are kept


def test_a_client_that_offers_to_compress_sound_is_not_heeded(running):
    with connect(f"ws://127.0.0.1:{running.port}/live", open_timeout=PATIENCE_S, compression="deflate") as socket:
        assert "Sec-WebSocket-Extensions" not in socket.response.headers

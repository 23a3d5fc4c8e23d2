import contextlib

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect


@pytest.mark.parametrize(
    "path", ["/live?api_key=gsv-secret", "/v1/speak?api_key=gsv-secret", "/nothing?api_key=gsv-secret"]
)
def test_no_log_has_the_query_of_a_socket_which_may_hold_a_key(running, caplog, eventually, path):
    with caplog.at_level("INFO"):
        with contextlib.suppress(WebSocketException), connect(f"ws://127.0.0.1:{running.port}{path}") as socket:
            socket.send("{}")
        eventually(lambda: "answered" in caplog.text)
    assert "gsv-secret" not in caplog.text

import logging

import pytest

from gsv_gateway.serving import without_clients_traces


@pytest.mark.parametrize(
    ("failure", "traced"), [(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), False), (OSError(), True)]
)
def test_the_log_has_no_trace_of_what_any_client_can_send(failure, traced):
    record = logging.LogRecord(
        "uvicorn.error", logging.ERROR, "", 0, "came", (), (type(failure), failure, failure.__traceback__)
    )
    assert without_clients_traces(record)
    assert bool(record.exc_info) is traced
    assert record.levelname == ("ERROR" if traced else "WARNING")

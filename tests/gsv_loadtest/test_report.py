import json
import re
from pathlib import Path

import pytest

from gsv_loadtest.load import Plan, Result
from gsv_loadtest.outcome import Outcome
from gsv_loadtest.report import figures, table, write
from gsv_loadtest.scenarios import SCENARIOS
from gsv_loadtest.server_watch import Sample

HEARD = [
    Outcome("ok", kind, "grpc", float(at_s), ttfa_s=0.1 + at_s / 100, elapsed_s=1.0, audio_s=2.0)
    for at_s in range(6, 20)
    for kind in ("short", "long")
]
BAD = [
    Outcome("busy", "short", "http", 7.0, elapsed_s=0.05),
    Outcome("InternalError", "short", "http", 8.0, message="<stage> t2s has died"),
    Outcome("ok", "short", "http", 9.0, ttfa_s=0.1, elapsed_s=1.0, audio_s=1.0, problems=("silent",)),
]
SAMPLES = [Sample(float(at_s), 500.0, {"tts": 100.0, "t2s": 400.0}, 70, 90, 12.0, frozenset({1})) for at_s in range(20)]


@pytest.fixture(params=[(HEARD + BAD, SAMPLES), ([], []), (BAD[:2], [])], ids=["load", "nothing", "only-bad"])
def result(request):
    outcomes, samples = request.param
    return Result(Plan(SCENARIOS["mixed"], 4, None, 20.0, 5.0), outcomes, samples, 1.5, "<html>locust</html>")


def test_a_page_stands_alone_beside_locusts_own_and_the_figures(result, tmp_path):
    figures = write(result, "mixed", "mixed, 4 users", tmp_path / "new")
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert [re.sub(r"\d{8}-\d{6}", "TIME", name) for name in names] == [
        "mixed-TIME-locust.html",
        "mixed-TIME.html",
        "mixed-TIME.json",
    ]
    assert json.loads((tmp_path / "new" / names[2]).read_text()) == figures
    text = (tmp_path / "new" / names[1]).read_text()
    assert not re.search(r"<script|<link|<img|src=|@import", text)
    assert names[0] in text


@pytest.mark.slow
def test_what_went_wrong_is_on_the_page_and_escaped(tmp_path):
    result = Result(Plan(SCENARIOS["mixed"], 4, None, 20.0, 5.0), HEARD + BAD, SAMPLES, 1.5, "")
    text = Path(write(result, "mixed", "mixed", tmp_path)["report"]).read_text(encoding="utf-8")
    assert "InternalError: &lt;stage&gt; t2s has died" in text
    assert "silent" in text
    assert text.count("<svg") == 5


def test_the_table_says_what_became_of_requests_and_how_long_listeners_waited(result):
    lines = table(figures(result)).splitlines()
    assert lines[0].endswith(f"{figures(result)['failed']} failed")
    if figures(result)["ok"] > 1:
        assert lines[0] == "31 requests: 29 heard, 1 refused, 0 left early, 2 failed"
        assert "InternalError: 1" in lines
        assert any(line.startswith("time to first audio, s") and "0.290" in line for line in lines)

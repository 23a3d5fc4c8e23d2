import json

import pytest

from gsv_judge.__main__ import main, parser

from .conftest import FakePanel


def test_judging_prints_a_table_and_leaves_json_and_a_page(folder, panel, capsys):
    assert main(["judge", str(folder), "--only", "whisper", "speakers", "signal"], panel) == 0
    assert "words wrong, Whisper" in capsys.readouterr().out
    assert json.loads((folder / "judged.json").read_text())["figures"]["wer_whisper"]["value"] == 0.0
    assert "<audio" in (folder / "judged.html").read_text()


@pytest.mark.slow
def test_two_judged_runs_are_compared(folder, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("other") / "run"
    for heard in ("the bakery opens early", "the bakery opens"):
        assert main(["judge", str(folder), "--only", "whisper"], FakePanel(heard)) == 0
        if not other.exists():
            other.mkdir()
            (other / "judged.json").write_text((folder / "judged.json").read_text())
    capsys.readouterr()
    assert main(["compare", str(other), str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["wer_whisper"]["value"] == pytest.approx(0.25)
    assert (folder / "judged-beside.html").exists()


def test_what_cannot_be_judged_ends_with_1_and_a_reason(tmp_path, caplog):
    assert main(["judge", str(tmp_path / "nowhere")], FakePanel()) == 1
    assert "is no folder" in caplog.text


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("judge", "speak", "compare", "hear"))

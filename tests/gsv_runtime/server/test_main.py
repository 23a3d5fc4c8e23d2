"""The command line of the local server."""

import subprocess
import sys

import pytest

from gsv_runtime.server.__main__ import COMMANDS, main


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


@pytest.mark.slow
def test_running_a_server_does_not_load_torch():
    code = "import sys, gsv_runtime.server.__main__, gsv_runtime.server.launch; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_misuse_has_status_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2

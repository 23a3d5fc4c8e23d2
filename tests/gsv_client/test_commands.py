"""Commands that other packages bring are found; those that are not here say where they are."""

import click
import pytest
from click.testing import CliRunner

from gsv_client import commands
from gsv_client.cli import main


class Registered:
    """An entry point that loads to what it is given, or fails."""

    name = "cache"

    def __init__(self, loaded):
        self._loaded = loaded

    def load(self):
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


@pytest.fixture
def register(monkeypatch):
    def register(*found):
        monkeypatch.setattr(commands, "entry_points", lambda group: found if group == "gsv.commands" else ())

    return register


def test_the_runtimes_cache_commands_are_registered():
    ran = CliRunner().invoke(main, ["cache", "--help"])
    assert ran.exit_code == 0
    assert "export" in ran.output


def test_a_registered_command_is_listed_and_run(register):
    register(Registered(click.Command("cache", callback=lambda: click.echo("ran"), help="Of another package.")))
    assert "Of another package." in CliRunner().invoke(main, ["--help"]).output
    assert CliRunner().invoke(main, ["cache"]).output == "ran\n"


def test_without_the_package_gsv_cache_says_where_it_works(register):
    register()
    ran = CliRunner().invoke(main, ["cache", "prune", "--max-bytes", "1G"])
    assert ran.exit_code == 1
    assert "comes with the package gsv-runtime, which is not installed here" in ran.stderr
    assert "cache" not in CliRunner().invoke(main, ["--help"]).output


def test_a_package_that_cannot_be_loaded_leaves_the_other_commands_usable(register):
    register(Registered(ImportError("no module named x")))
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
    ran = CliRunner().invoke(main, ["cache", "stats"])
    assert ran.exit_code == 1
    assert "gsv cache cannot be loaded: ImportError: no module named x" in ran.stderr


def test_an_unknown_command_is_misuse():
    assert CliRunner().invoke(main, ["sing"]).exit_code == 2

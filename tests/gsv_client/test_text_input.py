"""Texts of files and of the command line."""

import click
import pytest
from click.testing import CliRunner

from gsv_client.text_input import TextCommand, decoded, text_of_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_without_the_mark_of_its_encoding(encoding):
    assert decoded("你好\r\n".encode(encoding), "a.txt") == "你好\r\n"


def test_what_is_no_text_is_named_with_the_place():
    with pytest.raises(ValueError, match=r"a.txt is no UTF-8 at byte 2; convert it"):
        decoded(b"ab\xff", "a.txt")


@click.command(cls=TextCommand)
@click.argument("text")
@click.option("-v", "--voice")
@click.option("--file", callback=text_of_file)
@click.option("--play", is_flag=True)
def said(**given):
    click.echo(repr(given))


@pytest.mark.parametrize(
    ("arguments", "text", "voice"),
    [
        (["-5 degrees.", "-v", "ann"], "-5 degrees.", "ann"),
        (["--play", "- Hello there."], "- Hello there.", None),
        (["-v", "-5 is my name", "Hello."], "Hello.", "-5 is my name"),
        (["--voice=an n", "-12"], "-12", "an n"),
        (["-v", "ann", "--", "-v"], "-v", "ann"),
    ],
)
def test_what_can_only_be_text_is_no_option(arguments, text, voice):
    result = CliRunner().invoke(said, arguments)
    assert result.exit_code == 0, result.output
    given = eval(result.output)
    assert (given["text"], given["voice"]) == (text, voice)


def test_an_option_names_a_file_and_gives_its_text(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeff曝 bao4".encode())
    result = CliRunner().invoke(said, ["x", "--file", str(tmp_path / "a.txt")])
    assert eval(result.output)["file"] == "曝 bao4"
    (tmp_path / "a.txt").write_bytes(b"\xff")
    assert "no UTF-8" in CliRunner().invoke(said, ["x", "--file", str(tmp_path / "a.txt")]).output

import json

import pytest
from click.testing import CliRunner

from gsv_gateway.keys import KeyStore
from gsv_gateway.keys_cli import keys


@pytest.fixture
def call(tmp_path):
    def called(*arguments):
        return CliRunner().invoke(keys, ["--file", str(tmp_path / "keys.json"), *arguments])

    return called


def test_a_key_is_made_shown_without_its_secret_and_taken_back(call, tmp_path):
    made = call("add", "phone", "--rate", "60", "--streams", "2", "--voices", "demo*")
    secret = made.stdout.strip()
    key = KeyStore(tmp_path / "keys.json").find(secret)
    assert (key.name, key.requests_per_minute, key.streams, key.voices) == ("phone", 60, 2, ("demo*",))
    listed = call("list")
    assert listed.stdout.startswith(f"{key.key_id}\tphone\t")
    assert listed.stdout.rstrip().endswith("voices demo*, 60/min, 2 at once")
    assert secret not in listed.output
    revoked = call("revoke", key.key_id)
    assert revoked.exit_code == 0
    assert "lets nobody in" in revoked.output
    assert "lets nobody in" in call("list").output
    assert KeyStore(tmp_path / "keys.json").all() == []


def test_json_is_for_programs_and_has_no_hash(call):
    made = json.loads(call("add", "phone", "--json", "--shared").stdout)
    listed = json.loads(call("list", "--json").stdout)
    assert made["key"].startswith("gsv-")
    assert listed == [{name: value for name, value in made.items() if name != "key"}]
    assert "sha256" not in listed[0]
    assert listed[0]["may_change_shared"]


def test_a_key_that_is_not_there_cannot_be_taken_back(call, tmp_path):
    found = call("revoke", "00000000")
    assert found.exit_code == 1
    assert "gsv keys list" in found.output
    assert not (tmp_path / "keys.json").exists()
    assert "may do everything" in call("list").output


def test_a_file_that_is_something_else_is_an_error_in_one_line(call, tmp_path):
    (tmp_path / "keys.json").write_text("{")
    found = call("list")
    assert found.exit_code == 1
    assert "mend the file" in found.output
    assert "Traceback" not in found.output

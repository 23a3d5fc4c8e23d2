import json
import stat

import pytest

from gsv_gateway.keys import KeyStore, KeysUnreadable


@pytest.fixture
def store(tmp_path):
    return KeyStore(tmp_path / "keys.json")


def test_a_key_is_found_by_its_secret_alone(store):
    key, secret = store.add("phone", streams=2)
    other, _ = store.add("car")
    assert store.find(secret) == key
    assert store.find(key.sha256) is None
    assert store.find(secret + "x") is None
    assert key.key_id != other.key_id


def test_no_secret_is_on_disk_and_only_the_owner_reads_the_file(store, tmp_path):
    _, secret = store.add("phone")
    path = tmp_path / "keys.json"
    assert secret not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_revoked_key_is_gone_from_every_reader(store, tmp_path):
    key, secret = store.add("phone")
    now = [0.0]
    reader = KeyStore(tmp_path / "keys.json", clock=lambda: now[0])
    assert reader.find(secret) == key
    assert store.revoke(key.key_id)
    assert not store.revoke(key.key_id)
    now[0] += 1.0
    assert reader.find(secret) is None


def test_what_a_key_allows_is_kept(store):
    _, secret = store.add("phone", voices=("demo*",), may_register=False, requests_per_minute=5, streams=1)
    caller = store.find(secret).caller()
    assert (caller.voices, caller.may_register, caller.may_change_shared) == (("demo*",), False, False)
    assert (caller.requests_per_minute, caller.streams) == (5, 1)


@pytest.mark.parametrize("content", ["{", "[1]", json.dumps([{"key_id": "x"}]), '{"a": 1}'])
def test_a_file_that_cannot_be_read_lets_nobody_in(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(KeysUnreadable, match=r"keys\.json"):
        KeyStore(path).all()


def test_no_file_is_no_keys(store):
    assert store.all() == []

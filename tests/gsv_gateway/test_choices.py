"""Where choices are kept: in a file, and in a Redis."""

import asyncio

import pytest

from gsv_client import ServerBusy
from gsv_gateway.choices import S1, S2, Choice, FileChoices, RedisChoices, open_choices


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.redis)])
def open_one(request, tmp_path):
    """Opens the same place once more, as another gateway would."""
    if request.param == "file":
        return lambda: FileChoices(tmp_path / "weights.json")
    server = request.getfixturevalue("redis_server")
    server.start()
    return lambda: RedisChoices(server.url)


def run(choices, *works):
    """Do one thing after another with views of a place, and close them; what each gave."""

    async def all_of_them():
        try:
            return [await work for work in works]
        finally:
            for each in choices:
                await each.close()

    return asyncio.run(all_of_them())


def test_what_one_gateway_keeps_another_finds_and_of_that_caller_only(open_one):
    first, second = open_one(), open_one()
    found = run(
        (first, second),
        first.find("key"),
        first.change("key", lambda choice: choice.with_file(S1, "ann.ckpt")),
        second.change("key", lambda choice: choice.with_file(S2, "ann.pth")),
        first.find("key"),
        second.find("other"),
    )
    both = Choice("ann.ckpt", "ann.pth", S2)
    assert found == [None, Choice("ann.ckpt", "", S1), both, both, None]


def test_one_that_is_forgotten_is_none_and_others_stay(open_one):
    choices = open_one()
    made = (choices.change(caller, lambda choice: choice.with_file(S1, "x")) for caller in ("key", "other"))
    *_, key, other = run(
        [choices], *made, choices.forget("key"), choices.forget("stranger"), choices.find("key"), choices.find("other")
    )
    assert (key, other) == (None, Choice("x", "", S1))


def test_a_file_forgets_the_callers_that_chose_longest_ago(tmp_path, monkeypatch):
    monkeypatch.setattr("gsv_gateway.choices._MOST", 2)
    choices = FileChoices(tmp_path / "weights.json")
    run([choices], *(choices.change(caller, lambda choice: choice.with_file(S1, "x")) for caller in "abc"))
    assert [found is not None for found in run([choices], *map(choices.find, "abc"))] == [False, True, True]


def test_a_place_that_cannot_be_used_is_told_and_nothing_of_where_it_is(tmp_path):
    (tmp_path / "a-file").write_text("")
    for choices in (FileChoices(tmp_path / "a-file" / "weights.json"), RedisChoices("redis://127.0.0.1:1/0")):
        with pytest.raises(ServerBusy, match="cannot be read or kept now; the operator") as told:
            run([choices], choices.change("key", lambda choice: choice.with_file(S1, "x")))
        assert str(tmp_path) not in str(told.value)


def test_a_place_is_a_file_or_a_redis(tmp_path):
    keys = tmp_path / "keys.json"
    assert isinstance(open_choices("redis://host:6379/0", keys), RedisChoices)
    run([], open_choices("", keys).change("key", lambda choice: choice.with_file(S1, "x")))
    assert (tmp_path / "gateway-weights.json").is_file()
    with pytest.raises(ValueError, match="need a file, or redis://"):
        open_choices("s3://bucket/x", keys)

import asyncio

import pytest

from gsv_client import AsyncClient, InvalidRequest, VoiceNotFound
from gsv_gateway.access import EVERYONE, Caller
from gsv_gateway.problems import RequestRefused
from gsv_gateway.settings import Settings
from gsv_gateway.tritons import Tritons
from gsv_gateway.voices import Voices

ANN, BOB = Caller("aaaaaaaa", may_change_shared=False), Caller("bbbbbbbb", may_change_shared=False)


@pytest.fixture
def make(triton):
    def made(**settings):
        return Voices(Tritons([AsyncClient("127.0.0.1:9", transport=triton)]), Settings(**settings))

    return made


def run(coroutine):
    return asyncio.run(coroutine)


def test_each_key_sees_the_shared_voices_and_its_own(make, triton):
    triton.add_voice("own-aaaaaaaa-pet")
    triton.add_voice("own-bbbbbbbb-car")
    voices = make()
    assert [voice.voice for voice in run(voices.visible(ANN))] == ["pet", "demo"]
    assert [voice.voice for voice in run(voices.visible(BOB))] == ["car", "demo"]
    assert [voice.voice for voice in run(voices.visible(EVERYONE))] == ["demo"]


@pytest.mark.parametrize("name", ["pet", "own-aaaaaaaa-pet", "PET"])
def test_anothers_voice_is_not_there_by_any_name(make, triton, name):
    triton.add_voice("own-aaaaaaaa-pet")
    with pytest.raises(VoiceNotFound):
        run(make().resolve(name, BOB))


def test_two_keys_may_have_a_voice_of_one_name(make, triton, clip):
    voices = make()
    run(voices.register("pet", clip, "a", None, ANN))
    run(voices.register("pet", clip, "b", None, BOB))
    assert run(voices.resolve("pet", ANN)) == "own-aaaaaaaa-pet"
    run(voices.delete("pet", BOB))
    assert set(triton.voices) == {"demo", "own-aaaaaaaa-pet"}


def test_a_key_deletes_no_shared_voice(make, triton):
    with pytest.raises(RequestRefused, match="is shared"):
        run(make().delete("demo", ANN))
    assert set(triton.voices) == {"demo"}


def test_an_own_voice_hides_a_shared_one_of_its_name(make, triton, clip):
    voices = make()
    run(voices.register("demo", clip, "mine", None, ANN))
    assert run(voices.resolve("demo", ANN)) == "own-aaaaaaaa-demo"
    assert run(voices.resolve("demo", BOB)) == "demo"
    assert [voice.prompt_text for voice in run(voices.visible(ANN))] == ["mine"]


def test_a_key_may_be_kept_to_some_voices_and_from_registering(make, triton, clip):
    triton.add_voice("secret")
    kept = Caller("cccccccc", voices=("de*",), may_register=False, may_change_shared=False)
    voices = make()
    assert [voice.voice for voice in run(voices.visible(kept))] == ["demo"]
    with pytest.raises(VoiceNotFound):
        run(voices.resolve("secret", kept))
    with pytest.raises(RequestRefused, match="may not register"):
        run(voices.register("x", clip, None, None, kept))


@pytest.mark.parametrize(("default", "expected"), [("", "demo"), ("zoe", "zoe")])
def test_the_default_is_what_the_operator_says_else_demo(make, triton, default, expected):
    triton.add_voice("zoe")
    triton.add_voice("ann")
    assert run(make(default_voice=default).resolve("", EVERYONE)) == expected


def test_without_a_demo_voice_the_default_is_the_first(make, triton):
    triton.voices.clear()
    triton.add_voice("zoe")
    triton.add_voice("ann")
    assert run(make().resolve("alloy", EVERYONE)) == "ann"


def test_an_alias_stands_for_a_voice_unless_one_has_its_name(make, triton):
    triton.add_voice("zoe")
    voices = make(aliases={"Alloy": "zoe", "demo": "zoe"})
    assert run(voices.resolve("alloy", EVERYONE)) == "zoe"
    assert run(voices.resolve("demo", EVERYONE)) == "demo"


def test_a_voice_registered_elsewhere_a_moment_ago_is_found(make, triton):
    voices = make()
    run(voices.visible(EVERYONE))
    triton.add_voice("new")
    assert run(voices.resolve("new", EVERYONE)) == "new"


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 51, "../x", "own-01234567-x"])
def test_a_name_that_no_voice_may_have_is_refused(make, clip, name):
    with pytest.raises(RequestRefused, match="voice name is"):
        run(make().register(name, clip, None, None, EVERYONE))


def test_a_voice_goes_to_every_server(make, make_triton, clip):
    servers = [make_triton(), make_triton()]
    clients = [AsyncClient(f"127.0.0.1:{n + 1}", transport=server) for n, server in enumerate(servers)]
    voices = Voices(Tritons(clients), Settings())
    run(voices.register("ann", clip, None, None, EVERYONE))
    assert [set(server.voices) for server in servers] == [{"ann"}, {"ann"}]
    run(voices.delete("ann", EVERYONE))
    assert [set(server.voices) for server in servers] == [set(), set()]


def asked_together(voices, names):
    """What each of these becomes, all asked for at once; None where there is no such voice."""

    async def resolved():
        return await asyncio.gather(*(voices.resolve(name, EVERYONE) for name in names), return_exceptions=True)

    return [None if isinstance(found, VoiceNotFound) else found for found in run(resolved())]


def test_who_asks_at_once_shares_one_list(make, triton):
    assert asked_together(make(), ["demo"] * 50) == ["demo"] * 50
    assert len(triton.asked) == 1


def test_unknown_names_asked_at_once_share_one_more_list(make, triton):
    assert asked_together(make(), ["nobody", "demo"] * 25) == [None, "demo"] * 25
    assert len(triton.asked) == 2


def test_a_list_asked_for_before_a_voice_came_is_not_used_after_it(make, triton, clip):
    voices = make()

    async def registers_meanwhile():
        first = asyncio.ensure_future(voices.visible(ANN))
        await asyncio.sleep(0)
        await voices.register("pet", clip, "a", None, ANN)
        return await first, await voices.visible(ANN)

    _, after = run(registers_meanwhile())
    assert [voice.voice for voice in after] == ["pet", "demo"]


def test_a_list_that_fails_is_asked_for_again(make, triton):
    voices = make()
    triton.refusal = InvalidRequest("no")
    with pytest.raises(InvalidRequest):
        run(voices.visible(ANN))
    triton.refusal = None
    assert [voice.voice for voice in run(voices.visible(ANN))] == ["demo"]

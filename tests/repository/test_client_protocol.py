"""The client writes the server's tensor names down a second time; this holds the two copies equal."""

from __future__ import annotations

import re

import pytest

from gsv_client import fine_tunes, languages, long_texts, protocol
from gsv_gateway import page_routes
from gsv_gateway.device import bundle_files
from gsv_gateway.settings import Limits
from gsv_runtime import contract, errors, language_modes
from gsv_runtime.inprocess import bundle_format

KSERVE = {"STRING": "BYTES"}


@pytest.mark.parametrize(
    ("model", "name", "inputs", "outputs"),
    [
        (contract.TTS, protocol.TTS_MODEL, protocol.TTS_INPUTS, protocol.TTS_OUTPUTS),
        (contract.VOICES, protocol.VOICES_MODEL, protocol.VOICES_INPUTS, protocol.VOICES_OUTPUTS),
        (contract.FINE_TUNES, fine_tunes.MODEL, fine_tunes.INPUTS, fine_tunes.OUTPUTS),
    ],
)
def test_the_client_knows_every_tensor_of_the_public_models(
    model: contract.Model, name: str, inputs: dict[str, str], outputs: tuple[str, ...]
) -> None:
    assert name == model.name
    assert inputs == {tensor.name: KSERVE.get(tensor.dtype, tensor.dtype) for tensor in model.inputs}
    assert outputs == tuple(tensor.name for tensor in model.outputs)


def test_the_client_cuts_texts_where_the_servers_bound_is() -> None:
    assert long_texts.MAX_REQUEST_CHARACTERS == contract.MAX_TEXT_CHARACTERS


def test_the_gateway_and_its_page_take_texts_as_long_as_the_server_does() -> None:
    assert Limits().text_characters == contract.MAX_TEXT_CHARACTERS
    page = (page_routes.FOLDER / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'id="text"[^>]* maxlength="(\d+)"', page) == [str(contract.MAX_TEXT_CHARACTERS)]


def test_the_client_can_ask_after_every_model() -> None:
    known = {protocol.TTS_MODEL, protocol.VOICES_MODEL, fine_tunes.MODEL, *protocol.STAGE_MODELS}
    assert known == {model.name for model in contract.MODELS}


def test_every_input_but_those_of_the_transport_is_an_option_of_the_client() -> None:
    optional = {tensor.name for tensor in contract.TTS.inputs if tensor.optional}
    assert set(protocol.Options.__annotations__) == optional - {"encoding", "answer", "known_voice", "latent_kbit_s"}


def test_the_client_tells_the_values_that_the_server_allows_and_takes_by_default() -> None:
    allowed = {tensor.name: tensor.allowed for tensor in contract.TTS.inputs if tensor.allowed}
    told = {
        name: (str(each), f"{each.default:g}" if isinstance(each, contract.Range) else each.default)
        for name, each in allowed.items()
    }
    assert {name: (each.values, each.default) for name, each in protocol.ALLOWED.items()} == told


@pytest.mark.parametrize(
    "written",
    [
        *language_modes.MODES, *"EN en-US en_us Ja-JP ko_KR zh-CN zh-Hans zh-Hant-TW cmn cmn-Hans-CN All_ZH".split(),
        *"yue yue-HK zh-HK zh_hant_mo zh-yue cmn-HK fr en- -en english e en-toolongsubtag".split(), " en ", "", "中文",
    ],
)  # fmt: skip
def test_client_and_server_mean_the_same_language(written: str) -> None:
    mode = language_modes.mode_named(written)
    assert languages.language_named(written) == (written if mode is None else mode.name)


def test_a_language_has_its_tags_and_no_other_word_is_one() -> None:
    assert tuple(language_modes.MODES) == languages.LANGUAGES
    meant = {"EN": "en", "en-US": "en", "ja_JP": "ja", "zh-TW": "zh", "cmn-Hans-CN": "zh", "zh-HK": "yue", "yue": "yue"}
    assert {written: languages.language_named(written) for written in meant} == meant
    for other in ("fr", "english", "en-", "", "zh-中文"):
        assert language_modes.mode_named(other) is None


@pytest.mark.parametrize("leaf", errors.SynthesisError.__subclasses__())
def test_the_client_raises_the_same_leaf_that_the_server_raised(leaf: type[errors.SynthesisError]) -> None:
    from gsv_client.errors import error_from_wire

    error = error_from_wire(leaf("it is; do that").wire_message())
    assert (type(error).__name__, str(error)) == (leaf.__name__, "it is; do that")


def test_the_gateway_offers_devices_the_files_that_they_fetch() -> None:
    assert bundle_files.FOR_DEVICES == bundle_format.FOR_DEVICES
    assert bundle_files.MANIFEST_FILE == bundle_format.MANIFEST_FILE

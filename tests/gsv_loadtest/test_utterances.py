import itertools
from collections import Counter

from gsv_loadtest.utterances import drawn, every_utterance, texts


def test_long_texts_are_read_for_most_of_a_minute_and_short_ones_are_one_sentence():
    assert all(len(text) > 400 for text in texts("long"))
    assert all(2 <= text.count(".") <= 4 and "\n" not in text for text in texts("medium"))
    assert all(text.count(".") == 1 and len(text) < 80 for text in texts("short"))


def test_every_utterance_has_a_seed_of_its_own():
    utterances = every_utterance(["short", "long"], ["ann", "bob"])
    assert len({utterance.seed for utterance in utterances}) == len(utterances)
    assert {utterance.voice for utterance in utterances} == {"ann", "bob"}


def test_kinds_are_drawn_in_their_shares_with_every_voice_and_again_the_same():
    utterances = every_utterance(["short", "long"], ["ann", "bob"])

    def draw():
        return list(itertools.islice(drawn(utterances, {"short": 0.8, "long": 0.2}, seed=1), 2000))

    assert draw() == draw()
    kinds = Counter(utterance.kind for utterance in draw())
    assert 0.15 < kinds["long"] / 2000 < 0.25
    assert 0.45 < sum(utterance.voice == "ann" for utterance in draw()) / 2000 < 0.55

"""What the content encoder listens to."""

import numpy as np

from gsv_demo.content import CLIP_TOKENS, Clips
from gsv_demo.corpus import Corpus, Item
from gsv_demo.labels import BANDS, PHONES, Labels
from gsv_runtime.contract import SAMPLES_PER_TOKEN


def test_clips_of_an_utterance_of_a_word_are_drawn_wherever_they_begin() -> None:
    tokens = 3
    item = Item("a", "en", "one", 0, tokens * SAMPLES_PER_TOKEN, (PHONES[1],), (0.1,))
    corpus = Corpus((item,), np.ones(tokens * SAMPLES_PER_TOKEN, np.int16))
    labels = Labels(np.zeros(tokens, np.float32), np.zeros(tokens, np.float32), np.zeros((tokens, BANDS), np.float32))
    batch = Clips(corpus, labels, 1).draw(40)
    assert batch["audio"].shape[0] == 40
    assert batch["weight"].shape == (40, CLIP_TOKENS)
    assert 0 < float(batch["weight"].sum()) <= 40 * (tokens + 1)

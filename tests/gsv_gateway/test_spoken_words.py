import asyncio

import numpy as np

from gsv_client import Chunk, Word, WordFault
from gsv_gateway.spoken_words import SpokenWords
from gsv_gateway.tritons import Speech


async def chunks():
    for index, word in enumerate(("one", "two")):
        fault = (WordFault(word, 4, 7, "repeated"),) if index else ()
        said = Word(word, index * 0.5, index * 0.5 + 0.5, 4 * index, 4 * index + 3)
        yield Chunk(np.zeros(16_000, np.float32), 32_000, words=(said,), word_faults=fault)


def test_words_are_taken_once_with_times_of_the_audio_as_it_is_played():
    async def hear():
        speech, words = Speech(32_000, chunks()), SpokenWords(stretch=2.0)
        words.listen(speech)
        assert words.take() == {}
        return [words.take() async for _ in speech.chunks]

    first, last = asyncio.run(hear())
    assert first == {
        "words": [{"word": "one", "start": 0.0, "end": 0.25, "input_start": 0, "input_end": 3}],
        "word_faults": [],
    }
    assert last["words"][0]["start"] == 0.25
    assert last["word_faults"] == [{"word": "two", "fault": "repeated", "input_start": 4, "input_end": 7}]

import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from gsv_client import Chunk, InternalError, InvalidRequest
from gsv_gateway.audio.formats import OPENAI_FORMATS
from gsv_gateway.live.session import Session
from gsv_gateway.settings import Limits
from gsv_gateway.speech_response import Wanted
from gsv_gateway.stalls import Stalls
from gsv_gateway.tritons import Speech

WANTED = Wanted(OPENAI_FORMATS["pcm"], 32_000)


class Speaker:
    """Speaks a tenth of a second for each text; `hold` keeps it from ending."""

    def __init__(self):
        self.said, self.open, self.failure = [], 0, None
        self.hold = asyncio.Event()
        self.hold.set()

    @asynccontextmanager
    async def speak(self, text):
        if self.failure:
            raise self.failure
        self.said.append(text)
        self.open += 1
        speech = Speech(32_000, self.chunks())
        speech.heard_s = 0.1
        try:
            yield speech
        finally:
            self.open -= 1

    async def chunks(self):
        yield Chunk(np.zeros(3_200, np.float32), 32_000)
        await self.hold.wait()


class Ear:
    """Keeps what it was told."""

    def __init__(self):
        self.told = []

    async def speaking(self, text):
        self.told.append(("speaking", text))

    async def audio(self, data, seconds):
        self.told.append(("audio", len(data)))

    async def words(self, told):
        self.told.append(("words", told))

    async def spoken(self, text, seconds):
        self.told.append(("spoken", text, seconds))

    async def flushed(self):
        self.told.append(("flushed",))

    async def failed(self, error):
        self.told.append(("failed", str(error)))


def within(body, clock=None, **options):
    async def run():
        speaker, ear = Speaker(), Ear()
        arguments = {"max_characters": 100, **options}
        session = Session(speaker.speak, WANTED, ear, **arguments, **({"clock": clock} if clock else {}))
        try:
            await body(session, speaker, ear)
        finally:
            await session.close()
        assert speaker.open == 0

    asyncio.run(run())


async def until(claim):
    for _ in range(10_000):
        if claim():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("never happened")


def test_each_piece_is_told_heard_and_told_again():
    async def body(session, speaker, ear):
        session.write("Hello there. ")
        session.flush()
        await until(lambda: ("flushed",) in ear.told)
        assert ear.told == [
            ("speaking", "Hello there."),
            ("audio", 6_400),
            ("spoken", "Hello there.", 0.1),
            ("flushed",),
        ]

    within(body)


@pytest.mark.slow
def test_words_without_an_end_are_spoken_after_a_while():
    async def body(session, speaker, ear):
        session.write("some words and ")
        await until(lambda: speaker.said == ["some words and"])

    within(body)


def test_an_interrupt_frees_the_stream_and_forgets_what_was_written():
    async def body(session, speaker, ear):
        speaker.hold.clear()
        session.write("One two three. Four five six. ")
        session.flush()
        session.write("Seven eight nine. ")
        await until(lambda: speaker.open == 1)
        await session.interrupt()
        assert speaker.open == 0
        speaker.hold.set()
        session.write("After that. ")
        session.flush()
        await until(lambda: ("flushed",) in ear.told)
        assert speaker.said == ["One two three. Four five six.", "After that."]
        assert sum(told == ("flushed",) for told in ear.told) == 1

    within(body)


def test_a_piece_that_fails_is_told_and_the_next_is_spoken():
    async def body(session, speaker, ear):
        speaker.failure = InternalError("broken")
        session.write("This fails. ")
        session.flush()
        await until(lambda: ("flushed",) in ear.told)
        speaker.failure = None
        session.write("This is spoken. ")
        session.flush()
        await until(lambda: speaker.said == ["This is spoken."])
        assert ear.told[0] == ("failed", "broken")

    within(body)


def test_the_end_waits_until_all_was_spoken():
    async def body(session, speaker, ear):
        session.write("No end at all")
        await session.finished()
        assert speaker.said == ["No end at all"]
        assert ear.told[-1][0] == "spoken"

    within(body)


def test_the_end_of_nothing_comes_at_once():
    async def body(session, speaker, ear):
        await session.finished()
        assert ear.told == []

    within(body)


def test_no_more_text_may_wait_than_is_allowed():
    async def body(session, speaker, ear):
        speaker.hold.clear()
        with pytest.raises(InvalidRequest, match="need at most 100"):
            session.write("x" * 101)
        session.write("x" * 100)

    within(body)


def test_while_sound_is_ahead_a_sentence_is_waited_for():
    async def body(session, speaker, ear):
        session._heard_until_s = 60.0
        session.write("The beginning, and ")
        session._wake()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert speaker.said == []
        session.write("the end. ")
        await until(lambda: speaker.said == ["The beginning, and the end."])

    within(body, clock=lambda: 0.0)


def test_a_listener_that_is_gone_ends_the_session():
    async def body(session, speaker, ear):
        async def gone(data, seconds):
            raise ConnectionError("gone")

        ear.audio = gone
        session.write("Hello there. ")
        await until(session.ended.done)
        assert isinstance(session.ended.exception(), ConnectionError)

    within(body)


def test_an_interrupt_at_any_moment_of_sending_frees_the_stream():
    async def body(session, speaker, ear):
        reached, go = asyncio.Event(), asyncio.Event()

        async def slow(data, seconds):
            async def send(_):
                reached.set()
                await go.wait()

            await Stalls(Limits()).of({}).hand(send, data)

        ear.audio = slow
        speaker.hold.clear()
        for _ in range(20):
            session.write("Hello there. ")
            session.flush()
            await reached.wait()
            go.set()  # what is sent is taken in the very moment of the interrupt
            await session.interrupt()
            assert speaker.open == 0
            reached.clear()
            go.clear()

    within(body)

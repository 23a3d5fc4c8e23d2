from gsv_runtime.tts.scheduling.playback import Playback
from gsv_runtime.tts.scheduling.turns import BATCH_SLACK_S, TurnQueue


def test_before_the_first_chunk_audio_and_tokens_are_due_since_before_the_request_came():
    playback = Playback(10.0, "interactive")
    assert (playback.audio_due_s(), playback.tokens_due_s(), playback.started_s) == (5.0, 5.0, None)


def test_who_has_heard_nothing_comes_before_a_stream_that_is_late_by_seconds_and_after_one_that_is_later_still():
    late = Playback(0.0, "interactive")
    late.sent(1.0, now_s=0.0)
    assert Playback(5.0, "interactive").audio_due_s() < late.audio_due_s() < Playback(7.0, "interactive").audio_due_s()


def test_one_is_unheard_until_the_first_chunk_and_batch_work_never_is():
    playback = Playback(0.0, "interactive")
    assert playback.is_unheard
    playback.sent(1.0, now_s=0.0)
    assert not playback.is_unheard
    assert not Playback(0.0, "batch").is_unheard


def test_of_two_who_have_heard_nothing_the_one_that_came_first_comes_first():
    first, second = Playback(0.0, "interactive"), Playback(1.0, "interactive")
    assert first.audio_due_s() < second.audio_due_s()


def test_the_next_chunk_is_due_when_all_that_was_sent_has_been_heard():
    playback = Playback(10.0, "interactive")
    assert playback.sent(2.0, now_s=11.0) == 0.0
    assert playback.sent(3.0, now_s=11.5) == 0.0
    assert playback.audio_due_s() == 16.0


def test_a_late_chunk_is_an_underrun_and_what_follows_is_due_after_it():
    playback = Playback(0.0, "interactive")
    playback.sent(1.0, now_s=1.0)
    assert playback.sent(1.0, now_s=2.5) == 0.5
    assert playback.sent(1.0, now_s=3.0) == 0.0
    assert playback.audio_due_s() == 4.5


def test_tokens_are_due_later_the_more_of_them_wait_to_be_decoded():
    playback = Playback(0.0, "interactive")
    playback.sent(1.0, now_s=1.0)
    playback.tokens_audio_s = 4.0
    assert playback.tokens_due_s() == 2.0 + 3.0


def test_a_pause_that_was_sent_does_not_make_tokens_due_earlier_than_audio():
    playback = Playback(0.0, "interactive")
    playback.tokens_audio_s = 1.0
    playback.sent(1.3, now_s=0.0)
    assert playback.tokens_due_s() == playback.audio_due_s() == 1.3


def test_batch_work_is_due_later_by_a_fixed_time_so_that_it_is_not_starved():
    batch = Playback(10.0, "batch")
    assert batch.audio_due_s() == batch.tokens_due_s() == 10.0 + BATCH_SLACK_S
    newcomer = Playback(10.0 + BATCH_SLACK_S + 6, "interactive")
    assert batch.audio_due_s() < newcomer.audio_due_s()


def test_an_endless_flow_of_newcomers_that_nobody_could_serve_does_not_silence_a_stream_for_ever():
    """Each call takes 0.1 s, and somebody new asks every 0.05 s: who came in the first five seconds goes first."""
    queue, late = TurnQueue(1), Playback(0.0, "interactive")
    late.sent(1.0, now_s=0.0)
    running, stream, now_s = queue.join(-100.0), queue.join(late.audio_due_s()), 0.0
    newcomers = []
    while not queue.is_running(stream):
        assert now_s < 60, "it waits for ever"
        for came_s in (now_s, now_s + 0.05):
            newcomer = Playback(came_s, "interactive")
            newcomers.append(queue.join(newcomer.audio_due_s(), newcomer.is_unheard))
        queue.leave(running)
        now_s += 0.1
        running = next((each for each in newcomers if queue.is_running(each)), stream)
    assert 10 < now_s < 13

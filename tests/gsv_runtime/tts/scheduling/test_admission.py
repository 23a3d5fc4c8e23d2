import pytest

from gsv_runtime.contract import PAST_DEADLINE, TOO_LATE, TOO_MANY_STREAMS, TOO_SLOW
from gsv_runtime.errors import ServerBusy
from gsv_runtime.tts.scheduling.admission import Admission, AdmissionLimits, Refused

LIMITS = AdmissionLimits(max_streams=20, max_start_s=10.0, max_batch_start_s=60.0)


def admit(admission, now_s=0.0, priority="interactive", deadline_s=3600.0):
    return admission.admit(priority, deadline_s, now_s)


@pytest.fixture
def slow():
    """Starts take 2 s, one after another."""
    admission = Admission(LIMITS)
    for number in range(30):
        stream = admit(admission, now_s=2.0 * number)
        admission.started(stream, 2.0 * number + 2.0)
        admission.left(stream, 2.0 * number + 2.0)
    return admission


def test_a_server_that_knows_nothing_yet_lets_in_as_many_as_it_has_room_for():
    admission = Admission(LIMITS)
    for _ in range(20):
        admit(admission)
    with pytest.raises(Refused, match="20 streams are running, the most allowed; retry after") as refused:
        admit(admission)
    assert refused.value.reason == TOO_MANY_STREAMS


def test_a_place_that_is_left_is_given_again():
    admission = Admission(AdmissionLimits(1, 10.0, 60.0))
    admission.left(admit(admission), 1.0)
    assert admit(admission, now_s=2.0)
    assert admission.num_streams == 1


def test_a_request_that_would_start_too_late_is_refused_with_the_time_until_it_would_not(slow):
    for _ in range(6):
        admit(slow, now_s=60.0)
    with pytest.raises(Refused) as refused:
        admit(slow, now_s=60.0)
    assert refused.value.reason == TOO_LATE
    assert str(refused.value) == (
        "speech would start in about 12.0 s, and 10 s are the most allowed; retry after 2.0 s"
    )


def test_streams_that_have_started_do_not_delay_the_start_of_others(slow):
    streams = [admit(slow, now_s=60.0) for _ in range(6)]
    for stream in streams:
        slow.started(stream, 60.0)
        stream.sent(1.0, 60.0)
    assert admit(slow, now_s=60.0)


def test_a_deadline_before_the_predicted_start_is_refused_at_once(slow):
    admit(slow, now_s=60.0)
    with pytest.raises(Refused, match=r"after the request's deadline of 1 s; retry after 1\.0 s") as refused:
        admit(slow, now_s=60.0, deadline_s=1.0)
    assert refused.value.reason == PAST_DEADLINE
    assert admit(slow, now_s=60.0, deadline_s=3.0)


def test_batch_requests_that_wait_do_not_delay_interactive_ones_but_the_other_way_round(slow):
    for _ in range(10):
        admit(slow, now_s=60.0, priority="batch")
    assert slow.predicted_start_s(admit(slow, now_s=60.0)) == pytest.approx(2.0)
    assert slow.predicted_start_s(admit(slow, now_s=60.0, priority="batch")) == pytest.approx(24.0)


def test_starts_are_timed_as_if_they_came_one_after_another():
    """Ten come at once and start a second apart: a start takes 1 s, not the 10 s that the last one waited."""
    admission = Admission(LIMITS)
    streams = [admit(admission) for _ in range(10)]
    for number, stream in enumerate(streams):
        admission.started(stream, number + 1.0)
        stream.sent(9.0, number + 1.0)
    waiting = admit(admission, now_s=10.0)
    assert admission.predicted_start_s(waiting) == pytest.approx(1.0)


def test_a_refusal_crosses_the_wire_as_server_busy():
    refusal = Refused(TOO_LATE, "later; retry after 1.0 s")
    assert isinstance(refusal, ServerBusy)
    assert refusal.wire_message() == "ServerBusy: later; retry after 1.0 s"
    assert refusal.triton_code == "UNAVAILABLE"


@pytest.fixture
def strict():
    """Listeners are to get 1.2 s of speech a second."""
    return Admission(AdmissionLimits(max_streams=64, max_start_s=10.0, max_batch_start_s=60.0, min_throughput=1.2))


def speak(admission, number, audio_s_per_s, from_s, seconds, priority="interactive"):
    """So many streams that share so much speech a second; they go on."""
    streams = [admit(admission, from_s, priority) for _ in range(number)]
    for tick in range(1, 10 * seconds + 1):
        admission.spoken(audio_s_per_s / 10, from_s + tick / 10)
    return streams


def test_a_listener_who_would_leave_too_little_speech_for_each_is_refused(strict):
    speak(strict, 10, 12.5, from_s=0.0, seconds=30)
    with pytest.raises(Refused, match=r"11 listeners would get 1\.\d\d s of speech a second, and need 1.2") as refused:
        admit(strict, now_s=30.0)
    assert refused.value.reason == TOO_SLOW


def test_while_each_gets_enough_the_next_is_let_in(strict):
    speak(strict, 10, 20.0, from_s=0.0, seconds=30)
    assert admit(strict, now_s=30.0)


def test_what_few_streams_got_says_nothing_about_many(strict):
    """One stream that gets 3 s a second is not a server that can speak to two only."""
    speak(strict, 1, 3.0, from_s=0.0, seconds=30)
    for _ in range(20):
        assert admit(strict, now_s=30.0)


def test_when_listeners_have_left_the_next_is_let_in(strict):
    streams = speak(strict, 10, 12.0, from_s=0.0, seconds=30)
    for stream in streams[:5]:
        strict.left(stream, 30.0)
    assert admit(strict, now_s=30.0)


def test_a_server_that_was_slow_speaks_to_one_listener_all_the_same(strict):
    for stream in speak(strict, 2, 0.5, from_s=0.0, seconds=30):
        strict.left(stream, 30.0)
    assert admit(strict, now_s=30.0)
    with pytest.raises(Refused, match="2 listeners would get"):
        admit(strict, now_s=30.0)


def test_a_server_that_was_slow_and_then_had_nothing_to_do_is_tried_again(strict):
    for stream in speak(strict, 2, 0.5, from_s=0.0, seconds=30):
        strict.left(stream, 30.0)
    for _ in range(10):
        assert admit(strict, now_s=60.0)


def test_time_without_work_does_not_make_a_server_slow(strict):
    for stream in speak(strict, 10, 20.0, from_s=0.0, seconds=30):
        strict.left(stream, 30.0)
    for _ in range(10):
        assert admit(strict, now_s=33.0)


def test_batch_work_is_not_refused_for_its_speed_and_takes_none_from_listeners(strict):
    speak(strict, 10, 3.0, from_s=0.0, seconds=30, priority="batch")
    assert admit(strict, now_s=30.0, priority="batch")
    assert admit(strict, now_s=30.0)


def test_where_no_speed_is_asked_for_nobody_is_refused_for_it():
    admission = Admission(LIMITS)
    speak(admission, 10, 0.1, from_s=0.0, seconds=30)
    assert admit(admission, now_s=30.0)

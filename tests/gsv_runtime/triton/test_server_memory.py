"""When tritonserver has taken much memory since a model began."""

from gsv_runtime.triton.server_memory import MUCH_BYTES, ServerMemory


def test_memory_is_short_once_much_was_taken_and_not_when_it_was_given_back():
    held, now_s = [100], [0.0]
    memory = ServerMemory(lambda: held[0], lambda: now_s[0])

    def later(taken):
        held[0], now_s[0] = 100 + taken, now_s[0] + 1
        return memory.is_short()

    assert [later(taken) for taken in (0, MUCH_BYTES, MUCH_BYTES + 1, 5)] == [False, False, True, False]


def test_it_is_looked_at_a_few_times_a_second_however_often_it_is_asked():
    looks = []
    memory = ServerMemory(lambda: looks.append(1) or 0, lambda: 0.0)
    assert not any(memory.is_short() for _ in range(100))
    assert len(looks) == 1

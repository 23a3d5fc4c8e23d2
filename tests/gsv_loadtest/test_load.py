import math

from gsv_loadtest.load import Load, Plan
from gsv_loadtest.outcome import Outcome
from gsv_loadtest.scenarios import SCENARIOS
from gsv_loadtest.utterances import every_utterance


class FakeListener:
    def __init__(self, protocol):
        self.protocol, self.began_s, self.heard = protocol, 0.0, []

    def hear(self, utterance, due_s, leaves_after_s):
        self.heard.append((utterance, leaves_after_s))
        return Outcome("ok", utterance.kind, self.protocol, due_s, ttfa_s=0.1)


def load_of(scenario, warm_up_s=0.0, heard=lambda outcome: None):
    kinds = list(SCENARIOS[scenario].kinds)
    plan = Plan(SCENARIOS[scenario], 1, None, math.inf, warm_up_s)
    return Load(plan, [FakeListener("grpc"), FakeListener("http")], every_utterance(kinds, ["ann", "bob"]), heard)


def test_protocols_take_turns():
    load = load_of("short")
    assert [load.listen(0.0).protocol for _ in range(4)] == ["grpc", "http", "grpc", "http"]


def test_one_listener_of_five_leaves_the_soak_and_none_the_others():
    for scenario, least, most in (("soak", 0.17, 0.23), ("mixed", 0.0, 0.0)):
        load = load_of(scenario)
        for _ in range(2000):
            load.listen(0.0)
        left = [leaves for listener in load.listeners for _, leaves in listener.heard if leaves is not None]
        assert least <= len(left) / 2000 <= most


def test_what_was_due_in_the_warm_up_is_heard_but_does_not_count():
    seen = []
    load = load_of("short", warm_up_s=5.0, heard=seen.append)
    for due_s in (0.0, 4.9, 5.0, 9.0):
        load.listen(due_s)
    assert [outcome.due_s for outcome in load.counted()] == [5.0, 9.0]
    assert len(seen) == 4
    assert load.tally() == {"ok": 4}
    assert load.running == 0
